"""Transcripts as JSON lines, SubRip and TextGrid files."""

from __future__ import annotations

import json

from ser_stream.asr.transcription import SpokenTurn
from ser_stream.outputs.transcript import json_line, srt, textgrid
from ser_stream.words import Word
from textgrids import intervals


def turn(*words):
    return SpokenTurn(words[0].start_s - 0.2, words[-1].end_s + 0.2, words)


HELLO = turn(Word("hello", 1.0, 1.5, 0.9), Word('"you"', 1.6, 2.0))


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
