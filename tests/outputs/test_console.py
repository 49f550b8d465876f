import io

from rich.console import Console

from estimates import estimate
from ser_stream.asr.worker import AsrStatus
from ser_stream.outputs.console import LiveView, PlainView, estimate_line
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech, Word
from terminal import in_a_terminal

LABELS = ("happy", "sad")


def rendered(view, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(view._render())
    return console.file.getvalue()


def live_view(**status):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    view = LiveView(console, LABELS)
    view.on_status(StreamStatus(**status))
    return view


def test_a_plain_line_shows_expression_and_confidence():
    console = Console(file=io.StringIO(), width=80)
    PlainView(console).on_estimate(estimate())
    line = console.file.getvalue()
    assert line.count("\n") == 1
    assert "happy" in line
    assert "61%" in line


def test_an_abstaining_estimate_shows_its_guess_in_brackets():
    assert "(happy?)" in estimate_line(estimate(expression="")).plain


def test_the_live_view_shows_level_voice_scores_and_latency():
    view = live_view(level_dbfs=-20.0, speaking=True, windows=3, skipped=2)
    view.on_source("default microphone")
    assert "waiting for someone to speak" in rendered(view)
    view.on_estimate(estimate())
    text = rendered(view)
    for part in (
        "default microphone",
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
    text = rendered(view, width=120)
    assert "words    he is gone\n" in text.replace(" \n", "\n")
    assert "utterance+ sad" in text or "interval+  sad" in text
    assert "61%" in text  # the bars are still those of the first


def test_the_live_view_shows_why_words_are_missing():
    assert "speech recognition is starting" in rendered(live_view(asr=AsrStatus("starting")))
    view = live_view(asr=AsrStatus("restarting", "exit code 1"))
    assert "restarting: exit code 1" in rendered(view)
    assert "words" not in rendered(live_view())


def test_the_live_view_shows_what_is_wrong_with_the_source():
    assert "gives no more sound" in rendered(live_view(source="microphone: gives no more sound"))


def test_earlier_utterances_scroll_above_the_live_view():
    view = live_view()
    for number in range(20):
        view.on_estimate(estimate(trigger="utterance", start_s=float(number)))
    text = rendered(view)
    assert "19.00" in text
    assert " 3.00 -" not in text  # it has moved up into the scrollback


def test_output_of_c_libraries_does_not_break_the_live_view():
    """PortAudio does when a microphone goes; other lines come above the view."""
    shown = in_a_terminal("""
import os, sys, time
from rich.console import Console
from ser_stream.outputs.console import LiveView
with LiveView(Console(), ("happy", "sad")):
    os.write(2, b"Expression 'alsa_snd_pcm_poll_descriptors_revents' failed, line: 3665\\n")
    os.write(2, b"something else\\n")
    time.sleep(0.3)
os.write(2, b"the end\\n")
""")
    assert "Expression" not in shown
    assert shown.count("something else") == 1 and shown.count("the end") == 1
    assert shown.index("something else") < shown.rindex("waiting for someone to speak")
