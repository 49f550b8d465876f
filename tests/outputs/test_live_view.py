"""The live view, in terminals of several sizes."""

import io
import re

import pytest
from rich.console import Console

from estimates import estimate
from ser_stream.asr.worker import AsrStatus
from ser_stream.outputs.live_view import LiveView
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech, Word
from terminal import in_a_terminal, screen_of

LABELS = ("happy", "sad")


def live_view(width=80, height=25, **status):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height)
    view = LiveView(console, LABELS)
    view.on_status(StreamStatus(**status))
    return view


def rendered(view, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(view)
    return console.file.getvalue()


def test_the_live_view_shows_level_voice_scores_and_latency():
    view = live_view(level_dbfs=-20.0, speaking=True, windows=3, skipped=2)
    view.on_source("default microphone")
    assert "waiting for someone to speak" in rendered(view)
    view.on_estimate(estimate())
    text = rendered(view)
    for part in (
        "default microphone",
        "Ctrl-C ends",
        "-20.0 dBFS",
        "speaking",
        "61%",
        "latency 4.6 ms",
        "skipped 2",
    ):
        assert part in text
    assert all(len(line) <= 80 for line in text.splitlines())


def speech(text, stable):
    words = tuple(Word(word, float(i), i + 1.0) for i, word in enumerate(text.split()))
    return Speech(words, stable, False, 0.0, 1.0, 80.0)


def test_the_live_view_shows_words_and_the_second_estimate_beside_the_first():
    view = live_view(asr=AsrStatus("ready"))
    view.on_estimate(estimate())
    view.on_speech(speech("he is gone", stable=2))
    words = ({"text": "he"}, {"text": "is"})
    second = {"scores": {"happy": 0.1, "sad": 0.9}, "expression": "sad", "confidence": 0.9}
    view.on_estimate(estimate(modality="audio+text", words=words, **second))
    text = rendered(view)
    assert "words    he is gone\n" in re.sub(" +\n", "\n", text)
    assert "utterance+ sad" in text or "interval+  sad" in text
    assert "61%" in text  # the bars are still those of the first


def test_the_live_view_shows_why_words_are_missing():
    assert "speech recognition is starting" in rendered(live_view(asr=AsrStatus("starting")))
    view = live_view(asr=AsrStatus("restarting", "exit code 1"))
    assert "restarting: exit code 1" in rendered(view)
    assert "words" not in rendered(live_view())


def test_the_live_view_shows_what_is_wrong_with_the_source():
    assert "gives no more sound" in rendered(live_view(source="microphone: gives no more sound"))


PROGRAM = """
import sys
from rich.console import Console
from ser_stream.asr.worker import AsrStatus
from ser_stream.emotion import EMOTIONS, EmotionEstimate
from ser_stream.outputs.live_view import LiveView
from ser_stream.standard_streams import StandardStreams
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech, Word

def estimate(number, trigger, scores):
    best = max(scores, key=scores.get)
    words = tuple({"text": f"w\\u00f6rter{n}"} for n in range(9))
    return EmotionEstimate(
        turn=number, start_s=float(number), end_s=number + 0.9, trigger=trigger, modality="audio",
        expression=best, confidence=scores[best], valence=0.5, arousal=0.5, scores=scores,
        speech_ratio=1.0, level_dbfs=-20.0, clipped=True, model="small", latency_ms=4.0,
        words=words if trigger == "utterance" else (),
    )

labels = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
scores = dict(zip(labels, (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)))
with StandardStreams(), LiveView(Console(), labels, affect=AFFECT) as view:
    view.on_source("r\\u00e9cordings/[bold]" + "\\u65e5\\u672c" * 40 + ".wav")
    problem = "no signal: all samples are the same for 5 s and longer; the microphone is muted"
    view.on_status(StreamStatus(sound=problem, no_signal=True, asr=AsrStatus("ready")))
    for number in range(1, 31):
        view.on_estimate(estimate(number, "interval", scores))
        view.on_estimate(estimate(number, "utterance", scores))
    view.on_speech(Speech((Word("w\\u00f6rter" * 40, 0.0, 1.0),), 1, False, 0.0, 1.0, 80.0))
    sys.stdin.readline()
"""
TURN = re.compile(r" *(\d+)\.00 - +\d+\.90 s ")


SIZES = [(80, 14, 4), (60, 14, 4), (60, 24, 11), (120, 30, 12), (30, 8, 1)]
"""Columns, rows, and turns that are visible at least."""


def is_complete(lines):
    newest = TURN.match(lines[-1])
    return newest and newest[1] == "30" and any("Ctrl-C ends" in line for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(("columns", "rows", "turns"), SIZES)
def test_the_newest_turns_stay_visible_and_no_line_wraps(columns, rows, turns, encoding):
    program = PROGRAM.replace("AFFECT", "True")
    lines = screen_of(program, columns, rows, is_complete, PYTHONIOENCODING=encoding)
    n = next(number for number, line in enumerate(lines) if "Ctrl-C ends" in line)
    numbers = [int(found[1]) for line in lines[n:] if (found := TURN.match(line))]
    assert len(numbers) >= turns
    assert numbers == list(range(31 - len(numbers), 31))
    # Nothing is between them that has been wrapped, and nothing of the parts above has.
    assert all(TURN.match(line) for line in lines[-len(numbers) :])
    assert lines[n + 1].startswith("level    ")
    assert sum(line.startswith("no signal: all") for line in lines[n:]) == 1


@pytest.mark.parametrize("affect", [True, False])
def test_a_wide_terminal_shows_history_and_the_plane_of_a_model_that_has_it(affect):
    lines = screen_of(PROGRAM.replace("AFFECT", str(affect)), 120, 30, is_complete)
    (neutral,) = (line for line in lines if line.startswith("neutral "))
    assert "▃" * 30 in neutral  # the score 0.4 of each interval
    assert any("valence" in line for line in lines if line.startswith("angry")) == affect
    assert any("●" in line for line in lines) == affect


def test_a_narrow_terminal_shows_no_history():
    lines = screen_of(PROGRAM.replace("AFFECT", "True"), 80, 30, is_complete)
    assert not any("▃" in line or "●" in line for line in lines)


def test_earlier_turns_and_at_the_end_all_are_in_the_scrollback():
    program = PROGRAM.replace("AFFECT", "True").replace("sys.stdin.readline()", "pass")
    shown = in_a_terminal(program)
    printed = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).splitlines()
    numbers = [int(found[1]) for line in printed if (found := TURN.match(line))]
    assert numbers[-12:] == list(range(19, 31)) and set(numbers) == set(range(1, 31))


def test_turns_in_the_scrollback_fit_a_narrow_terminal_and_their_words_follow():
    program = PROGRAM.replace("AFFECT", "True").replace("    sys.stdin", "sys.stdin")

    def has_ended(lines):
        shown = [int(found[1]) for line in lines if (found := TURN.match(line))]
        return shown[-1:] == [30] and not any("Ctrl-C" in line for line in lines)

    lines = [line for line in screen_of(program, 60, 24, has_ended) if line][-11:]
    turns = [line for line in lines if TURN.match(line)]
    assert len(turns) >= 3
    words = [line for line in lines if line not in turns]
    assert words and all(re.fullmatch(r" {9}(wörter\d ?)+", line) for line in words), words


def test_output_of_c_libraries_does_not_break_the_live_view():
    """PortAudio does when a microphone goes; other lines come above the view."""
    shown = in_a_terminal("""
import os, sys, time
from rich.console import Console
from ser_stream.outputs.live_view import LiveView
with LiveView(Console(), ("happy", "sad")):
    os.write(2, b"Expression 'alsa_snd_pcm_poll_descriptors_revents' failed, line: 3665\\n")
    os.write(2, b"something else\\n")
    time.sleep(0.3)
os.write(2, b"the end\\n")
""")
    assert "Expression" not in shown
    assert shown.count("something else") == 1 and shown.count("the end") == 1
    assert shown.index("something else") < shown.rindex("waiting for someone to speak")
