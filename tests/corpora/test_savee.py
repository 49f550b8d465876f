import pytest

from corpus_files import sound
from ser_stream.corpora import savee


@pytest.mark.parametrize(
    "names",
    [
        ("AudioData/DC/sa01.wav", "AudioData/JE/sa01.wav", "AudioData/KL/a15.wav"),
        ("ALL/DC_sa01.wav", "ALL/JE_sa01.wav", "ALL/KL_a15.wav"),
        ("DC_sa01.wav", "JE_sa01.wav", "KL_a15.wav"),
    ],
)
def test_savee_reads_every_layout_to_the_same_utterances(tmp_path, names):
    for name in names:
        sound(tmp_path / name)
    utterances = savee.read(tmp_path)
    assert [u.key for u in utterances] == ["savee/DC_sa01", "savee/JE_sa01", "savee/KL_a15"]
    assert [u.speaker for u in utterances] == ["savee-DC", "savee-JE", "savee-KL"]
    assert [u.label for u in utterances] == ["sad", "sad", "angry"]


def test_savee_codes_are_of_one_letter_or_two(tmp_path):
    for code in ("a", "d", "f", "h", "n", "sa", "su"):
        sound(tmp_path / "AudioData" / "JK" / f"{code}01.wav")
    labels = {u.path.stem[:-2]: u.label for u in savee.read(tmp_path)}
    assert labels == {
        "a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad",
        "su": "surprise",
    }  # fmt: skip
