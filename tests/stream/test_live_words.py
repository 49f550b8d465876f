"""The order of a live stream's events: words come late, and estimates do not wait for them."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest
import soundfile

from ser_stream.asr.worker import AsrResult, AsrStatus
from ser_stream.stream.live_words import LiveWordFusion
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.scores import Scores
from ser_stream.stream.text_scoring import TextScorer, TextScoringSettings
from ser_stream.words import Word
from streams import stream

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def by_sound(tiny_model, two_turns_path):
    """Estimates of the recording of two turns, by sound alone."""
    return list(Recognizer(tiny_model).stream(two_turns_path))


def scores_of(window, estimate):
    """Scores of a window like those of an estimate."""
    return Scores(
        window, estimate.scores, estimate.abstains, estimate.valence, estimate.arousal,
        estimate.model, estimate.modality,
    )  # fmt: skip


class FakeWorker:
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
def scorer(tiny_can):
    return TextScorer.load(tiny_can, "cpu")


@pytest.fixture
def turns(scorer):
    worker, woken = FakeWorker(), threading.Semaphore(0)
    turns = LiveWordFusion(worker, scorer, 1, woken.release)
    yield turns, worker, woken
    turns.close()


def events_after(turns, woken, times):
    found = []
    for _ in range(times):
        assert woken.acquire(timeout=PATIENCE_S)
        found += turns.take()
    return found


def test_the_newest_window_whose_words_are_known_gets_a_second_estimate(speech, turns, by_sound):
    turns, worker, woken = turns
    windows = [w for w in stream(speech)[0] if w.trigger == "interval"]
    for window in windows:
        turns.submit(window)
        turns.add(scores_of(window, by_sound[0]))
    assert [e.scores for e in turns.take()] == [by_sound[0].scores] * len(windows)
    worker.answer(2, "he is gone")
    told, second = events_after(turns, woken, 2)
    assert (told.text, told.final, told.end_s) == ("he is gone", False, windows[2].end_s)
    assert (second.end_s, second.trigger) == (windows[2].end_s, "interval")
    worker.answer(1, "he is")  # what was known before says nothing new
    worker.answer(3, "he is gone now")
    told, second = events_after(turns, woken, 2)
    assert second.end_s == windows[3].end_s


def test_a_window_without_a_first_estimate_has_no_second(speech, turns, by_sound):
    turns, worker, woken = turns
    windows = [w for w in stream(speech)[0] if w.trigger == "interval"]
    for window in windows:
        turns.submit(window)
    turns.add(scores_of(windows[1], by_sound[1]))
    turns.take()
    worker.answer(2, "he is gone")
    told, second = events_after(turns, woken, 2)
    assert (told.end_s, second.end_s) == (windows[2].end_s, windows[1].end_s)
    worker.answer(3, "he is gone now")
    (told,) = events_after(turns, woken, 2)
    assert told.end_s == windows[3].end_s


def test_words_that_are_known_before_the_turn_is_scored_wait_for_its_scores(
    speech, turns, by_sound
):
    turns, worker, woken = turns
    window = stream(speech)[0][-1]
    turns.submit(window)
    worker.answer(0, "he is gone")
    (told,) = events_after(turns, woken, 1)
    assert told.final
    turns.add(scores_of(window, by_sound[-1]))
    first, second = events_after(turns, woken, 1)
    assert (first.modality, second.modality) == ("audio", "audio+text")


def test_words_that_cannot_be_used_are_logged_and_the_stream_goes_on(
    speech, turns, by_sound, caplog
):
    """Such as those of somebody's own recogniser, without times."""
    turns, worker, woken = turns
    end = stream(speech)[0][-1]
    turns.submit(end)
    turns.add(scores_of(end, by_sound[-1]))
    broken = Word("gone", None, None)
    with worker._changed:
        worker._results.append(AsrResult(worker.requests[0][0], (broken,), 1, True, end.n_samples))
        worker._changed.notify()
    (estimate,) = events_after(turns, woken, 1)
    assert estimate.scores == by_sound[-1].scores and estimate.words == ()
    assert "words of a turn cannot be used" in caplog.text
    assert turns._thread.is_alive() and not turns._turns


def test_words_of_an_earlier_stream_are_not_taken_for_those_of_a_turn(speech, turns, by_sound):
    """Turns are numbered from 1 in every stream, and late results of the last one may come."""
    turns, worker, woken = turns
    end = stream(speech)[0][-1]
    turns.submit(end)
    (stream_number, turn), *_ = worker.requests[0]
    late = AsrResult((stream_number - 1, turn), (Word("late", 0.0, 1.0),), 1, True, end.n_samples)
    with worker._changed:
        worker._results.append(late)
        worker._changed.notify()
    worker.answer(0, "he is gone")
    (told,) = events_after(turns, woken, 1)
    assert told.text == "he is gone"


def test_words_that_cannot_come_are_not_waited_for(speech, turns, by_sound):
    turns, worker, _ = turns
    window = stream(speech)[0][-1]
    for state, waits in (("ready", True), ("restarting", False)):
        worker.status = AsrStatus(state)
        turns.submit(window)
        turns.add(scores_of(window, by_sound[-1]))
        assert bool(turns.take()) is not waits
        turns._turns.clear()


def test_the_thread_ends_when_recognition_is_closed(turns):
    turns, worker, _ = turns
    worker.status = AsrStatus("closed")
    turns._thread.join(timeout=PATIENCE_S)
    assert not turns._thread.is_alive()


def test_closing_ends_the_wait_for_the_scores_of_a_turn(speech, turns):
    turns, worker, woken = turns
    turns.submit(stream(speech)[0][-1])
    worker.answer(0, "he is gone")
    assert events_after(turns, woken, 1)[0].final
    turns.close()
    assert turns.take() == []


def test_a_second_estimate_that_comes_too_late_is_not_decisive(
    speech, turns, by_sound, monkeypatch
):
    monkeypatch.setattr("ser_stream.stream.live_words.MAX_TURN_WAIT", 0.0)
    turns, worker, woken = turns
    window = stream(speech)[0][-1]
    turns.submit(window)
    turns.add(scores_of(window, by_sound[-1]))
    assert turns.wait_s() == 0.0
    (first,) = turns.take()
    assert (first.words, first.decisive) == ((), True)
    assert turns.wait_s() is None
    worker.answer(0, "he is gone")
    told, second = events_after(turns, woken, 2)
    assert told.final
    assert (second.modality, second.trigger, second.decisive) == (
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
        turns.submit(window)
        turns.add(scores_of(window, estimate))
    (interval,) = turns.take()
    assert (interval.end_s, interval.trigger) == (windows[last - 1].end_s, "interval")
    worker.answer(0, "he is")
    told, second = events_after(turns, woken, 2)
    assert (told.final, second.trigger) == (False, "interval")
    worker.answer(1, "he is gone")
    told, first, second = events_after(turns, woken, 2)
    assert (told.final, told.text) == (True, "he is gone")
    assert [(e.trigger, e.decisive) for e in (first, second)] == [
        ("utterance", False), ("utterance", True),
    ]  # fmt: skip
    assert turns.wait_s() is None


def test_a_second_estimate_that_abstains_is_not_decisive(speech, turns, scorer, by_sound):
    turns, worker, woken = turns
    scorer.settings = TextScoringSettings(min_confidence=1.0)
    window = stream(speech)[0][-1]
    turns.submit(window)
    turns.add(scores_of(window, by_sound[-1]))
    worker.answer(0, "he is gone")
    _, first, second = events_after(turns, woken, 2)
    assert (first.modality, first.decisive) == ("audio", True)
    assert (second.modality, second.abstains, second.decisive) == ("audio+text", True, False)


def test_words_without_times_share_the_turn_equally(speech, turns):
    turns, worker, woken = turns
    window = stream(speech)[0][2]
    turns.submit(window)
    worker.answer(0, "he is")
    for result in worker._results:
        nan = tuple(dataclasses.replace(w, start_s=np.nan, end_s=np.nan) for w in result.words)
        worker._results = [dataclasses.replace(result, words=nan)]
    (told,) = events_after(turns, woken, 2)
    middle = (window.turn_start_s + window.end_s) / 2
    assert [w.end_s for w in told.words] == pytest.approx([middle, window.end_s])
