"""Words of a stream's turns, and the second estimates computed from sound and words.

    window ---> AsrWorker (a process) ---> words -------> TextScorer ---> second estimate
       |                                     |               |
       |                                     +---> Speech    |
       +---> WindowScorer ---> scores by sound --------------------+

The first estimate of an interval never waits for words. Each class here receives windows and their
scores by sound, and returns the events that are ready: `WithoutWords` where no speech recognition
runs, `RecordedWordFusion` for recordings, and `LiveWordFusion` (in `live_words`) for live sources.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Protocol

from ser_stream.asr.worker import CLOSED, AsrResult, AsrWorker
from ser_stream.emotion import INTERVAL, EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.stream.scores import Scores, latency_ms
from ser_stream.stream.text_scoring import TextScorer
from ser_stream.stream.window import TurnEnd, Window
from ser_stream.units import Seconds
from ser_stream.words import Speech, Word, with_times

Event = EmotionEstimate | Speech
"""An item of a stream's output: an estimate, or the words of a turn."""

POLL_EVERY: Seconds = 0.1
"""Interval at which a thread that waits for words checks whether they can still arrive."""
MAX_FAILURES = 2
"""After this many failures of recognition in a row, a recording continues without words; that is
an error at its end."""


class WordFusion(Protocol):
    """Combines the scores by sound of a stream's windows with the words of its turns."""

    def submit(self, part: Window | TurnEnd) -> None:
        """Request the words of a window or turn; called before it is scored by its sound."""

    def add(self, scores: Scores) -> None:
        """Take the scores by sound of the next window or turn."""

    def withhold(self, part: Window | TurnEnd) -> None:
        """Note that the next window or turn has no estimate; its words are published."""

    def take(self) -> list[Event]:
        """Return the events that are ready, in order, and forget them."""

    def wait_s(self) -> Seconds | None:
        """Return the longest time in seconds until `take` must be called.

        None: at the next window, or when the stream is woken.
        """

    def await_last_words(self, timeout_s: Seconds) -> None:
        """Note that no window follows: until then, `wait_s` waits for words that are missing."""

    def finish(self) -> None:
        """Check, at the end of a source that was read to its end, that its words are known.

        Raises:
            InputError: words are missing because speech recognition failed.
        """

    def close(self) -> None:
        """End the stream's threads. Speech recognition keeps running, for the next stream."""


class _SynchronousFusion:
    """The part of a `WordFusion` that all those share whose events are ready after `add`."""

    def __init__(self) -> None:
        self._ready: list[Event] = []

    def submit(self, part: Window | TurnEnd) -> None:
        """Do nothing: words, if any, are requested by `add`."""

    def withhold(self, part: Window | TurnEnd) -> None:
        """Do nothing: there are no words."""

    def take(self) -> list[Event]:
        events, self._ready = self._ready, []
        return events

    def wait_s(self) -> Seconds | None:
        return None

    def await_last_words(self, timeout_s: Seconds) -> None:
        """Do nothing: no words are missing."""

    def finish(self) -> None:
        """Do nothing: no words are missing."""

    def close(self) -> None:
        """Do nothing: there is no thread."""


class WithoutWords(_SynchronousFusion):
    """The `WordFusion` of a stream without speech recognition: every score is an estimate."""

    def add(self, scores: Scores) -> None:
        self._ready.append(scores.estimate())


class RecordedWordFusion(_SynchronousFusion):
    """The `WordFusion` of a recording: every window with words gets its second estimate.

    The words are those of the turn as a whole, and the end of a turn waits for them: the same
    recording gives the same words, if the recogniser does.

    Args:
        text_scorer: None: words, but no second estimates.
        stream: number of the stream, which distinguishes its turns from earlier ones.
        stopping: when it is set, words are not waited for any more.
    """

    def __init__(
        self,
        worker: AsrWorker,
        text_scorer: TextScorer | None,
        stream: int,
        stopping: threading.Event,
    ):
        super().__init__()
        self._worker = worker
        self._text_scorer = text_scorer
        self._stream = stream
        self._stopping = stopping
        self._turn_scores: list[Scores] = []  # windows of the current turn
        self._failures = 0  # in a row
        self._turns = self._turns_without_words = 0
        self._error = ""  # why the last of these have none

    def add(self, scores: Scores) -> None:
        """Take the scores of the next window or turn; wait for the words of a whole turn."""
        self._turn_scores.append(scores)
        if scores.part.trigger == INTERVAL:
            self._ready.append(scores.estimate(asr_error=self._worker.status.error))
            return
        words, error = self._words_of(scores.part)
        *second, second_of_turn = (self._second(each, words) for each in self._turn_scores)
        self._turn_scores.clear()
        self._ready += [each.estimate() for each in second if each is not None]
        self._ready += turn_estimates(scores, words, second_of_turn, error)

    def withhold(self, part: Window | TurnEnd) -> None:
        """Publish the words of a turn without an estimate, and those of its windows with them."""
        if part.trigger == INTERVAL:
            return
        words, _ = self._words_of(part)
        second = (self._second(each, words) for each in self._turn_scores)
        self._ready += [each.estimate() for each in second if each is not None]
        self._turn_scores.clear()

    def finish(self) -> None:
        """See the protocol."""
        if self._turns_without_words:
            raise InputError(
                f"speech recognition: {self._error}; the words of {self._turns_without_words} of "
                f"{self._turns} turns are missing"
            )

    def _words_of(self, part: Window | TurnEnd) -> tuple[tuple[Word, ...], str]:
        """Return the words of a turn, after publishing them, and why there are none."""
        result = self._wait_for_words(part)
        words = with_times(result.words, part.turn_start_s, part.end_s)
        if words:
            self._ready.append(speech_of(part, words, len(words), True, result.language))
        self._turns += 1
        if result.error:
            self._turns_without_words += 1
            self._error = result.error
        return words, result.error

    def _second(self, scores: Scores, words: tuple[Word, ...]) -> Scores | None:
        return self._text_scorer.score(scores.part, words, scores) if self._text_scorer else None

    def _wait_for_words(self, part: Window | TurnEnd) -> AsrResult:
        """Wait for the words of a turn; the result has none where recognition fails."""
        key = turn_key(self._stream, part)

        def no_words(error: str) -> AsrResult:
            return AsrResult(key, (), 0, True, part.n_samples, error)

        if self._failures >= MAX_FAILURES:
            return no_words(self._error)
        restarts = self._worker.status.restarts
        self._worker.submit(part.turn_sound, part.turn_start_s, key, final=True)
        while True:
            for result in self._worker.poll(POLL_EVERY):
                if result.turn_id == key:  # others are of an earlier recording
                    self._failures = self._failures + 1 if result.error else 0
                    return result
            status = self._worker.status
            if status.state == CLOSED or self._stopping.is_set():
                return no_words("")
            if status.restarts - restarts >= MAX_FAILURES:
                self._failures = MAX_FAILURES
                return no_words(status.error or self._error or "it has failed repeatedly")


def turn_key(stream: int, part: Window | TurnEnd) -> Hashable:
    """Return an id of a turn that is unique among all streams that use one `AsrWorker`."""
    return stream, part.turn


def turn_estimates(
    by_sound: Scores, words: tuple[Word, ...], second: Scores | None, asr_error: str
) -> Iterator[EmotionEstimate]:
    """Yield the estimates of a whole turn, one of which is decisive.

    Args:
        second: scores by sound and words, where they exist.
        asr_error: why there are no words, see `EmotionEstimate`.
    """
    second_decides = second is not None and not second.abstains
    yield by_sound.estimate(dicts_of(words), decisive=not second_decides, asr_error=asr_error)
    if second is not None:
        yield second.estimate(decisive=second_decides)


def dicts_of(words: tuple[Word, ...]) -> tuple[dict[str, Any], ...]:
    """Return words as `EmotionEstimate.words` has them."""
    return tuple(word.to_dict() for word in words)


def speech_of(
    part: Window | TurnEnd,
    words: tuple[Word, ...],
    stable: int,
    final: bool,
    language: str,
    late: bool = False,
) -> Speech:
    """Return the words of a turn up to the end of that window."""
    latency = latency_ms(part)
    return Speech(words, stable, final, part.turn_start_s, part.end_s, latency, language, late)


MakeFusion = Callable[[Callable[[], None]], WordFusion]
"""Makes the word fusion of a stream, from the function that wakes the stream."""
