"""The words of a live stream. No estimate waits for them longer than a second."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable

from ser_stream.asr.worker import CLOSED, READY, SLOW, UNUSABLE, AsrResult, AsrWorker
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.stream.scores import Scores
from ser_stream.stream.text_scoring import TextScorer
from ser_stream.stream.window import TurnEnd, Window
from ser_stream.stream.word_fusion import (
    POLL_EVERY,
    Event,
    dicts_of,
    speech_of,
    turn_estimates,
    turn_key,
)
from ser_stream.units import Seconds
from ser_stream.words import Word, with_times

log = logging.getLogger("ser_stream.asr")

MAX_TURN_WAIT: Seconds = 1.0
"""Longest time that the estimate of a whole turn waits for its words and its second estimate."""
MAX_SCORED_TURNS = 2
"""Turns whose second estimates are computed where the words of several are waiting: the newest."""
JOIN_TIMEOUT: Seconds = 5.0
"""Longest time that the end of a stream waits for a second estimate that is being computed."""
MAX_KEPT_WINDOWS, MAX_KEPT_EVENTS = 256, 256
"""Windows of a turn, and events, that are kept until they are taken; older ones are dropped."""
NICENESS = 5
"""Added to the nice value of the thread for words: capture and first estimates have priority."""


@dataclasses.dataclass
class _PendingPart:
    """A window or turn end whose words are not known yet.

    Attributes:
        scores: by sound; None until it is scored, and for a window that was skipped.
    """

    part: Window | TurnEnd
    scores: Scores | None = None


@dataclasses.dataclass
class _PendingTurn:
    """A turn for which events are still expected.

    Attributes:
        parts: windows, and the turn's end, whose words are not known yet.
        words_published: whether words of the turn have been published.
        end: scores by sound of the whole turn, whose estimate waits until `release_at`.
        words: words of the whole turn, once they are known.
        words_done: whether the final words are known, or will never be known.
        second: scores of the whole turn by sound and words, once they are known.
        released: whether the estimate of the whole turn has been published, or is withheld.
        told: whether the words were known when it was published.
        error: why there are no words.
    """

    parts: deque[_PendingPart] = dataclasses.field(
        default_factory=lambda: deque(maxlen=MAX_KEPT_WINDOWS)
    )
    words_published: bool = False
    end: Scores | None = None
    release_at: float = 0.0
    words: tuple[Word, ...] | None = None
    words_done: bool = False
    second: Scores | None = None
    released: bool = False
    told: bool = False
    error: str = ""

    def take_covered(self, result: AsrResult) -> list[_PendingPart]:
        """Remove and return the parts whose sound the result covers to its end, in order.

        A turn ends before the pause that ended it, so its end may lie before that of windows that
        reach into the pause. It is covered by the final result only.
        """
        covered = []
        while self.parts:
            part = self.parts[0].part
            in_result = part.trigger == INTERVAL and part.n_samples <= result.n_samples
            if not (in_result or result.final):
                break
            covered.append(self.parts.popleft())
        return covered

    @property
    def late(self) -> bool:
        """Whether words that come now were not known when the turn's estimate was published."""
        return self.released and self.end is not None and not self.told


class LiveWordFusion:
    """The `WordFusion` of a live stream: only the newest window gets a second estimate.

    A window that was skipped has no first estimate, and then no second one either.

    Three threads are involved: the one that captures sound calls `submit`, the one that scores
    windows calls the other methods. Words and second estimates are computed in a thread of this
    object, at a lower priority.

    Args:
        text_scorer: None: words, but no second estimates.
        stream: number of the stream, which distinguishes its turns from earlier ones.
        wake: called when there is something for `take`.
    """

    def __init__(
        self,
        worker: AsrWorker,
        text_scorer: TextScorer | None,
        stream: int,
        wake: Callable[[], None],
    ):
        self._worker = worker
        self._text_scorer = text_scorer
        self._stream = stream
        self._wake = wake
        self._changed = threading.Condition()
        self._turns: dict[Hashable, _PendingTurn] = {}
        self._ready: deque[Event] = deque(maxlen=MAX_KEPT_EVENTS)
        self._last_words_until = 0.0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ser_stream-words", daemon=True)
        self._thread.start()

    def submit(self, part: Window | TurnEnd) -> None:
        """Request the words of a window or turn."""
        with self._changed:
            self._pending_turn(part).parts.append(_PendingPart(part))
        self._worker.submit(
            part.turn_sound,
            part.turn_start_s,
            turn_key(self._stream, part),
            final=part.trigger == UTTERANCE,
        )

    def add(self, scores: Scores) -> None:
        """Take the scores by sound of a window or turn.

        The estimate of a whole turn is kept until the turn's words are known, or time is up.
        """
        status = self._worker.status
        with self._changed:
            turn = self._pending_turn(scores.part)
            if scores.part.trigger == UTTERANCE:
                turn.end = scores
                # Words that cannot come are not waited for.
                running = status.state in (READY, SLOW)
                turn.release_at = time.monotonic() + (MAX_TURN_WAIT if running else 0.0)
            else:
                self._ready.append(scores.estimate(asr_error=status.error))
                for pending in turn.parts:
                    if pending.part is scores.part:
                        pending.scores = scores
            self._changed.notify_all()

    def withhold(self, part: Window | TurnEnd) -> None:
        """Note that a window or turn has no estimate by sound, and so no second one."""
        if part.trigger == UTTERANCE:
            with self._changed:
                self._pending_turn(part).released = True
                self._drop_finished()
                self._changed.notify_all()

    def wait_s(self) -> Seconds | None:
        running = self._worker.status.state in (READY, SLOW)
        with self._changed:
            turns = self._turns.values()
            waiting = [t.release_at for t in turns if t.end is not None and not t.released]
            late = any(turn.late and not turn.words_done for turn in turns)
        if late and running and time.monotonic() < self._last_words_until:
            waiting.append(self._last_words_until)
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def await_last_words(self, timeout_s: Seconds) -> None:
        self._last_words_until = time.monotonic() + timeout_s

    def take(self) -> list[Event]:
        asr_error = self._worker.status.error
        with self._changed:
            events = list(self._ready)
            self._ready.clear()
            for turn in self._turns.values():
                if turn.end is None or turn.released:
                    continue
                if turn.words_done or time.monotonic() >= turn.release_at:
                    turn.released, turn.told = True, turn.words is not None
                    error = turn.error or ("" if turn.words else asr_error)
                    events += turn_estimates(turn.end, turn.words or (), turn.second, error)
            self._drop_finished()
            return events

    def finish(self) -> None:
        """Do nothing: a live stream does not wait for its last words."""

    def close(self) -> None:
        """End the thread. Speech recognition keeps running, for the next stream."""
        with self._changed:
            if self._closed.is_set():
                return
            self._closed.set()
            self._changed.notify_all()
            missing = sum(t.late and not t.words_done for t in self._turns.values())
        if missing:
            turns = "1 turn" if missing == 1 else f"{missing} turns"
            log.warning("the stream has ended before the words of %s were known", turns)
        self._thread.join(JOIN_TIMEOUT)

    def _run(self) -> None:
        _lower_priority()
        refusal = ""
        while not self._closed.is_set() and (status := self._worker.status).state != CLOSED:
            if status.state == UNUSABLE and status.reason != refusal:
                refusal = status.reason
                log.error(
                    "speech recognition: %s; goes on with sound alone, and tries it again", refusal
                )
            results = self._worker.poll(POLL_EVERY)
            newest = {result.turn_id: result for result in results}
            scored = [*newest.values()][-MAX_SCORED_TURNS:]
            for result in results:
                is_newest = any(each is result for each in scored)
                if result.final and result.words and not is_newest and self._text_scorer:
                    self._text_scorer.note_skipped()
                try:
                    self._use(result, is_newest)
                except Exception:  # logged; the next words may still be usable
                    log.exception("words of a turn cannot be used")
                    self._give_up(result)

    def _use(self, result: AsrResult, is_newest: bool) -> None:
        """Publish the words, and score the newest window whose words they are."""
        with self._changed:
            turn = self._turns.get(result.turn_id)
            covered = turn.take_covered(result) if turn is not None else []
            if turn is None or not covered:  # an earlier stream's turn, or nothing new
                return
            part = covered[-1].part
            words = with_times(result.words, part.turn_start_s, part.end_s)
            if words or turn.words_published:  # the final words may remove earlier ones
                turn.words_published = True
                speech = speech_of(
                    part, words, result.stable, result.final, result.language, turn.late
                )
                self._ready.append(speech)
            if result.final:
                turn.words, turn.error = words, result.error
        self._wake()
        second = None
        if is_newest and self._text_scorer is not None:
            by_sound = self._wait_for_turn_scores(turn) if result.final else _newest_scores(covered)
            if by_sound is not None:
                second = self._text_scorer.score(by_sound.part, words, by_sound)
        with self._changed:
            if result.final:
                turn.words_done, turn.second = True, second
            if second is not None and (turn.released or not result.final):
                self._ready.append(second.estimate(decisive=not turn.released, late=turn.late))
            elif result.final and words and turn.late and turn.end is not None:
                # Who reads estimates alone, such as JSON lines, gets the words by this one.
                self._ready.append(turn.end.estimate(dicts_of(words), decisive=False, late=True))
            self._drop_finished()
        self._wake()

    def _give_up(self, result: AsrResult) -> None:
        """Stop waiting for the turn's words after an error."""
        with self._changed:
            turn = self._turns.get(result.turn_id)
            if turn is not None and result.final:
                turn.words_done = True
                self._drop_finished()
        self._wake()

    def _wait_for_turn_scores(self, turn: _PendingTurn) -> Scores | None:
        """Wait until the whole turn is scored by its sound.

        None: the turn's estimate is withheld, or the stream has ended.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: turn.end is not None or turn.released or self._closed.is_set()
            )
            return turn.end

    def _pending_turn(self, part: Window | TurnEnd) -> _PendingTurn:
        return self._turns.setdefault(turn_key(self._stream, part), _PendingTurn())

    def _drop_finished(self) -> None:
        """Drop the turns for which no more events are expected."""
        self._turns = {
            key: turn
            for key, turn in self._turns.items()
            if not (turn.released and turn.words_done)
        }


def _newest_scores(covered: list[_PendingPart]) -> Scores | None:
    """Return the scores of the last part that was scored by its sound."""
    return next((each.scores for each in reversed(covered) if each.scores is not None), None)


def _lower_priority() -> None:
    """Lower the priority of the calling thread: on Linux each thread has its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):  # where that is forbidden, all have the same
            niceness = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, niceness + NICENESS)
