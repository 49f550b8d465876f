import pytest

from corpus_files import sound, text
from ser_stream.corpora import cremad
from ser_stream.errors import InputError


@pytest.mark.parametrize("folder", ["AudioWAV", "."])
def test_cremad_is_read_from_its_folder_or_flat(tmp_path, folder):
    sound(tmp_path / folder / "1001_IEO_DIS_HI.wav")
    (utterance,) = cremad.read(tmp_path)
    assert (utterance.label, utterance.speaker) == ("disgust", "cremad-1001")
    assert (utterance.intensity, utterance.text) == ("strong", "It's eleven o'clock")


def test_cremad_takes_gender_from_its_own_table(tmp_path):
    sound(tmp_path / "AudioWAV" / "1002_DFA_ANG_XX.wav")
    (tmp_path / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1002,21,Female,Caucasian,Not Hispanic\n"
    )
    assert cremad.read(tmp_path)[0].gender == "f"


def test_cremad_says_which_column_its_table_lacks(tmp_path):
    sound(tmp_path / "AudioWAV" / "1002_DFA_ANG_XX.wav")
    text(tmp_path / "VideoDemographics.csv", "Actor;Sex\n1002;Female\n")
    with pytest.raises(InputError, match=r"VideoDemographics\.csv: no column ActorID, Sex; found"):
        cremad.read(tmp_path)
