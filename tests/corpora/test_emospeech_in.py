from collections import Counter

import pytest

from corpus_files import sound, text
from ser_stream.corpora import emospeech_in
from ser_stream.errors import InputError
from ser_stream.recipes.speech import _speaker

KNOWN = "c7b431195e2871a0c0b0825234c1e22bbcde02163992fd45108a7974"
UNKNOWN = "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"
INDEX = """path,corpus,speaker,text
emospeech_in/go_safe_fearful_1563000375725_4d49a8.opus,emospeech_in,ies_016294ed,go
other/go_safe_calm_1563000375725_4d49a8.opus,other,ies_00000000,go
"""


def test_the_distribution_names_speakers_by_hashes(tmp_path):
    for name in (
        f"webservice/bacho-safe-angry-1562996360436-{KNOWN}.wav",
        f"Near Lake/help-glass break-calm-20190710220944-{KNOWN}.wav",
        f"House/bacho-safe-calm-20190709085906-{UNKNOWN}.wav",
        f"House/background-safe-None-20190701193438-{KNOWN}.wav",
    ):
        sound(tmp_path / name)
    english, hindi = emospeech_in.read(tmp_path)
    assert (english.label, english.text, english.language) == ("calm", "help", "en")
    assert (hindi.label, hindi.text, hindi.language) == ("angry", "bacho", "hi")
    assert english.speaker == hindi.speaker == "emospeech_in-c7b43119"
    assert english.gender == ""


def test_the_index_names_the_speakers_of_a_flat_folder(tmp_path):
    sound(tmp_path / "emospeech_in" / "go_safe_fearful_1563000375725_4d49a8.wav")
    text(tmp_path / "index.csv", INDEX)
    (utterance,) = emospeech_in.read(tmp_path / "emospeech_in")
    assert (utterance.speaker, utterance.label) == ("emospeech_in-016294ed", "fear")


@pytest.mark.parametrize("index", [None, "path,corpus,speaker\n", INDEX.replace("fearful", "calm")])
def test_a_recording_whose_speaker_is_not_known_is_named(tmp_path, index):
    path = sound(tmp_path / "emospeech_in" / "go_safe_fearful_1563000375725_4d49a8.wav")
    if index is not None:
        text(tmp_path / "index.csv", index)
    with pytest.raises(InputError, match=f"{path}: no index.csv names its speaker; .*read from"):
        emospeech_in.read(path.parent)


def test_recipes_may_name_a_speaker_whose_digits_yaml_takes_for_a_number():
    assert _speaker("emospeech_in", 294) == "emospeech_in-00000294"
    assert _speaker("emospeech_in", "016294ed") == "emospeech_in-016294ed"


def test_the_corpus_has_the_speakers_and_words_that_are_known(corpora_root):
    utterances = emospeech_in.read(corpora_root / "emospeech_in")
    assert (len(utterances), len({u.speaker for u in utterances})) == (2017, 105)
    assert Counter(u.label for u in utterances) == {
        "calm": 749, "angry": 456, "fear": 423, "happy": 389,
    }  # fmt: skip
    assert {u.text for u in utterances} == {"help", "bacho", "stop", "no", "go", "yes", ""}
