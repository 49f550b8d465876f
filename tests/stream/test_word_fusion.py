"""Fusion of emotion estimates with recognised words, with real recogniser processes."""

from __future__ import annotations

import functools
import json
import os
import signal
import threading
import time

import pytest
import soundfile

from asr_doubles import Gate, waiting_for
from command import estimates, run
from ros_graph import asr_processes
from ser_stream.asr.base import AsrSettings
from ser_stream.asr.worker import AsrStatus, AsrWorker
from ser_stream.audio.recording import Recording
from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.stream import live_words
from ser_stream.stream.recognizer import Recognizer

PATIENCE_S = 30.0
FIRST, SECOND = "he is gone now", "i sit here and nobody calls"


def texts(words):
    return " ".join(word["text"] for word in words)


def of(found, modality, trigger=None):
    return [e for e in found if e["modality"] == modality and trigger in (None, e["trigger"])]


# The command, on recordings


@pytest.fixture(scope="module")
def estimated(two_turns_path, grammar, tiny_can):
    """JSON objects of one recording: by sound alone, and two runs with words."""
    asr = AsrSettings("pocketsphinx", grammar=str(grammar))
    code, out, err = run(
        "listen", "--input", two_turns_path, "--json",
        "--asr", "pocketsphinx", "--grammar", grammar, "--text-model", tiny_can,
    )  # fmt: skip
    assert code == 0, err
    with Recognizer(asr=asr, text_model=tiny_can) as with_words:
        again, alone = (
            [json.loads(e.to_json()) for e in recognizer.stream(two_turns_path)]
            for recognizer in (with_words, Recognizer())
        )
    return alone, estimates(out), again


def test_estimates_by_sound_do_not_depend_on_word_recognition(estimated):
    alone, with_words, _ = estimated
    facts = "trigger start_s end_s expression confidence scores valence arousal model".split()
    by_sound = of(with_words, "audio")
    assert [{k: e[k] for k in facts} for e in by_sound] == [{k: e[k] for k in facts} for e in alone]
    assert all(e["words"] == [] for e in alone + of(by_sound, "audio", "interval"))


def test_every_window_with_words_has_a_second_estimate_of_the_same_sound(estimated):
    _, found, _ = estimated
    first, second = of(found, "audio", "interval"), of(found, "audio+text", "interval")
    spans = [(e["start_s"], e["end_s"]) for e in first]
    assert [(e["start_s"], e["end_s"]) for e in second] == spans
    for estimate in second:
        assert estimate["model"] == "default+tiny-can"
        assert estimate["words"]
        for word in estimate["words"]:
            assert estimate["start_s"] <= word["start_s"] < word["end_s"] <= estimate["end_s"]
            assert 0 <= word["probability"] <= 1
        for kind in ("text_attention", "audio_attention"):
            weights = [word[kind] for word in estimate["words"]]
            assert sum(weights) == pytest.approx(1.0, abs=1e-3)


def test_both_estimates_of_a_turn_have_its_words(estimated):
    _, found, _ = estimated
    for modality in ("audio", "audio+text"):
        turns = of(found, modality, "utterance")
        assert [texts(e["words"]) for e in turns] == [FIRST, SECOND]
    assert "text_attention" not in of(found, "audio", "utterance")[0]["words"][0]


def test_estimates_with_words_of_a_recording_are_reproducible(estimated):
    _, first, second = estimated
    for estimate in first + second:
        del estimate["latency_ms"]
    assert first == second


def test_plain_lines_of_turns_show_their_words(capsys, two_turns_path, grammar, tiny_can):
    options = ["--asr", "pocketsphinx", "--grammar", grammar, "--text-model", tiny_can]
    assert main(["listen", "--input", str(two_turns_path), *map(str, options)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "utterance+" in line][1:]
    assert line.endswith(SECOND)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--grammar", "x.jsgf"], "--grammar: goes with --asr"),
        (["--text-model", "can"], "--text-model: goes with --asr"),
        (["--asr", "pocketsphinx", "--grammar", "x.jsgf"], "asr grammar x.jsgf: no such file"),
        (["--asr", "pocketsphinx", "--language", "de"], "pocketsphinx has only en"),
        (["--asr", "pocketsphinx", "--text-model", "no"], "text_model: model 'no': no such folder"),
        (["--asr", "pocketsphinx", "--text-model", "default"], "which takes sound alone"),
    ],
)
def test_an_invalid_option_prints_one_line_and_exits_with_2(capsys, speech_path, options, message):
    assert main(["listen", "--input", str(speech_path), "--json", *options]) == 2
    out, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if "error" in line]
    assert message in line
    assert out == ""


# Live streams


@pytest.fixture(scope="module")
def by_sound(tiny_model, two_turns_path):
    """Estimates of the recording of two turns, by sound alone."""
    return list(Recognizer(tiny_model).stream(two_turns_path))


def facts(found):
    return [
        (e.trigger, e.start_s, e.end_s, e.scores)
        for e in sorted(found, key=lambda e: (e.end_s, e.trigger))
        if e.modality == "audio"
    ]


def test_partial_words_are_published_during_a_turn_without_delaying_estimates(
    tiny_model, tiny_can, grammar, two_turns_path, by_sound, monkeypatch
):
    # A busy machine is late with words; that a turn does not wait for ever is another test's.
    monkeypatch.setattr(live_words, "MAX_TURN_WAIT", PATIENCE_S)
    asr = AsrSettings("pocketsphinx", grammar=str(grammar))
    events, speech = [], []
    with Recognizer(tiny_model, asr=asr, text_model=tiny_can) as recognizer:
        wait_until(lambda: recognizer.status.asr.state == "ready")
        pid = children()[0]
        source = Recording(two_turns_path, realtime=True)
        events += recognizer.stream(source, speech.append)
        with waiting_for(pid) as ended:
            recognizer.close()
            assert ended()
    assert recognizer.status.asr == AsrStatus("closed", "", recognizer.status.asr.rtf)
    assert facts(events) == facts(by_sound)
    assert [s.text for s in speech if s.final] == [FIRST, SECOND]
    assert {s.final for s in speech[:-1]} == {True, False}  # some came before a turn's end
    turns = [e for e in events if e.trigger == "utterance"]
    assert [(e.modality, e.decisive, texts(e.words)) for e in turns] == [
        ("audio", False, FIRST), ("audio+text", True, FIRST),
        ("audio", False, SECOND), ("audio+text", True, SECOND),
    ]  # fmt: skip
    windows = [(e.start_s, e.end_s) for e in by_sound if e.trigger == "interval"]
    second = [e for e in events if (e.trigger, e.modality) == ("interval", "audio+text")]
    assert second
    for estimate in second:
        assert (estimate.start_s, estimate.end_s) in windows
    assert "ser_stream-words" not in {thread.name for thread in threading.enumerate()}


def children():
    """Process ids of our recognisers."""
    return asr_processes(os.getpid())


def wait_until(fulfilled):
    deadline = time.monotonic() + PATIENCE_S
    while not fulfilled():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("kill", "the process was killed by signal 9"),
        ("raise", "ZeroDivisionError: raised for the test"),
        ("hang", "no answer within 1 s: killed"),
    ],
)
def test_estimates_continue_when_recognition_fails_in_mid_utterance(
    tiny_model, two_turns_path, tmp_path, monkeypatch, caplog, by_sound, failure, reason
):
    hurried = functools.partial(AsrWorker, deadline_s=1.0, backoff_s=0.1)
    monkeypatch.setattr("ser_stream.stream.word_recognition.AsrWorker", hurried)
    monkeypatch.setattr("ser_stream.asr.worker.SOUND_FACTOR", 0.0)
    monkeypatch.setattr(live_words, "MAX_TURN_WAIT", 3.0)  # a busy machine is late with words
    asr = AsrSettings("fake_recognizers:FailsOnce", model=str(tmp_path))
    if failure != "kill":
        (tmp_path / failure).touch()
    samples, rate_hz = soundfile.read(two_turns_path, dtype="float32")
    found = []
    with Recognizer(tiny_model, asr=asr) as recognizer:
        wait_until(lambda: recognizer.status.asr.state == "ready")
        found += recognizer.push(samples[: 2 * rate_hz], rate_hz)
        assert recognizer.status.speaking
        if failure == "kill":
            os.kill(children()[0], signal.SIGKILL)
        wait_until(lambda: recognizer.status.asr.restarts >= 1)
        wait_until(lambda: recognizer.status.asr.state == "ready")
        found += recognizer.push(samples[2 * rate_hz :], rate_hz)
        found += recognizer.finish()
    assert facts(found) == facts(by_sound)
    assert reason in caplog.text
    last = found[-1]
    assert last.trigger == "utterance"
    assert texts(last.words) == "w0 w1 w2 w3"  # it was started again


def test_a_turns_estimate_waits_no_longer_than_a_second_for_words_that_do_not_come(
    tiny_model, speech_path, tmp_path
):
    gate = Gate(tmp_path)
    with Recognizer(tiny_model, asr=gate.settings) as recognizer:
        found = list(recognizer.stream(Recording(speech_path, realtime=True)))
    assert facts(found) == facts(Recognizer(tiny_model).stream(speech_path))
    assert found[-1].trigger == "utterance"
    for estimate in found:
        if estimate.trigger == "utterance":
            assert estimate.words == ()
            assert 1000 <= estimate.latency_ms < 2500


def test_the_language_that_the_recogniser_says_comes_with_its_words(tiny_model, speech_path):
    spoken = []
    with Recognizer(tiny_model, asr=AsrSettings("fake_recognizers:FakeRecognizer")) as recognizer:
        list(recognizer.stream(speech_path, spoken.append))
    assert {speech.language for speech in spoken} == {"eo"}


def test_the_asr_process_ends_when_the_recogniser_is_garbage_collected(tiny_model, speech_path):
    recognizer = Recognizer(tiny_model, asr=AsrSettings("fake_recognizers:FakeRecognizer"))
    list(recognizer.stream(speech_path))
    (pid,) = children()
    with waiting_for(pid) as ended:
        del recognizer
        assert ended()


def test_a_text_model_needs_words(tiny_model, tiny_can):
    with pytest.raises(InputError, match=r"text_model: found .*, but asr is none"):
        Recognizer(tiny_model, text_model=tiny_can)
