"""What is watched while a stream runs: problems of its source, and inference that hangs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream.ros")

RECOVERY_S: Seconds = 3.0
"""Recovery is reported only after so long without errors: intermittent errors do not count."""

INFERENCE_TIMEOUT_S: Seconds = 10.0
"""Inference on one window that takes longer is regarded as hung."""


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

    Args:
        on_timeout: called once with an error message each time inference is regarded as hung.

    Attributes:
        message: the error message while inference hangs; else "".
    """

    def __init__(self, on_timeout: Callable[[str], None]) -> None:
        self._on_timeout = on_timeout
        self.message = ""

    def update(self, inference_s: Seconds) -> None:
        """Take into account how long inference on the current window has been running."""
        if inference_s <= INFERENCE_TIMEOUT_S:
            self.message = ""
            return
        reported = self.message
        self.message = f"inference hangs: no result for {inference_s:.0f} s"
        if not reported:
            self._on_timeout(self.message)
