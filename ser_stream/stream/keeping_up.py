"""Whether scoring keeps up with the sound of a live stream."""

from __future__ import annotations

import logging
import threading
from collections import deque

logger = logging.getLogger("ser_stream")

RECENT = 10
"""Windows and turns that are looked at."""
MAX_UNSCORED = 2
"""Of these, so many may be left out before scoring is said to fall behind; a single one is left out
when the machine was busy for a moment."""


class KeepingUp:
    """Counts which of the recent windows and turns were left out because newer ones were waiting.

    The log gets one line when scoring falls behind, and one when all of the last `RECENT` were
    scored. Methods may be called from any thread.

    Args:
        what: what is computed, and for which stream, for the log.
        remedy: what to do about it, as a phrase for people.

    Attributes:
        problem: that scoring falls behind, as a line for people; "" where it keeps up.
    """

    def __init__(self, what: str, remedy: str) -> None:
        self._what = what
        self._remedy = remedy
        self._lock = threading.Lock()
        self._unscored: deque[bool] = deque(maxlen=RECENT)
        self.problem = ""

    def note(self, scored: bool) -> None:
        """Take the next window or turn into account: scored, or left out."""
        with self._lock:
            self._unscored.append(not scored)
            n_unscored = sum(self._unscored)
            if self.problem and n_unscored == 0:
                self.problem = ""
                logger.info("%s keeps up again", self._what)
            elif not self.problem and n_unscored > MAX_UNSCORED:
                self.problem = f"falls behind: slower than sound; {self._remedy}"
                logger.warning("%s %s", self._what, self.problem)
