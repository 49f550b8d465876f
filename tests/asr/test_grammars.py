import pytest

from paths import SPOKEN
from ser_stream.asr.base import AsrSettings
from ser_stream.asr.factory import open_recognizer
from ser_stream.asr.grammars import find_grammar, shipped_grammars
from ser_stream.audio.speech import read_samples, speech_span
from ser_stream.errors import InputError


def test_shipped_grammars_are_found_by_name_and_others_as_files(tmp_path):
    assert shipped_grammars() == ["demo", "robot-commands"]
    assert find_grammar("robot-commands").name == "robot-commands.jsgf"
    own = tmp_path / "own.txt"
    own.write_text("Come here!\n")
    assert find_grammar(str(own)) == own


@pytest.mark.parametrize("name", ["nonsense", "robot-commands.jsgf", "../grammars/demo", "x" * 300])
def test_a_grammar_that_is_missing_names_those_that_are_installed(name):
    with pytest.raises(InputError) as error:
        find_grammar(name)
    assert str(error.value) == (
        f"asr grammar {name}: no such file; accepted are demo, robot-commands (installed with the "
        "package), and a file"
    )


def test_the_grammar_of_the_demo_recognises_its_recordings():
    samples = read_samples(SPOKEN / "4-angry.flac")
    start, end = speech_span(samples)
    recognizer = open_recognizer(AsrSettings("pocketsphinx", grammar="demo"))
    words = recognizer.recognize(samples[start:end], 0.0)
    assert " ".join(word.text for word in words) == (
        "i told you not to touch that leave it alone now"
    )


@pytest.mark.parametrize("name", shipped_grammars())
def test_pocketsphinx_accepts_each_shipped_grammar(name):
    recognizer = open_recognizer(AsrSettings("pocketsphinx", grammar=name))
    silence = read_samples(SPOKEN / "1-neutral.flac")[:8000]
    assert recognizer.recognize(silence, 0.0) == ()
