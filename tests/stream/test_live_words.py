"""Live word fusion: the order of estimates and words, where words come late."""

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
from ser_stream.words import Speech, Word
from streams import stream

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def by_sound(tiny_model, two_turns_path):
    """Estimates of the recording of two turns, by sound alone."""
    return list(Recognizer(tiny_model).stream(two_turns_path))


def scores_of(window, estimate):
    """Scores of a window like those of an estimate."""
    return Scores(
        window, estimate.scores, estimate.reason, estimate.valence, estimate.arousal,
        estimate.model, estimate.modality,
    )  # fmt: skip


class FakeWorker:
    """Takes the place of an `AsrWorker`; its results come when the test calls `answer`."""

    def __init__(self):
        self.requests = []
        self.status = AsrStatus("ready")
        self._results = []
        self._changed = threading.Condition()

    def submit(self, samples, start_s, turn_id, final):
        self.requests.append((turn_id, len(samples), start_s, final))

    def answer(self, number, text):
        """Answer a request with words of a quarter of a second each."""
        start_s = self.requests[number][2]
        self.answer_words(
            number,
            [Word(w, start_s + i / 4, start_s + (i + 1) / 4) for i, w in enumerate(text.split())],
        )

    def answer_words(self, number, words):
        self.deliver(self.result(number, words))

    def result(self, number, words):
        turn_id, n_samples, _, final = self.requests[number]
        return AsrResult(turn_id, tuple(words), 0, final, n_samples, language="eo")

    def deliver(self, *results):
        with self._changed:
            self._results += results
            self._changed.notify()

    def poll(self, timeout_s):
        with self._changed:
            self._changed.wait_for(lambda: self._results, timeout_s)
            results, self._results = self._results, []
            return results


@pytest.fixture
def text_scorer(tiny_can):
    return TextScorer.load(tiny_can)


@pytest.fixture
def turns(text_scorer):
    worker, woken = FakeWorker(), threading.Semaphore(0)
    turns = LiveWordFusion(worker, text_scorer, 1, woken.release)
    yield turns, worker, woken
    turns.close()


def events_after(turns, woken, times):
    found = []
    for _ in range(times):
        assert woken.acquire(timeout=PATIENCE_S)
        found += turns.take()
    return found


def test_only_the_newest_window_that_the_words_cover_gets_a_second_estimate(
    speech, turns, by_sound
):
    turns, worker, woken = turns
    windows = [w for w in stream(speech)[0] if w.trigger == "interval"]
    for window in windows:
        turns.submit(window)
        turns.add(scores_of(window, by_sound[0]))
    assert [e.scores for e in turns.take()] == [by_sound[0].scores] * len(windows)
    worker.answer(2, "he is gone")
    told, second = events_after(turns, woken, 2)
    assert (told.text, told.final, told.end_s) == ("he is gone", False, windows[2].end_s)
    assert told.language == "eo"
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


def test_the_second_estimate_waits_for_the_scores_by_sound(speech, turns, by_sound):
    turns, worker, woken = turns
    window = stream(speech)[0][-1]
    turns.submit(window)
    worker.answer(0, "he is gone")
    (told,) = events_after(turns, woken, 1)
    assert told.final
    turns.add(scores_of(window, by_sound[-1]))
    first, second = events_after(turns, woken, 1)
    assert (first.modality, second.modality) == ("audio", "audio+text")


def test_words_without_valid_times_are_logged_and_the_next_words_are_used(
    speech, turns, by_sound, caplog
):
    """A user's own recogniser may return such words."""
    turns, worker, woken = turns
    end = stream(speech)[0][-1]
    turns.submit(end)
    turns.add(scores_of(end, by_sound[-1]))
    worker.answer_words(0, [Word("gone", None, None)])
    (estimate,) = events_after(turns, woken, 1)
    assert estimate.scores == by_sound[-1].scores and estimate.words == ()
    assert "words of a turn cannot be used" in caplog.text
    assert turns.wait_s() is None
    turns.submit(end)
    worker.answer(1, "he is gone")
    (told,) = events_after(turns, woken, 1)
    assert told.text == "he is gone"


def test_late_words_of_an_earlier_stream_are_ignored(speech, turns, by_sound):
    """Turns are numbered from 1 in every stream, so the number of the stream tells them apart."""
    turns, worker, woken = turns
    end = stream(speech)[0][-1]
    turns.submit(end)
    (stream_number, turn), *_ = worker.requests[0]
    late = AsrResult((stream_number - 1, turn), (Word("late", 0.0, 1.0),), 1, True, end.n_samples)
    worker.deliver(late)
    worker.answer(0, "he is gone")
    (told,) = events_after(turns, woken, 1)
    assert told.text == "he is gone"


@pytest.mark.parametrize(("state", "waits"), [("ready", True), ("restarting", False)])
def test_a_turn_waits_for_its_words_only_while_recognition_runs(
    speech, turns, by_sound, monkeypatch, state, waits
):
    monkeypatch.setattr("ser_stream.stream.live_words.MAX_TURN_WAIT", PATIENCE_S)
    turns, worker, _ = turns
    window = stream(speech)[0][-1]
    worker.status = AsrStatus(state)
    turns.submit(window)
    turns.add(scores_of(window, by_sound[-1]))
    assert bool(turns.take()) is not waits


def test_the_thread_ends_when_recognition_is_closed(turns):
    turns, worker, _ = turns
    (thread,) = [t for t in threading.enumerate() if t.name == "ser_stream-words"]
    worker.status = AsrStatus("closed")
    thread.join(timeout=PATIENCE_S)
    assert not thread.is_alive()


def test_closing_ends_the_wait_for_the_scores_of_a_turn(speech, turns):
    turns, worker, woken = turns
    turns.submit(stream(speech)[0][-1])
    worker.answer(0, "he is gone")
    assert events_after(turns, woken, 1)[0].final
    turns.close()
    assert turns.take() == []


def test_where_the_words_of_many_turns_wait_the_newest_get_a_second_estimate(
    speech, turns, by_sound, text_scorer, caplog
):
    """The text model takes longer than the turns do: its estimates must not fall behind."""
    turns, worker, woken = turns
    end = stream(speech)[0][-1]
    ends = [dataclasses.replace(end, turn=number) for number in range(1, 6)]
    for each in ends:
        turns.submit(each)
        turns.add(scores_of(each, by_sound[-1]))
    word = Word("gone", end.turn_start_s, end.end_s)
    worker.deliver(*(worker.result(number, [word]) for number in range(5)))
    found = events_after(turns, woken, 10)
    assert [e.turn for e in found if getattr(e, "modality", "") == "audio"] == [1, 2, 3, 4, 5]
    assert [e.turn for e in found if getattr(e, "modality", "") == "audio+text"] == [4, 5]
    assert sum(isinstance(e, Speech) for e in found) == 5  # no words are lost
    assert text_scorer.skipped == 3
    assert text_scorer.problem.startswith("falls behind: slower than sound")
    assert sum("falls behind" in message for message in caplog.messages) == 1


def test_a_second_estimate_after_the_deadline_is_not_decisive(speech, turns, by_sound, monkeypatch):
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
    assert (told.late, second.late) == (True, True)
    assert (second.modality, second.trigger, second.decisive) == (
        "audio+text", "utterance", False,
    )  # fmt: skip


def test_partial_words_that_arrive_after_the_turn_end_do_not_end_its_wait(
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


def test_a_second_estimate_that_abstains_is_not_decisive(speech, turns, by_sound, text_scorer):
    turns, worker, woken = turns
    text_scorer.settings = TextScoringSettings(min_confidence=1.0)
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
    worker.answer_words(0, [Word("he", np.nan, np.nan), Word("is", np.nan, np.nan)])
    (told,) = events_after(turns, woken, 2)
    middle = (window.turn_start_s + window.end_s) / 2
    assert [w.end_s for w in told.words] == pytest.approx([middle, window.end_s])


def test_a_turn_whose_estimate_is_withheld_gives_its_words_and_is_not_waited_for(
    speech, turns, by_sound
):
    turns, worker, woken = turns
    *windows, end = stream(speech)[0]
    for window in windows:
        turns.submit(window)
        turns.withhold(window)
    turns.submit(end)
    turns.withhold(end)
    assert turns.wait_s() is None and turns.take() == []
    worker.answer(len(windows), "he is gone now")
    (told,) = events_after(turns, woken, 2)  # the words, and that nothing is pending any more
    assert (told.text, told.final) == ("he is gone now", True)
    worker.answer(len(windows), "he is gone now")  # the turn is over
    assert not woken.acquire(timeout=0.2)


def test_the_end_of_a_stream_may_wait_for_the_words_of_its_last_turn(
    speech, turns, by_sound, monkeypatch
):
    monkeypatch.setattr("ser_stream.stream.live_words.MAX_TURN_WAIT", 0.0)
    turns, worker, woken = turns
    end = stream(speech)[0][-1]
    turns.submit(end)
    turns.add(scores_of(end, by_sound[-1]))
    (first,) = turns.take()  # without words
    assert first.words == () and turns.wait_s() is None
    turns.await_last_words(PATIENCE_S)
    assert 0 < turns.wait_s() <= PATIENCE_S
    worker.answer(0, "he is gone")
    told, second = events_after(turns, woken, 2)
    assert (told.text, told.late, second.late) == ("he is gone", True, True)
    assert turns.wait_s() is None
    turns.submit(end)
    turns.add(scores_of(end, by_sound[-1]))
    turns.take()
    worker.status = AsrStatus("restarting")  # its words are not waited for
    assert turns.wait_s() is None
