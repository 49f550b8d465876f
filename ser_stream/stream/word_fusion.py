"""The words of a stream's turns, and the second estimates that they allow.

    window ---> AsrWorker (a process) ---> words -------> TextScorer ---> second estimate
       |                                     |               |
       |                                     +---> Speech    |
       +---> WindowScorer ---> first estimate ----------------------+

The first estimate of an interval never waits. That of a whole turn waits up to a second for the
turn's words and for the text's opinion.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from ser_stream.asr.worker import CLOSED, READY, SLOW, AsrResult, AsrWorker
from ser_stream.emotion import INTERVAL, UTTERANCE, EmotionEstimate
from ser_stream.stream.scoring import latency_ms
from ser_stream.stream.text_scoring import TextScorer
from ser_stream.stream.windowing import TurnFeatures, Window
from ser_stream.units import Seconds
from ser_stream.words import Speech, Word, timed

log = logging.getLogger("ser_stream.asr")

Event = EmotionEstimate | Speech

UTTERANCE_WAITS: Seconds = 1.0
LOOKS_EVERY: Seconds = 0.1
"""So often whoever waits for words looks whether that is still worth it."""
MOST_WINDOWS, MOST_EVENTS = 256, 256
"""What nobody fetches is kept up to here, the newest."""
MOST_RESTARTS = 2
"""So many failures in a row, and a recording is heard on without words."""
NICENESS = 5
"""Where cores are short, sound and the first estimate go first."""


class RecordedTurns:
    """Of a recording: every window gets its second estimate, whenever its words are known.

    They are those that a turn as a whole is understood as, and they are waited for: the same
    recording gives the same words, where the recogniser does.

    Args:
        judge: None: words alone.
    """

    def __init__(self, worker: AsrWorker, judge: TextScorer | None):
        self._worker = worker
        self._judge = judge
        self._intervals: list[tuple[Window, EmotionEstimate]] = []  # of the turn that goes on
        self._patient = True

    def events(self, window: Window, estimate: EmotionEstimate) -> Iterator[Event]:
        """What there is to say once a window has been judged by its sound, in order."""
        if window.trigger == INTERVAL:
            self._intervals.append((window, estimate))
            yield estimate
            return
        words = self._understood(window)
        if words:
            yield speech_of(window, words, len(words), final=True)
        self._intervals.append((window, estimate))
        *opinions, of_all = (self._opinion(*judged, words) for judged in self._intervals)
        self._intervals.clear()
        yield from filter(None, opinions)
        yield from of_turn(window, estimate, words, of_all)

    def _opinion(
        self, window: Window, estimate: EmotionEstimate, words: tuple[Word, ...]
    ) -> EmotionEstimate | None:
        return self._judge(window, words, estimate) if self._judge else None

    def _understood(self, window: Window) -> tuple[Word, ...]:
        """The turn's words; none where recognition fails."""
        restarts = self._worker.status.restarts
        self._worker.submit(window.turn_sound, window.turn_start_s, window.features, final=True)
        while True:
            for result in self._worker.poll(LOOKS_EVERY if self._patient else 0.0):
                self._patient = self._patient or not result.error
                if result.turn_id is window.features:
                    return timed(result.words, window.turn_start_s, window.end_s)
            status = self._worker.status
            self._patient = self._patient and status.restarts - restarts < MOST_RESTARTS
            if not self._patient or status.state == CLOSED:
                return ()


@dataclasses.dataclass
class _Heard:
    """A window, and its estimate by sound: None until there is one, or where it was skipped."""

    window: Window
    estimate: EmotionEstimate | None = None


@dataclasses.dataclass
class _Turn:
    """What is known of a turn, and what of it still waits.

    Attributes:
        windows: whose words are not known.
        said: words of it have been told.
        end: its last window, with the estimate of all of it, which waits until `release_at`.
        words: of all of it, once they are known.
        judged: nothing more is to come of those words.
        opinion: the text's, of all of it.
        released: its estimate waits no more.
    """

    windows: deque[_Heard] = dataclasses.field(default_factory=lambda: deque(maxlen=MOST_WINDOWS))
    said: bool = False
    end: _Heard | None = None
    release_at: float = 0.0
    words: tuple[Word, ...] | None = None
    judged: bool = False
    opinion: EmotionEstimate | None = None
    released: bool = False


class LiveTurns:
    """Of a live stream: windows are never kept waiting, and of several the newest wins.

    A window that was skipped has no estimate by sound, and then no second one.

    Three threads: the one that listens calls `hear`, the one that judges by sound calls the others;
    words and second estimates are made in one of its own, at a lower priority.

    Args:
        judge: None: words alone.
        wake: called when there is something for `take`.
    """

    def __init__(self, worker: AsrWorker, judge: TextScorer | None, wake: Callable[[], None]):
        self._worker = worker
        self._judge = judge
        self._wake = wake
        self._changed = threading.Condition()
        self._turns: dict[TurnFeatures, _Turn] = {}
        self._ready: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ser_stream-words", daemon=True)
        self._thread.start()

    def hear(self, window: Window) -> None:
        """Have the window's words recognised."""
        final = window.trigger == UTTERANCE
        with self._changed:
            self._turn(window).windows.append(_Heard(window))
        self._worker.submit(window.turn_sound, window.turn_start_s, window.features, final)

    def judged(self, window: Window, estimate: EmotionEstimate) -> None:
        """Take a window's estimate by sound.

        That of a whole turn is kept until its words are known, or have kept us waiting.
        """
        with self._changed:
            turn = self._turn(window)
            if window.trigger == UTTERANCE:
                turn.end = _Heard(window, estimate)
                # Words that cannot come are not waited for.
                at_work = self._worker.status.state in (READY, SLOW)
                turn.release_at = time.monotonic() + (UTTERANCE_WAITS if at_work else 0.0)
            else:
                self._ready.append(estimate)
                for heard in turn.windows:
                    if heard.window is window:
                        heard.estimate = estimate
            self._changed.notify_all()

    def patience(self) -> Seconds | None:
        """When `take` must be called at the latest; None: when `wake` is."""
        with self._changed:
            waiting = [turn.release_at for turn in self._turns.values() if _waits(turn)]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def take(self) -> list[Event]:
        """What is ready by now."""
        with self._changed:
            events = list(self._ready)
            self._ready.clear()
            for turn in filter(_waits, self._turns.values()):
                if turn.judged or time.monotonic() >= turn.release_at:
                    turn.released = True
                    end = turn.end
                    events += of_turn(end.window, end.estimate, turn.words or (), turn.opinion)
            self._forget()
            return events

    def close(self) -> None:
        """End the thread. Recognition itself goes on: it is the next stream's too."""
        with self._changed:
            self._closed.set()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        _lower_priority()
        while not self._closed.is_set() and self._worker.status.state != CLOSED:
            results = self._worker.poll(LOOKS_EVERY)
            newest = {result.turn_id: result for result in results}
            for result in results:
                try:
                    self._understand(result, judged=newest[result.turn_id] is result)
                except Exception:  # whatever it is, the next words may be better
                    log.exception("words of a turn cannot be used")
                    self._give_up(result)

    def _understand(self, result: AsrResult, judged: bool) -> None:
        """Tell the words, and judge the newest window that they are of."""
        with self._changed:
            turn = self._turns.get(result.turn_id)
            covered = _covered(turn, result) if turn is not None else []
            if not covered:  # of a stream before this one
                return
            window = covered[-1].window
            words = timed(result.words, window.turn_start_s, window.end_s)
            if words or turn.said:  # the last word on a turn takes back what was said before
                turn.said = True
                self._ready.append(speech_of(window, words, result.stable, result.final))
            if result.final:
                turn.words = words
        self._wake()
        opinion = None
        if judged and self._judge is not None:
            heard = self._end_of(turn) if result.final else _newest_judged(covered)
            opinion = self._judge(heard.window, words, heard.estimate) if heard else None
        with self._changed:
            late = turn.released
            if result.final:
                turn.judged, turn.opinion = True, opinion
            if opinion is not None and late:
                opinion = dataclasses.replace(opinion, decisive=False)
            if opinion is not None and (late or not result.final):
                self._ready.append(opinion)
            self._forget()
        self._wake()

    def _give_up(self, result: AsrResult) -> None:
        """Nothing more comes of the turn's words."""
        with self._changed:
            turn = self._turns.get(result.turn_id)
            if turn is not None and result.final:
                turn.judged = True
                self._forget()
        self._wake()

    def _end_of(self, turn: _Turn) -> _Heard | None:
        """The turn's last window, once it is judged by its sound; None: the stream has ended."""
        with self._changed:
            self._changed.wait_for(lambda: turn.end is not None or self._closed.is_set())
            return turn.end

    def _turn(self, window: Window) -> _Turn:
        return self._turns.setdefault(window.features, _Turn())

    def _forget(self) -> None:
        """Turns that nothing more is to come of."""
        self._turns = {
            features: turn
            for features, turn in self._turns.items()
            if not (turn.released and turn.judged)
        }


def _waits(turn: _Turn) -> bool:
    return turn.end is not None and not turn.released


def _covered(turn: _Turn, result: AsrResult) -> list[_Heard]:
    """The windows whose sound the result has heard to its end, in order; they wait no more.

    A turn ends before the pause that ended it, so its last window may end before intervals that
    reach into that pause. It is covered by the final result, and by no other.
    """
    covered = []
    while turn.windows:
        window = turn.windows[0].window
        heard = window.trigger == INTERVAL and window.n_samples <= result.n_samples
        if not (heard or result.final):
            break
        covered.append(turn.windows.popleft())
    return covered


def _newest_judged(covered: list[_Heard]) -> _Heard | None:
    return next((heard for heard in reversed(covered) if heard.estimate is not None), None)


def of_turn(
    window: Window,
    estimate: EmotionEstimate,
    words: tuple[Word, ...],
    opinion: EmotionEstimate | None,
) -> Iterable[EmotionEstimate]:
    """The estimates of a whole turn, of which one is decisive."""
    second_decides = opinion is not None and not opinion.abstains
    yield dataclasses.replace(
        estimate,
        words=tuple(word.to_dict() for word in words),
        latency_ms=latency_ms(window),
        decisive=not second_decides,
    )
    if opinion is not None:
        yield dataclasses.replace(opinion, decisive=second_decides)


def speech_of(window: Window, words: tuple[Word, ...], stable: int, final: bool) -> Speech:
    return Speech(words, stable, final, window.turn_start_s, window.end_s, latency_ms(window))


def _lower_priority() -> None:
    """Of the thread that calls: on Linux each has its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):  # where that is forbidden, all are alike
            niceness = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, niceness + NICENESS)
