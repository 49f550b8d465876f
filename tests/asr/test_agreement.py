from hypothesis import given
from hypothesis import strategies as st

from ser_stream.asr.agreement import LocalAgreement
from ser_stream.words import Word


def words(text):
    """Return words of one second each."""
    return tuple(Word(word, float(i), i + 1.0) for i, word in enumerate(text.split()))


def said(sequence):
    return " ".join(word.text for word in sequence)


def test_words_are_stable_once_two_passes_agree():
    agreement = LocalAgreement()
    passes = ["the meeting is", "The meeting begins at", "The meeting, begins at ten."]
    found = [agreement(words(text)) for text in passes]
    assert [stable for _, stable in found] == [0, 2, 4]
    assert [said(shown) for shown, _ in found] == [
        "the meeting is", "The meeting begins at", "The meeting begins at ten.",
    ]  # fmt: skip


def test_a_contradicting_pass_only_adds_words_after_the_stable_ones():
    agreement = LocalAgreement()
    agreement(words("he is"))
    agreement(words("he is gone"))
    shown, stable = agreement(words("she was gone now"))
    assert (said(shown), stable) == ("he is gone now", 3)


def test_an_empty_pass_keeps_the_stable_words():
    agreement = LocalAgreement()
    agreement(words("he is"))
    agreement(words("he is"))
    assert [said(agreement(())[0]), agreement(words("he is gone"))[1]] == ["he is", 2]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=8))
def test_stable_words_are_only_ever_added_to(passes):
    agreement = LocalAgreement()
    before = ()
    for texts in passes:
        shown, stable = agreement(words(" ".join(texts)))
        assert shown[: len(before)] == before
        assert stable >= len(before)
        before = shown[:stable]
