"""Transcripts as files, and `ser-stream transcribe` as a user runs it."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
import soundfile

from command import run
from ser_stream.asr.transcription import SpokenTurn
from ser_stream.outputs.transcript import json_line, srt, textgrid
from ser_stream.words import Word
from shared_fixtures import DEMO
from tiny_whisper import make_tiny_whisper

RECORDING = DEMO / "3-sad.flac"
TEXT = "He is gone now. I sit here, and nobody calls."
WORDS = "he is gone now i sit here and nobody calls"


def turn(*words):
    return SpokenTurn(words[0].start_s - 0.2, words[-1].end_s + 0.2, words)


HELLO = turn(Word("hello", 1.0, 1.5, 0.9), Word('"you"', 1.6, 2.0))


def intervals(text):
    """Tier -> (xmin, xmax, text) of each interval, as Praat's manual describes the format."""
    tiers = {}
    for tier in text.split("    item [")[1:]:
        (name,) = re.findall(r'name = "(.*)"', tier)
        found = re.findall(r'xmin = (\S+)\n +xmax = (\S+)\n +text = "(.*)"', tier)
        assert f"intervals: size = {len(found)}" in tier
        tiers[name] = [(float(a), float(b), label.replace('""', '"')) for a, b, label in found]
    return tiers


def assert_covers(spans, duration_s):
    assert spans[0][0] == 0
    assert spans[-1][1] == pytest.approx(duration_s, abs=1e-6)
    assert all(end > start for start, end, _ in spans)
    assert all(before[1] == after[0] for before, after in pairwise(spans))


def test_textgrid_intervals_cover_the_recording():
    tiers = intervals(textgrid([HELLO], 3.0))
    assert tiers["words"] == [
        (0, 1, ""), (1, 1.5, "hello"), (1.5, 1.6, ""), (1.6, 2, '"you"'), (2, 3, ""),
    ]  # fmt: skip
    assert tiers["turns"] == [(0, 0.8, ""), (0.8, 2.2, 'hello "you"'), (2.2, 3, "")]


def test_textgrid_of_words_that_touch_overlap_or_reach_the_end():
    words = [Word("a", 0.0, 1.0), Word("b", 1.0, 2.0), Word("c", 1.5, 2.5), Word("d", 2.2, 2.4)]
    spans = intervals(textgrid([SpokenTurn(0.0, 2.5, tuple(words))], 2.5))["words"]
    assert spans == [(0, 1, "a"), (1, 2, "b"), (2, 2.5, "c d")]


def test_textgrid_of_silence_is_one_empty_interval():
    assert intervals(textgrid([], 2.0)) == {"turns": [(0, 2, "")], "words": [(0, 2, "")]}


def test_json_line():
    assert json.loads(json_line(HELLO)) == {
        "start_s": 0.8,
        "end_s": 2.2,
        "text": 'hello "you"',
        "words": [
            {"text": "hello", "start_s": 1.0, "end_s": 1.5, "probability": 0.9},
            {"text": '"you"', "start_s": 1.6, "end_s": 2.0, "probability": 1.0},
        ],
    }


def test_srt_numbers_cues_over_all_turns():
    later = turn(Word("Bye.", 3661.0015, 3662.0))
    assert srt([HELLO, SpokenTurn(5.0, 6.0, ()), later]) == (
        '1\n00:00:01,000 --> 00:00:02,000\nhello "you"\n\n2\n01:01:01,002 --> 01:01:02,000\nBye.\n'
    )


def test_srt_cues_have_two_lines_of_42_characters_and_7_seconds_at_most():
    quick = turn(*(Word("characters", i / 5, i / 5 + 0.2) for i in range(40)))
    slow = turn(*(Word("slow", 100.0 + 2 * i, 102.0 + 2 * i) for i in range(10)))
    cues = [cue.splitlines() for cue in srt([quick, slow]).split("\n\n")]
    assert [int(cue[0]) for cue in cues] == list(range(1, len(cues) + 1))
    assert all(len(cue) <= 4 and max(map(len, cue[2:])) <= 42 for cue in cues)
    assert " ".join(" ".join(cue[2:]) for cue in cues).split() == 40 * ["characters"] + 10 * [
        "slow"
    ]
    assert [cue[2] for cue in cues[-4:]] == 3 * ["slow slow slow"] + ["slow"]  # 6 s, not 8
    assert srt([]) == ""


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
    code, out, _ = run("transcribe", DEMO / "2-happy.flac", "--asr-model", model, "--format", "srt")
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
def test_unusable_input_is_one_line_and_code_2(arguments, message):
    code, out, err = run("transcribe", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert message in line
