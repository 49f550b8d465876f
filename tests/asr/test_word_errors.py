"""Word errors by hand, and those of an empty transcript."""

import pytest

from ser_stream.asr.word_errors import word_error_rate, word_errors


@pytest.mark.parametrize(
    ("spoken", "recognised", "errors"),
    [
        ("come over here now", "come over here now", 0),
        ("come over here now", "come hear now", 2),  # one deleted, one substituted
        ("come over here", "please come over over here", 2),  # two inserted
        ("come", "", 1),
        ("", "thank you", 2),
    ],
)
def test_errors_are_the_least_edits(spoken, recognised, errors):
    assert word_errors(spoken.split(), recognised.split()) == errors


def test_the_rate_counts_words_not_texts():
    """One error in four words and none in one: a fifth, not the mean of a quarter and zero."""
    pairs = [("a b c d".split(), "a b c x".split()), (["e"], ["e"])]
    assert word_error_rate(pairs) == pytest.approx(1 / 5)
