"""Words beside a stream, and the second estimates: real processes, real sound."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import signal
import threading
import time

import numpy as np
import pytest
import soundfile
import torch

from asr_doubles import Gate, waiting_for
from command import estimates, run
from ros_graph import asr_processes
from ser_stream.asr.base import AsrSettings
from ser_stream.asr.worker import AsrResult, AsrStatus, AsrWorker
from ser_stream.audio.recording import Recording
from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.features.mfcc import mfcc
from ser_stream.features.segments import aligned_segments
from ser_stream.models.base import BimodalModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.segment_batch import SegmentBatch
from ser_stream.stream import text_scoring, word_fusion
from ser_stream.stream.live import WindowSlot
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.text_scoring import TextScorer
from ser_stream.stream.word_fusion import LiveTurns
from ser_stream.units import SAMPLE_RATE_HZ
from ser_stream.words import Word, clipped
from streams import stream

PATIENCE_S = 30.0
FIRST, SECOND = "he is gone now", "i sit here and nobody calls"


def texts(words):
    return " ".join(word["text"] for word in words)


def of(found, modality, trigger=None):
    return [e for e in found if e["modality"] == modality and trigger in (None, e["trigger"])]


# The command, on recordings


@pytest.fixture(scope="module")
def heard(two_turns_path, grammar, tiny_can):
    """JSON objects of the same recording: by sound alone, with words, and that once more."""
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


def test_estimates_by_sound_are_those_without_words(heard):
    alone, with_words, _ = heard
    facts = "trigger start_s end_s expression confidence scores valence arousal model".split()
    by_sound = of(with_words, "audio")
    assert [{k: e[k] for k in facts} for e in by_sound] == [{k: e[k] for k in facts} for e in alone]
    assert all(e["words"] == [] for e in alone + of(by_sound, "audio", "interval"))


def test_every_window_with_words_has_a_second_estimate_of_the_same_sound(heard):
    _, found, _ = heard
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


def test_whole_turns_have_their_words_in_both_estimates(heard):
    _, found, _ = heard
    for modality in ("audio", "audio+text"):
        turns = of(found, modality, "utterance")
        assert [texts(e["words"]) for e in turns] == [FIRST, SECOND]
    assert "text_attention" not in of(found, "audio", "utterance")[0]["words"][0]


def test_a_recording_gives_the_same_again(heard):
    _, first, second = heard
    for estimate in first + second:
        del estimate["latency_ms"]
    assert first == second


def test_plain_lines_have_the_words(capsys, two_turns_path, grammar, tiny_can):
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
def test_what_cannot_be_used_is_one_line_and_code_2(capsys, speech_path, options, message):
    assert main(["listen", "--input", str(speech_path), "--json", *options]) == 2
    out, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if "error" in line]
    assert message in line
    assert out == ""


def test_a_model_that_is_not_there_is_one_line_and_emotions_go_on(capsys, speech_path, tmp_path):
    options = ["--asr", "faster_whisper", "--asr-model", str(tmp_path)]
    assert main(["listen", "--input", str(speech_path), "--json", *options]) == 0
    out, err = capsys.readouterr()
    assert estimates(out)[-1]["trigger"] == "utterance"
    (line,) = [line for line in err.splitlines() if "speech recognition" in line]
    assert "model.bin, config.json, tokenizer.json missing; expected is a Whisper model" in line


# The second estimate


@pytest.fixture(scope="module")
def by_sound(tiny_model, two_turns_path):
    """Estimates of the recording of two turns, by sound alone."""
    return list(Recognizer(tiny_model).stream(two_turns_path))


def words_in(window):
    """Four words in a turn, of which the last begins behind the window's middle."""
    start, length = window.turn_start_s, window.n_samples / SAMPLE_RATE_HZ
    return tuple(
        Word(text, start + length * i / 4, start + length * (i + 0.8) / 4)
        for i, text in enumerate(["he", "is", "gone", "away"])
    )


@pytest.mark.parametrize("which", [2, -1])
def test_the_answer_is_the_mean_of_the_first_and_of_cans_to_sound_cut_along_its_words(
    speech, tiny_can, by_sound, which
):
    model, info = load_model(tiny_can, kind=BimodalModel)
    window = stream(speech)[0][which]
    words = words_in(window)
    estimate = TextScorer(model, info)(window, words, by_sound[which])
    inside = clipped(words, window.start_s, window.end_s)
    start = round(window.start_s * SAMPLE_RATE_HZ)
    sound = speech[start : round(window.end_s * SAMPLE_RATE_HZ)]
    tokens = [Word(w.text, w.start_s - window.start_s, w.end_s - window.start_s) for w in inside]
    spans = aligned_segments(tokens, len(sound))
    batch = SegmentBatch.pad(
        [([mfcc(sound[a:b], model.features) for a, b in spans],
          model.text.vocabulary.numbers(w.text for w in inside))]
    )  # fmt: skip
    with torch.inference_mode():
        expected = model(batch).softmax(dim=1)[0]
        text, audio = (w[0].mean(dim=0).tolist() for w in model.attention_weights(batch))
    first = [by_sound[which].scores[label] for label in info.labels]
    means = (np.array(first) + expected.numpy()) / 2
    assert list(estimate.scores.values()) == pytest.approx(means.tolist(), abs=1e-4)
    assert [w["text_attention"] for w in estimate.words] == pytest.approx(text, abs=1e-4)
    assert [w["audio_attention"] for w in estimate.words] == pytest.approx(audio, abs=1e-4)
    assert (estimate.start_s, estimate.end_s) == (window.start_s, window.end_s)
    assert estimate.modality == "audio+text"


def test_without_words_there_is_no_second_estimate(speech, tiny_can, by_sound):
    window = stream(speech)[0][-1]
    assert TextScorer.load(tiny_can, "cpu")(window, (), by_sound[-1]) is None
    elsewhere = (Word("he", window.end_s + 1, window.end_s + 2),)
    assert TextScorer.load(tiny_can, "cpu")(window, elsewhere, by_sound[-1]) is None


def test_under_the_floor_or_with_too_little_speech_it_abstains(speech, tiny_can, by_sound):
    window = stream(speech)[0][-1]
    of_window = window, words_in(window), by_sound[-1]
    judge = TextScorer.load(tiny_can, "cpu")
    assert not judge(*of_window).abstains
    judge.min_confidence = 1.0
    assert judge(*of_window).abstains
    judge.min_confidence, judge.min_speech = None, 60.0
    assert judge(*of_window).abstains


def test_a_network_that_fails_says_so_once_and_is_left_out(speech, tiny_can, by_sound, caplog):
    model, info = load_model(tiny_can, kind=BimodalModel)
    model.forward_with_attention = lambda batch: (_ for _ in ()).throw(
        RuntimeError("CUDA is out of memory")
    )
    judge = TextScorer(model, info)
    window = stream(speech)[0][-1]
    answers = [judge(window, words_in(window), by_sound[-1]) for _ in range(2)]
    assert answers == [None, None]
    assert judge.error == "CUDA is out of memory"
    assert len(caplog.records) == 1


def test_a_network_that_has_failed_is_tried_again(speech, tiny_can, by_sound, caplog, monkeypatch):
    model, info = load_model(tiny_can, kind=BimodalModel)
    explained = model.forward_with_attention
    model.forward_with_attention = lambda batch: (_ for _ in ()).throw(
        RuntimeError("CUDA is out of memory")
    )
    monkeypatch.setattr(text_scoring, "AGAIN_AFTER", 0.0)
    judge = TextScorer(model, info)
    window = stream(speech)[0][-1]
    assert [judge(window, words_in(window), by_sound[-1]) for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1  # said once
    model.forward_with_attention = explained
    assert judge(window, words_in(window), by_sound[-1]).modality == "audio+text"
    assert judge.error == ""


# Live


def facts(found):
    return [
        (e.trigger, e.start_s, e.end_s, e.scores)
        for e in sorted(found, key=lambda e: (e.end_s, e.trigger))
        if e.modality == "audio"
    ]


def test_live_words_come_while_someone_speaks_and_estimates_do_not_wait(
    tiny_model, tiny_can, grammar, two_turns_path, by_sound, monkeypatch
):
    # A busy machine is late with words; that a turn does not wait for ever is another test's.
    monkeypatch.setattr(word_fusion, "UTTERANCE_WAITS", PATIENCE_S)
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
        ("hang", "no answer within 0.3 s: killed"),
    ],
)
def test_emotions_go_on_when_recognition_fails_in_mid_utterance(
    tiny_model, two_turns_path, tmp_path, monkeypatch, caplog, by_sound, failure, reason
):
    hurried = functools.partial(AsrWorker, deadline_s=0.3, backoff_s=0.1)
    monkeypatch.setattr("ser_stream.stream.recognizer.AsrWorker", hurried)
    monkeypatch.setattr("ser_stream.asr.worker.SOUND_FACTOR", 0.0)
    asr = AsrSettings("fake_recognizers:FailsOnce", model=str(tmp_path))
    if failure != "kill":
        (tmp_path / failure).touch()
    found, speech = [], []
    with Recognizer(tiny_model, asr=asr) as recognizer:
        wait_until(lambda: recognizer.status.asr.state == "ready")
        for estimate in recognizer.stream(Recording(two_turns_path, realtime=True), speech.append):
            if failure == "kill" and not found:
                os.kill(children()[0], signal.SIGKILL)
            found.append(estimate)
        assert recognizer.status.asr.restarts >= 1
    assert facts(found) == facts(by_sound)
    assert reason in caplog.text
    last = found[-1]
    assert last.trigger == "utterance"
    assert texts(last.words) == "w0 w1 w2 w3"  # it was started again


def test_a_turns_estimate_waits_no_longer_than_a_second_for_words_that_do_not_come(
    tiny_model, two_turns_path, tmp_path, by_sound
):
    gate = Gate(tmp_path)
    with Recognizer(tiny_model, asr=gate.settings) as recognizer:
        found = list(recognizer.stream(Recording(two_turns_path, realtime=True)))
    assert facts(found) == facts(by_sound)
    for estimate in found:
        if estimate.trigger == "utterance":
            assert estimate.words == ()
            assert 1000 <= estimate.latency_ms < 2500


def test_a_recording_is_heard_on_where_recognition_never_works(
    tiny_model, speech_path, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "ser_stream.stream.recognizer.AsrWorker", functools.partial(AsrWorker, backoff_s=0.01)
    )
    asr = AsrSettings("faster_whisper", model=str(tmp_path))
    with Recognizer(tiny_model, asr=asr) as recognizer:
        found = list(recognizer.stream(speech_path))
        assert recognizer.status.asr.state in ("starting", "restarting")
    assert found[-1].trigger == "utterance"
    assert found[-1].words == ()


def test_a_recogniser_that_nobody_holds_leaves_no_process(tiny_model, speech_path):
    recognizer = Recognizer(tiny_model, asr=AsrSettings("fake_recognizers:FakeRecognizer"))
    list(recognizer.stream(speech_path))
    (pid,) = children()
    with waiting_for(pid) as ended:
        del recognizer
        assert ended()


def test_a_text_model_needs_words(tiny_model, tiny_can):
    with pytest.raises(InputError, match=r"text_model: found .*, but asr is none"):
        Recognizer(tiny_model, text_model=tiny_can)


# Order of what comes late


class StreamedPredictions:
    """In a worker's place: answers when the test says so."""

    def __init__(self):
        self.requests = []
        self.status = AsrStatus("ready")
        self._results = []
        self._changed = threading.Condition()

    def submit(self, samples, start_s, turn_id, final):
        self.requests.append((turn_id, len(samples), start_s, final))

    def answer(self, number, text):
        turn_id, n_samples, start_s, final = self.requests[number]
        words = tuple(Word(w, start_s + i / 4, start_s + (i + 1) / 4)
                      for i, w in enumerate(text.split()))  # fmt: skip
        with self._changed:
            self._results.append(AsrResult(turn_id, words, 0, final, n_samples))
            self._changed.notify()

    def poll(self, timeout_s):
        with self._changed:
            self._changed.wait_for(lambda: self._results, timeout_s)
            results, self._results = self._results, []
            return results


@pytest.fixture
def turns(tiny_can):
    worker, woken = StreamedPredictions(), threading.Semaphore(0)
    turns = LiveTurns(worker, TextScorer.load(tiny_can, "cpu"), woken.release)
    yield turns, worker, woken
    turns.close()


def events_after(turns, woken, times):
    found = []
    for _ in range(times):
        assert woken.acquire(timeout=PATIENCE_S)
        found += turns.take()
    return found


def test_of_the_windows_that_words_are_known_of_the_newest_is_judged(speech, turns, by_sound):
    turns, worker, woken = turns
    windows = [w for w in stream(speech)[0] if w.trigger == "interval"]
    for window in windows:
        turns.hear(window)
        turns.judged(window, by_sound[0])
    assert turns.take() == [by_sound[0]] * len(windows)
    worker.answer(2, "he is gone")
    said, opinion = events_after(turns, woken, 2)
    assert (said.text, said.final, said.end_s) == ("he is gone", False, windows[2].end_s)
    assert (opinion.end_s, opinion.trigger) == (windows[2].end_s, "interval")
    worker.answer(1, "he is")  # what was known before says nothing new
    worker.answer(3, "he is gone now")
    said, opinion = events_after(turns, woken, 2)
    assert opinion.end_s == windows[3].end_s


def test_a_window_that_was_not_judged_by_its_sound_has_no_second_estimate(speech, turns, by_sound):
    turns, worker, woken = turns
    windows = [w for w in stream(speech)[0] if w.trigger == "interval"]
    for window in windows:
        turns.hear(window)
    turns.judged(windows[1], by_sound[1])
    turns.take()
    worker.answer(2, "he is gone")
    said, opinion = events_after(turns, woken, 2)
    assert (said.end_s, opinion.end_s) == (windows[2].end_s, windows[1].end_s)
    worker.answer(3, "he is gone now")
    (said,) = events_after(turns, woken, 2)
    assert said.end_s == windows[3].end_s


def test_words_that_are_known_before_the_turn_is_judged_wait_for_that(speech, turns, by_sound):
    turns, worker, woken = turns
    window = stream(speech)[0][-1]
    turns.hear(window)
    worker.answer(0, "he is gone")
    (said,) = events_after(turns, woken, 1)
    assert said.final
    turns.judged(window, by_sound[-1])
    first, second = events_after(turns, woken, 1)
    assert (first.modality, second.modality) == ("audio", "audio+text")


def test_words_that_cannot_be_used_end_nothing(speech, turns, by_sound, caplog):
    """Such as those of somebody's own recogniser, without times."""
    turns, worker, woken = turns
    end = stream(speech)[0][-1]
    turns.hear(end)
    turns.judged(end, by_sound[-1])
    broken = Word("gone", None, None)
    with worker._changed:
        worker._results.append(AsrResult(end.features, (broken,), 1, True, end.n_samples))
        worker._changed.notify()
    (estimate,) = events_after(turns, woken, 1)
    assert estimate.scores == by_sound[-1].scores and estimate.words == ()
    assert "words of a turn cannot be used" in caplog.text
    assert turns._thread.is_alive() and not turns._turns


def test_words_that_cannot_come_are_not_waited_for(speech, turns, by_sound):
    turns, worker, _ = turns
    window = stream(speech)[0][-1]
    for state, waits in (("ready", True), ("restarting", False)):
        worker.status = AsrStatus(state)
        turns.hear(window)
        turns.judged(window, by_sound[-1])
        assert bool(turns.take()) is not waits
        turns._turns.clear()


def test_a_recogniser_that_is_closed_is_asked_no_more(turns):
    turns, worker, _ = turns
    worker.status = AsrStatus("closed")
    turns._thread.join(timeout=PATIENCE_S)
    assert not turns._thread.is_alive()


def test_a_stream_that_ends_unjudged_keeps_nobody_waiting(speech, turns):
    turns, worker, woken = turns
    turns.hear(stream(speech)[0][-1])
    worker.answer(0, "he is gone")
    assert events_after(turns, woken, 1)[0].final
    turns.close()
    assert turns.take() == []


def test_an_opinion_that_comes_too_late_does_not_stand_for_the_turn(
    speech, turns, by_sound, monkeypatch
):
    monkeypatch.setattr("ser_stream.stream.word_fusion.UTTERANCE_WAITS", 0.0)
    turns, worker, woken = turns
    window = stream(speech)[0][-1]
    turns.hear(window)
    turns.judged(window, by_sound[-1])
    assert turns.patience() == 0.0
    (first,) = turns.take()
    assert (first.words, first.decisive) == ((), True)
    assert turns.patience() is None
    worker.answer(0, "he is gone")
    said, opinion = events_after(turns, woken, 2)
    assert said.final
    assert (opinion.modality, opinion.trigger, opinion.decisive) == (
        "audio+text", "utterance", False,
    )  # fmt: skip


def test_partial_words_that_come_after_the_end_are_not_those_of_the_turn(
    two_turns_path, turns, by_sound
):
    """The turn's end is known 0.6 s after it, when an interval has reached into the pause."""
    turns, worker, woken = turns
    samples = soundfile.read(two_turns_path, dtype="float32")[0]
    windows = stream(samples)[0]
    last = next(i for i, w in enumerate(windows) if w.trigger == "utterance")
    assert windows[last - 1].n_samples > windows[last].n_samples
    for window, estimate in list(zip(windows, by_sound, strict=True))[last - 1 : last + 1]:
        turns.hear(window)
        turns.judged(window, estimate)
    assert turns.take() == [by_sound[last - 1]]
    worker.answer(0, "he is")
    said, opinion = events_after(turns, woken, 2)
    assert (said.final, opinion.trigger) == (False, "interval")
    worker.answer(1, "he is gone")
    said, first, second = events_after(turns, woken, 2)
    assert (said.final, said.text) == (True, "he is gone")
    assert [(e.trigger, e.decisive) for e in (first, second)] == [
        ("utterance", False), ("utterance", True),
    ]  # fmt: skip
    assert turns.patience() is None


def test_an_opinion_that_abstains_leaves_the_turn_to_the_sound(speech, turns, by_sound):
    turns, worker, woken = turns
    turns._judge.min_confidence = 1.0
    window = stream(speech)[0][-1]
    turns.hear(window)
    turns.judged(window, by_sound[-1])
    worker.answer(0, "he is gone")
    _, first, second = events_after(turns, woken, 2)
    assert (first.modality, first.decisive) == ("audio", True)
    assert (second.modality, second.abstains, second.decisive) == ("audio+text", True, False)


def test_words_without_times_share_the_turn_equally(speech, turns):
    turns, worker, woken = turns
    window = stream(speech)[0][2]
    turns.hear(window)
    worker.answer(0, "he is")
    for result in worker._results:
        nan = tuple(dataclasses.replace(w, start_s=np.nan, end_s=np.nan) for w in result.words)
        worker._results = [dataclasses.replace(result, words=nan)]
    (said,) = events_after(turns, woken, 2)
    middle = (window.turn_start_s + window.end_s) / 2
    assert [w.end_s for w in said.words] == pytest.approx([middle, window.end_s])


# The slot


def test_who_waits_for_windows_can_be_woken_or_lose_patience(speech):
    patience = [0.01]
    slot = WindowSlot(lambda: patience[0])
    windows = iter(slot)
    assert next(windows) is None  # the patience was over
    patience[0] = None
    slot.wake()
    assert next(windows) is None
    window = stream(speech)[0][0]
    slot.put(window)
    assert next(windows) is window
    patience[0] = 0.01
    slot.end()
    assert next(windows) is None  # something else is still awaited
    patience[0] = None
    assert list(windows) == []
