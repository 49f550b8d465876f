"""Speech recognition beside a stream: in a process of its own, never in the stream's way.

    submit ---> slot for one request ---> thread ---> process (`ser_stream.asr.child`)
                                            |
    poll  <----------- results <------------+ agreement of successive passes

The process may be slow, hang, crash or be killed: the caller sees it in `status`, results go on
when it has been started again.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import deque
from collections.abc import Hashable

import numpy as np

from ser_stream.asr.agreement import LocalAgreement
from ser_stream.asr.base import NONE, AsrSettings
from ser_stream.asr.factory import check_settings
from ser_stream.asr.pace import Pace
from ser_stream.asr.process import NotTaken, ProcessFailed, RecognizerProcess
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word

log = logging.getLogger("ser_stream.asr")

STARTING, READY, SLOW, RESTARTING, CLOSED = "starting", "ready", "slow", "restarting", "closed"

START_WITHIN: Seconds = 900.0
"""Until the recogniser is loaded; it may have to download 3 GB first."""
SOUND_FACTOR = 3.0
"""A request may take as long as the deadline, and this times its sound: slow is not hung."""
MOST_BACKOFF: Seconds = 30.0
MOST_RESULTS = 256
"""Results that nobody fetches are kept up to here."""


@dataclasses.dataclass(frozen=True)
class AsrResult:
    """What is known of the words of a turn.

    Attributes:
        turn_id: as it was submitted.
        words: of the turn so far, with times on the stream's clock.
        stable: so many of the first words stay as they are in the turn's partial results. The
            final result hears the turn as a whole, and may put others in their place.
        final: the last result of this turn.
        n_samples: of the turn, so far, in which they were heard.
        error: why a final result has no words; "" otherwise.
    """

    turn_id: Hashable
    words: tuple[Word, ...]
    stable: int
    final: bool
    n_samples: int
    error: str = ""


@dataclasses.dataclass(frozen=True)
class AsrStatus:
    """How recognition is.

    Attributes:
        state: "starting", "ready", "slow" (it works, but late), "restarting", or "closed".
        reason: why it is slow, or was started again, or is not there yet; "" when all is well.
        rtf: real-time factor of recent passes: above 1 it is slower than speech; 0 = not known.
        restarts: how often the process had to be started again.
        skipped: requests that a newer one replaced before they were looked at.
    """

    state: str
    reason: str = ""
    rtf: float = 0.0
    restarts: int = 0
    skipped: int = 0


@dataclasses.dataclass(frozen=True)
class _Request:
    samples: np.ndarray
    start_s: Seconds
    turn_id: Hashable
    final: bool

    @property
    def duration(self) -> Seconds:
        return len(self.samples) / SAMPLE_RATE_HZ


class AsrWorker:
    """Recognises turns while they are spoken, and once more when they end.

    >>> with AsrWorker(AsrSettings("faster_whisper", "small")) as worker:   # doctest: +SKIP
    ...     worker.submit(samples, start_s=12.4, turn_id=7, final=True)
    ...     for result in worker.poll(timeout_s=5):
    ...         print(result.words)

    Args:
        settings: which recogniser; its backend is not "none".
        deadline_s: a request that takes longer, and longer than three times its sound, has hung:
            the process is killed and started again.
        backoff_s: pause before the process is started again; doubled, up to 30 s, as long as it
            answers nothing in between.

    Raises:
        InputError: see `check_settings`. What only shows on loading, such as a model that is
            missing, is in `status`; it is tried again, for a network may come back.
        ValueError: the backend is "none".
    """

    def __init__(self, settings: AsrSettings, deadline_s: Seconds = 20.0, backoff_s: Seconds = 0.5):
        check_settings(settings)
        if settings.backend == NONE:
            raise ValueError("asr: the backend is none: there is nothing to run")
        self._settings = settings
        self._deadline_s = deadline_s
        self._backoff_s = backoff_s
        self._changed = threading.Condition()
        # All below is read and written under that lock.
        self._slot: _Request | None = None
        self._in_work: _Request | None = None
        self._results: deque[AsrResult] = deque(maxlen=MOST_RESULTS)
        self._process: RecognizerProcess | None = None
        self._state, self._reason = STARTING, ""
        self._restarts = 0
        self._skipped = 0
        self._failures = 0  # in a row
        self._pace = Pace()
        self._asked_turn: Hashable = None  # of the last partial request, and how long it was
        self._asked_s = 0.0
        self._agreement = LocalAgreement()
        self._agreement_turn: Hashable = None
        self._thread = threading.Thread(target=self._run, name="ser_stream-asr", daemon=True)
        self._thread.start()

    def __enter__(self) -> AsrWorker:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def submit(self, samples: np.ndarray, start_s: Seconds, turn_id: Hashable, final: bool) -> None:
        """Ask for the words of a turn, or of its beginning. Returns at once.

        Partial requests may come as often as they like: those that recognition has no time for
        are left out. Every final request has exactly one final result, if only one that says why
        there are no words. After `close` nothing is done.

        Args:
            samples: (n,) float32 at 16 kHz, the turn from its first sample on; copied.
            start_s: time of the first sample on the stream's clock.
            turn_id: the same for all of a turn, and for no other.
            final: the turn has ended.
        """
        request = _Request(samples, start_s, turn_id, final)
        with self._changed:
            if self._state == CLOSED or not (final or self._is_time_for(request)):
                return
            waiting = self._slot
            if waiting is not None:
                self._skipped += 1
                if waiting.final and not final:  # it was promised
                    return
                self._give_up(waiting, "recognition is late: a newer turn has ended")
            self._slot = dataclasses.replace(request, samples=np.array(samples, np.float32))
            self._changed.notify_all()

    def poll(self, timeout_s: Seconds = 0.0) -> list[AsrResult]:
        """Results since the last call, in order.

        Args:
            timeout_s: where there are none, wait so long for one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._results or self._state == CLOSED, timeout_s)
            results = list(self._results)
            self._results.clear()
            return results

    @property
    def status(self) -> AsrStatus:
        """How it is right now. May be read from any thread."""
        with self._changed:
            state, reason = self._state, self._reason
            if state == READY and self._pace.trouble:
                state, reason = SLOW, self._pace.trouble
            return AsrStatus(state, reason, self._pace.rtf, self._restarts, self._skipped)

    @property
    def pid(self) -> int | None:
        """Process id of the recogniser; None where there is none right now."""
        with self._changed:
            return self._process.pid if self._process else None

    def close(self) -> None:
        """End the process, whatever it does, and drop what waits. May be called again."""
        with self._changed:
            self._state, self._reason = CLOSED, ""
            if self._process is not None:
                self._process.kill()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        """The thread: one process after the other, until the worker is closed."""
        while True:
            try:
                self._use_one_process()
                reason = ""
            except Exception as error:  # whatever it is: it is told, and this thread goes on
                reason = str(error) if isinstance(error, ProcessFailed) else repr(error)
            with self._changed:
                if self._state == CLOSED:
                    return
                again = self._failures > 0 and reason == self._reason
                self._state, self._reason = RESTARTING, reason
                lost, self._in_work = self._in_work, None
                self._give_up(lost, reason)
                self._failures += 1
                pause_s = min(MOST_BACKOFF, self._backoff_s * 2 ** (self._failures - 1))
                log.log(  # what fails time after time is said once
                    logging.DEBUG if again else logging.WARNING,
                    "speech recognition: %s; starts again in %.1f s", reason, pause_s,
                )  # fmt: skip
                self._changed.wait_for(lambda: self._state == CLOSED, pause_s)
                self._restarts += 1

    def _use_one_process(self) -> None:
        """Raises ProcessFailed when the process has failed; returns when the worker is closed."""
        process = RecognizerProcess(self._settings, on_exit=self._notify)
        try:
            with self._changed:
                if self._state == CLOSED:
                    return
                self._process = process
            process.wait_until_ready(START_WITHIN)
            with self._changed:
                if self._state == CLOSED:
                    return
                self._state = READY
            while (request := self._next_request(process)) is not None:
                self._answer(request, process)
        finally:
            with self._changed:
                self._process = None
            process.close()

    def _next_request(self, process: RecognizerProcess) -> _Request | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._slot is not None or self._state == CLOSED or not process.alive
            )
            if self._state == CLOSED:
                return None
            if not process.alive:  # what waits is for the next process
                raise ProcessFailed(process.how_it_ended())
            self._in_work, self._slot = self._slot, None
            return self._in_work

    def _answer(self, request: _Request, process: RecognizerProcess) -> None:
        within = max(self._deadline_s, SOUND_FACTOR * request.duration)
        try:
            words, took_s = process.recognize(request.samples, request.start_s, within)
        except NotTaken:
            with self._changed:
                if self._slot is None:  # else a newer one waits, and this one is given up
                    self._slot, self._in_work = request, None
            raise
        with self._changed:
            self._in_work = None
            self._failures, self._reason = 0, ""
            self._pace.note(took_s, request.duration)
            self._add(self._agreed(request, words))

    def _is_time_for(self, request: _Request) -> bool:
        """Whether so much of the turn is new that another pass is worth it."""
        before_s = self._asked_s if request.turn_id == self._asked_turn else 0.0
        if request.duration - before_s < self._pace.step(request.duration):
            return False
        self._asked_turn, self._asked_s = request.turn_id, request.duration
        return True

    def _agreed(self, request: _Request, words: tuple[Word, ...]) -> AsrResult:
        if request.final:
            return AsrResult(request.turn_id, words, len(words), True, len(request.samples))
        if request.turn_id != self._agreement_turn:
            self._agreement, self._agreement_turn = LocalAgreement(), request.turn_id
        words, stable = self._agreement(words)
        return AsrResult(request.turn_id, words, stable, False, len(request.samples))

    def _give_up(self, request: _Request | None, error: str) -> None:
        """Keep the promise of a result for every final request."""
        if request is not None and request.final:
            self._add(AsrResult(request.turn_id, (), 0, True, len(request.samples), error))

    def _add(self, result: AsrResult) -> None:
        self._results.append(result)
        self._changed.notify_all()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
