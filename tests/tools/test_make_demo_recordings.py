"""The committed recordings of the demo, and what their script says about them."""

import hashlib

import pytest
import soundfile

from make_demo_recordings import LICENCE, RECORDINGS
from paths import DEMO
from ser_stream.asr.base import AsrSettings
from ser_stream.asr.factory import open_recognizer
from ser_stream.audio.speech import read_samples
from ser_stream.emotion import BASIC_EMOTIONS


def plain(text):
    return text.lower().translate(str.maketrans("", "", ".,!")).split()


def test_all_recordings_are_there_and_no_others():
    assert {path.stem for path in DEMO.glob("*.flac")} == set(RECORDINGS)
    assert (DEMO / "NOTICE").is_file()
    assert {name.partition("-")[2] for name in RECORDINGS} <= set(BASIC_EMOTIONS)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_the_one_that_the_script_makes(name):
    content = (DEMO / f"{name}.flac").read_bytes()
    assert hashlib.sha256(content).hexdigest() == RECORDINGS[name].sha256


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_short_and_says_what_it_holds(name):
    path = DEMO / f"{name}.flac"
    with soundfile.SoundFile(path) as file:
        assert (file.format, file.subtype) == ("FLAC", "PCM_16")
        assert (file.samplerate, file.channels) == (16_000, 1)
        assert 3 <= len(file) / 16_000 <= 6
        assert file.title == RECORDINGS[name].text
        assert file.license == LICENCE
    assert path.stat().st_size < 100_000


@pytest.mark.parametrize("name", RECORDINGS)
def test_pocketsphinx_understands_each_with_the_grammar_of_the_demo(name):
    recognizer = open_recognizer(AsrSettings("pocketsphinx", grammar="demo"))
    words = recognizer.recognize(read_samples(DEMO / f"{name}.flac"), 0.0)
    assert [word.text for word in words] == plain(RECORDINGS[name].text)
