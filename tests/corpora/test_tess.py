import pytest

from corpus_files import sound
from ser_stream.corpora import tess


@pytest.mark.parametrize("folder", ["OAF_Pleasant_surprise", "."])
def test_tess_is_read_from_its_folders_or_flat(tmp_path, folder):
    sound(tmp_path / folder / "OAF_back_ps.wav")
    (utterance,) = tess.read(tmp_path)
    assert (utterance.label, utterance.speaker, utterance.gender) == ("surprise", "tess-OAF", "f")
    assert utterance.text == "Say the word back"
    assert utterance.key == "tess/OAF_back_ps"


def test_tess_has_two_actresses_and_one_misnamed_file(tmp_path):
    for name in ("OAF_neutral/OA_bite_neutral.wav", "YAF_fear/YAF_bite_fear.wav"):
        sound(tmp_path / name)
    old, young = tess.read(tmp_path)
    assert (old.speaker, old.label, old.key) == ("tess-OAF", "neutral", "tess/OAF_bite_neutral")
    assert (young.speaker, young.label) == ("tess-YAF", "fear")
