"""Speech recognition in a process of its own, which cannot delay the stream.

    submit ---> slot for one request ---> thread ---> process (`ser_stream.asr.child`)
                                            |
    poll  <----------- results <------------+ agreement of successive passes

The process may be slow, hang, crash or be killed: `status` reports it, and results continue when
the process has been started again.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import deque
from collections.abc import Hashable

import numpy as np

from ser_stream.asr.agreement import LocalAgreement
from ser_stream.asr.base import NONE, AsrSettings, remedy
from ser_stream.asr.factory import check_backend
from ser_stream.asr.pace import Pace
from ser_stream.asr.process import (
    NoAnswer,
    ProcessFailed,
    RecognizerProcess,
    RecognizerRefused,
    RequestNotReceived,
)
from ser_stream.asr.results import (
    CLOSED,
    READY,
    RESTARTING,
    SLOW,
    STARTING,
    UNUSABLE,
    AsrResult,
    AsrStatus,
)
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word

log = logging.getLogger("ser_stream.asr")

START_DEADLINE_S: Seconds = 900.0
"""Deadline for loading the recogniser, which may have to download 3 GB first."""
SOUND_FACTOR = 3.0
"""Shortest deadline of a request, in seconds per second of its sound: slow is not hung."""
MAX_BACKOFF_S: Seconds = 30.0
"""Longest pause before the process is started again."""
ON_TIME_TURNS = 3
"""Whole turns to recognise in a row before recognition keeps up again, after one was dropped."""
MAX_FAILED_STARTS = 2
"""Processes that may die in a row while they start before a recording is not read."""
MAX_RESULTS = 256
"""Results that are kept until `poll`; beyond that the oldest are dropped."""


@dataclasses.dataclass(frozen=True)
class _Request:
    """A request for the words of a turn: its samples, from the first one on."""

    samples: np.ndarray
    start_s: Seconds
    turn_id: Hashable
    final: bool

    @property
    def duration_s(self) -> Seconds:
        return len(self.samples) / SAMPLE_RATE_HZ


class AsrWorker:
    """Recognises turns while they are spoken, and as a whole when they end.

    >>> with AsrWorker(AsrSettings("faster_whisper", "small")) as worker:   # doctest: +SKIP
    ...     worker.submit(samples, start_s=12.4, turn_id=7, final=True)
    ...     for result in worker.poll(timeout_s=5):
    ...         print(result.words)

    Args:
        settings: settings of the recogniser; the backend is not "none".
        deadline_s: a process that takes longer for a request, and longer than three times its
            sound, counts as hung: it is killed and started again.
        backoff_s: pause before the process is started again; doubled, up to 30 s, until it
            answers a request.

    Raises:
        InputError: see `check_backend`. A model, language or grammar that cannot be used is
            reported in `status`; loading is retried, since a network or a file may come back.
        ValueError: the backend is "none".
    """

    def __init__(self, settings: AsrSettings, deadline_s: Seconds = 20.0, backoff_s: Seconds = 0.5):
        check_backend(settings)
        if settings.backend == NONE:
            raise ValueError("asr: the backend is none: there is nothing to run")
        self._settings = settings
        self._deadline_s = deadline_s
        self._backoff_s = backoff_s
        self._changed = threading.Condition()
        # All attributes below are read and written under that lock.
        self._slot: _Request | None = None
        self._in_progress: _Request | None = None
        self._results: deque[AsrResult] = deque(maxlen=MAX_RESULTS)
        self._process: RecognizerProcess | None = None
        self._state, self._reason = STARTING, ""
        self._restarts = 0
        self._skipped = 0
        self._failures = 0  # since the last answer
        self._failed_starts = 0  # since a process was ready
        self._pace = Pace()
        self._turns_to_catch_up = 0  # whole turns to recognise, since one was dropped
        self._behind = False  # whether falling behind was logged, and its end was not
        self._partial_turn: Hashable = None  # turn of the last partial request, and its length
        self._partial_s = 0.0
        self._agreement = LocalAgreement()
        self._agreement_turn: Hashable = None
        self._thread = threading.Thread(target=self._run, name="ser_stream-asr", daemon=True)
        self._thread.start()

    def __enter__(self) -> AsrWorker:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def submit(self, samples: np.ndarray, start_s: Seconds, turn_id: Hashable, final: bool) -> None:
        """Request the words of a turn so far, or of a whole turn. Return at once.

        Partial requests may be as frequent as the caller likes: those for which there is no time
        are skipped. Every final request gets exactly one final result, which may only say why there
        are no words. After `close`, requests are ignored.

        Args:
            samples: (n,) float32 at 16 kHz, the turn from its first sample on; copied.
            start_s: time of the first sample on the stream's clock.
            turn_id: identifies the turn.
            final: whether the turn has ended.
        """
        request = _Request(samples, start_s, turn_id, final)
        with self._changed:
            if self._state == CLOSED or not (final or self._is_time_for(request)):
                return
            waiting = self._slot
            if waiting is not None:
                self._skipped += 1
                if waiting.final and not final:  # a final request must get its result
                    return
                is_down = self._state in (RESTARTING, UNUSABLE)
                if waiting.final and not is_down:
                    self._turns_to_catch_up = ON_TIME_TURNS
                    self._note_whether_it_keeps_up()
                late = "recognition is late: a newer turn has ended"
                self._give_up(waiting, self._reason if is_down else late)
            self._slot = dataclasses.replace(request, samples=np.array(samples, np.float32))
            self._changed.notify_all()

    def poll(self, timeout_s: Seconds = 0.0) -> list[AsrResult]:
        """Return the results since the last call, in order.

        Args:
            timeout_s: how long to wait for a result where there is none.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._results) or self._state == CLOSED, timeout_s)
            results = list(self._results)
            self._results.clear()
            return results

    def wait_until_ready(self, stopping: threading.Event) -> None:
        """Wait until the recogniser is loaded, until `stopping` is set, or until `close`.

        Raises:
            InputError: its model, language or grammar cannot be used, or its process dies.
        """
        with self._changed:
            while self._state in (STARTING, RESTARTING) and not stopping.is_set():
                if self._failed_starts >= MAX_FAILED_STARTS:
                    break
                self._changed.wait(0.1)
            if self._state in (RESTARTING, UNUSABLE):
                raise InputError(f"speech recognition: {self._reason}")

    @property
    def status(self) -> AsrStatus:
        """The current state. May be read from any thread."""
        with self._changed:
            state, reason = self._state, self._reason
            if state == READY and (behind := self._why_behind()):
                state, reason = SLOW, f"{behind}; {remedy(self._settings)}"
            elif state == READY and self._pace.rare:
                state, reason = SLOW, self._pace.rare
            return AsrStatus(state, reason, self._pace.rtf, self._restarts, self._skipped)

    @property
    def pid(self) -> int | None:
        """Id of the recogniser's process; None while there is none."""
        with self._changed:
            return self._process.pid if self._process else None

    def close(self) -> None:
        """End the process at once and drop waiting requests. May be called more than once."""
        with self._changed:
            self._state, self._reason = CLOSED, ""
            if self._process is not None:
                self._process.kill()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        """Run one process after the other until the worker is closed; the worker's thread."""
        while True:
            state, reason = RESTARTING, ""
            try:
                self._use_one_process()
            except RecognizerRefused as error:
                state, reason = UNUSABLE, str(error)
            except Exception as error:  # reported in `status`; the thread continues
                reason = str(error) if isinstance(error, ProcessFailed) else repr(error)
            with self._changed:
                if self._state == CLOSED:
                    return
                pause_s = self._note_failure(state, reason)
                self._changed.wait_for(lambda: self._state == CLOSED, pause_s)
                self._restarts += 1

    def _note_failure(self, state: str, reason: str) -> Seconds:
        """Report that the process has failed; return the pause before the next one starts."""
        repeated = self._failures > 0 and reason == self._reason
        self._failed_starts = 0 if self._state == READY else self._failed_starts + 1
        self._state, self._reason = state, reason
        lost, self._in_progress = self._in_progress, None
        self._give_up(lost, reason)
        self._failures += 1
        self._changed.notify_all()
        pause_s = min(MAX_BACKOFF_S, self._backoff_s * 2 ** (self._failures - 1))
        # Who reads a recording raises a refusal, and a live stream logs it.
        level = logging.DEBUG if repeated or state == UNUSABLE else logging.WARNING
        log.log(level, "speech recognition: %s; starts again in %.1f s", reason, pause_s)
        return pause_s

    def _use_one_process(self) -> None:
        """Start a process and answer requests until the worker is closed.

        Raises:
            ProcessFailed: the process has failed.
        """
        process = RecognizerProcess(self._settings, on_exit=self._notify)
        try:
            with self._changed:
                if self._state == CLOSED:
                    return
                self._process = process
            process.wait_until_ready(START_DEADLINE_S)
            with self._changed:
                if self._state == CLOSED:
                    return
                self._state = READY
                self._changed.notify_all()
            while (request := self._next_request(process)) is not None:
                self._answer(request, process)
        finally:
            with self._changed:
                self._process = None
            process.close()

    def _next_request(self, process: RecognizerProcess) -> _Request | None:
        """Wait for a request; None when the worker is closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._slot is not None or self._state == CLOSED or not process.alive
            )
            if self._state == CLOSED:
                return None
            if not process.alive:  # the next process answers the waiting request
                raise ProcessFailed(process.exit_reason())
            self._in_progress, self._slot = self._slot, None
            return self._in_progress

    def _answer(self, request: _Request, process: RecognizerProcess) -> None:
        """Let the process recognise the request, and add the result."""
        within = max(self._deadline_s, SOUND_FACTOR * request.duration_s)
        try:
            words, language, took_s = process.recognize(request.samples, request.start_s, within)
        except RequestNotReceived:
            with self._changed:
                if self._slot is None:  # otherwise a newer request waits, and this one is dropped
                    self._slot, self._in_progress = request, None
            raise
        except NoAnswer as error:
            advice = f"if it is too slow for this computer: {remedy(self._settings)}"
            raise ProcessFailed(f"{error}; {advice}") from error
        with self._changed:
            self._in_progress = None
            self._failures, self._reason = 0, ""
            self._pace.note(took_s, request.duration_s)
            if request.final and self._turns_to_catch_up:
                self._turns_to_catch_up -= 1
            self._note_whether_it_keeps_up()
            self._add(dataclasses.replace(self._agreed(request, words), language=language))

    def _why_behind(self) -> str:
        """Return why recognition falls behind, as a line for people; "" where it keeps up."""
        if self._turns_to_catch_up:
            return "the words of a turn were dropped, because the next one had ended"
        return self._pace.slow

    def _note_whether_it_keeps_up(self) -> None:
        """Log that recognition falls behind, once until it keeps up again."""
        reason = self._why_behind()
        if bool(reason) == self._behind:
            return
        self._behind = bool(reason)
        if reason:
            log.warning("speech recognition: %s; %s", reason, remedy(self._settings))
        else:
            log.info("speech recognition keeps up again")

    def _is_time_for(self, request: _Request) -> bool:
        """Return whether the turn has grown enough for another pass."""
        before_s = self._partial_s if request.turn_id == self._partial_turn else 0.0
        if request.duration_s - before_s < self._pace.step(request.duration_s):
            return False
        self._partial_turn, self._partial_s = request.turn_id, request.duration_s
        return True

    def _agreed(self, request: _Request, words: tuple[Word, ...]) -> AsrResult:
        """Return the result of a pass; words of a partial one agree with the passes before."""
        if request.final:
            return AsrResult(request.turn_id, words, len(words), True, len(request.samples))
        if request.turn_id != self._agreement_turn:
            self._agreement, self._agreement_turn = LocalAgreement(), request.turn_id
        words, stable = self._agreement(words)
        return AsrResult(request.turn_id, words, stable, False, len(request.samples))

    def _give_up(self, request: _Request | None, error: str) -> None:
        """Add the result of a final request that will not be recognised."""
        if request is not None and request.final:
            self._add(AsrResult(request.turn_id, (), 0, True, len(request.samples), error))

    def _add(self, result: AsrResult) -> None:
        """Add a result and wake `poll`."""
        self._results.append(result)
        self._changed.notify_all()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
