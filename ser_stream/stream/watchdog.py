"""What is watched while a stream runs: problems of its source, and inference that hangs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from ser_stream.stream.session import late
from ser_stream.stream.status import StreamStatus
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

RECOVERY_S: Seconds = 3.0
"""Recovery is reported only after so long without errors: intermittent errors do not count."""

INFERENCE_TIMEOUT_S: Seconds = 10.0
"""Inference on one window that takes longer is regarded as hung."""

INFERENCE_FAILED = 1
"""Exit code of a process whose inference hangs or fails: its supervisor starts a new one."""

CAPTURE_TIMEOUT_S: Seconds = 10.0
"""A live source that gives no sound reports why well within this time."""

LONGEST_PERIOD_S: Seconds = 1.0
"""Time between two looks at inference; where it is longer, the process was stopped meanwhile."""


class ProblemLog:
    """Logs each problem of the source once, and its end after `RECOVERY_S` without a problem."""

    def __init__(self) -> None:
        self._logged = ""
        self._last_problem_s: Seconds = 0.0

    def update(self, problem: str, now_s: Seconds, source: str) -> None:
        """Log the current problem of the source if it is new; "" means that there is none."""
        if problem:
            self._last_problem_s = now_s
            # Messages that differ in their numbers only ("no message for 4 s") are one problem.
            without_numbers = re.sub(r"[\d.]+", "", problem)
            if without_numbers != self._logged:
                self._logged = without_numbers
                logger.error("%s", problem)
        elif self._logged and now_s - self._last_problem_s > RECOVERY_S:
            self._logged = ""
            logger.info("%s: sound is back", source)


class InferenceWatchdog:
    """Detects inference that hangs, which nothing inside the process can end.

    A window that takes long is logged once before it is regarded as hung. Time during which the
    whole process was stopped, as by a debugger, does not count.

    Args:
        clock: monotonic time in seconds.
        logs: whether the log says that a window takes long; another watchdog may do so.

    Attributes:
        message: the error message while inference hangs; else "".
    """

    def __init__(self, clock: Callable[[], Seconds] = time.monotonic, logs: bool = True) -> None:
        self._clock = clock
        self._logs = logs
        self._looked_at_s = clock()
        self._previous_s: Seconds = 0.0
        self._stopped_s: Seconds = 0.0  # while inference on the current window ran
        self._told = False
        self.message = ""

    def update(self, inference_s: Seconds) -> bool:
        """Take into account how long inference on the current window has been running.

        Returns:
            Whether it is regarded as hung from now on.
        """
        now_s = self._clock()
        period_s, self._looked_at_s = now_s - self._looked_at_s, now_s
        if inference_s < self._previous_s or inference_s == 0.0:  # another window, or none
            self._stopped_s, self._told = 0.0, False
        elif period_s > LONGEST_PERIOD_S:
            self._stopped_s += period_s - LONGEST_PERIOD_S
        self._previous_s = inference_s
        running_s = inference_s - self._stopped_s
        if self._logs and late(running_s) and not self._told:
            self._told = True
            logger.warning(
                "inference: %s; after %g s this process ends", late(running_s), INFERENCE_TIMEOUT_S
            )
        if running_s <= INFERENCE_TIMEOUT_S:
            self.message = ""
            return False
        is_new = not self.message
        self.message = f"inference hangs: no result for {running_s:.0f} s"
        return is_new


class CaptureWatchdog:
    """Detects that the thread that captures live sound hangs: no sound, and no report why.

    Args:
        clock: monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], Seconds] = time.monotonic) -> None:
        self._clock = clock
        self._alive_at_s = clock()
        self._position_s: Seconds = 0.0

    def update(self, status: StreamStatus) -> bool:
        """Take the state of the stream into account; return whether capture goes on."""
        if status.position_s != self._position_s or status.source:
            self._position_s, self._alive_at_s = status.position_s, self._clock()
        return self._clock() - self._alive_at_s <= CAPTURE_TIMEOUT_S
