from collections import Counter

import pytest

from corpus_files import sound
from ser_stream.corpora import emodb


@pytest.mark.parametrize("folder", ["wav", "."])
def test_emodb_names_are_decoded_and_the_bored_left_out(tmp_path, folder):
    for name in ("03a01Fa.wav", "08b10Wb.wav", "16a05Lb.wav"):
        sound(tmp_path / folder / name)
    happy, angry = emodb.read(tmp_path)
    assert (happy.label, happy.speaker, happy.gender) == ("happy", "emodb-03", "m")
    assert (happy.text, happy.language) == ("Der Lappen liegt auf dem Eisschrank.", "de")
    assert (angry.label, angry.speaker, angry.gender) == ("angry", "emodb-08", "f")


def test_emodb_letters_are_first_letters_of_german_emotions(tmp_path):
    for letter in "WEAFTN":
        sound(tmp_path / f"10a02{letter}a.wav")
    labels = {u.path.stem[5]: u.label for u in emodb.read(tmp_path)}
    assert labels == {
        "W": "angry", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral",
    }  # fmt: skip


def test_the_corpus_has_the_recordings_that_its_paper_counts(corpora_root):
    utterances = emodb.read(corpora_root / "emodb")
    assert Counter(u.label for u in utterances) == {
        "angry": 127, "neutral": 79, "happy": 71, "fear": 69, "sad": 62, "disgust": 46,
    }  # fmt: skip
    assert {(u.speaker, u.gender) for u in utterances} == {
        (f"emodb-{number}", sex)
        for number, sex in zip(
            ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16"), "mffmmmffmf", strict=True
        )
    }
