"""`ser-stream transcribe` as a user runs it."""

import json
import re

import pytest
import soundfile

from command import run
from shared_fixtures import SPOKEN
from textgrids import assert_covers, intervals
from tiny_whisper import make_tiny_whisper

RECORDING = SPOKEN / "3-sad.flac"
TEXT = "He is gone now. I sit here, and nobody calls."
WORDS = "he is gone now i sit here and nobody calls"


@pytest.fixture
def grammar(tmp_path):
    path = tmp_path / "sentences.txt"
    path.write_text("He is gone now.\nI sit here, and nobody calls.\n")
    return path


def test_transcribe_gives_one_object_a_turn(grammar):
    code, out, _ = run("transcribe", RECORDING, "--grammar", grammar)
    turns = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert " ".join(turn["text"] for turn in turns) == WORDS
    for found in turns:
        for word in found["words"]:
            assert found["start_s"] <= word["start_s"] < word["end_s"] <= found["end_s"]


def test_transcribe_aligns_a_known_text(tmp_path):
    code, out, err = run("transcribe", RECORDING, "--text", TEXT, "--format", "textgrid")
    assert (code, err) == (0, "")
    tiers = intervals(out)
    for spans in tiers.values():
        assert_covers(spans, soundfile.info(RECORDING).duration)
    assert " ".join(text for _, _, text in tiers["words"] if text) == TEXT


def test_transcribe_with_faster_whisper(tmp_path):
    model = make_tiny_whisper(tmp_path / "whisper", "Hello there.")
    recording = SPOKEN / "2-happy.flac"
    code, out, _ = run("transcribe", recording, "--asr-model", model, "--format", "srt")
    assert code == 0
    assert re.fullmatch(r"1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\nHello there\.\n", out)


def test_a_text_that_does_not_fit_gives_the_words_found_and_code_2():
    code, out, err = run("transcribe", RECORDING, "--text", TEXT + " Good night, and good luck.")
    assert code == 2
    assert json.loads(out)["text"].startswith("He is gone now.")
    assert "3-sad.flac: only the first" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.wav"], "none.wav: No such file"),
        ([RECORDING, "--text", "Zyzzyva"], "no word of 'Zyzzyva' is in"),
        ([RECORDING, "--text", "so", "--asr", "faster_whisper"], "--text: goes with --asr pocket"),
        ([RECORDING, "--grammar", "none.jsgf"], "grammar none.jsgf: no such file"),
        ([RECORDING, "--asr", "pocketsphinx", "--language", "de"], "pocketsphinx has only en"),
        ([RECORDING, "--asr-model", "huge"], "'huge'; accepted are a folder"),
    ],
)
def test_unusable_input_prints_one_line_and_exits_with_2(arguments, message):
    code, out, err = run("transcribe", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert message in line
