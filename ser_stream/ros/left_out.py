"""Messages that could not be used, and the line that says why. Needs no ROS."""

from __future__ import annotations

import logging
import time

from ser_stream.errors import InputError
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream.ros")

BRIEF_S: Seconds = 0.2
"""An error that a good message ends sooner may be seen by nobody, and is logged here instead."""

LOG_PERIOD_S: Seconds = 10.0
"""Brief errors are logged at most so often."""


class LeftOut:
    """Counts the messages of a topic that could not be used.

    Args:
        name: of the topic, for the log.

    Attributes:
        count: number of messages that were left out.
        error: why the last message was left out; "" if it was used.
    """

    def __init__(self, name: str) -> None:
        self.count = 0
        self.error = ""
        self._name = name
        self._since = 0.0  # monotonic
        self._logged_count = 0
        self._next_log_at = 0.0  # monotonic

    def add(self, error: InputError) -> None:
        """Take note of a message that was left out."""
        self.count += 1
        if not self.error:
            self._since = time.monotonic()
        self.error = str(error)

    def end(self, now: float) -> None:
        """Take note of a message that could be used, at a time by `time.monotonic()`."""
        if not self.error:
            return
        error, self.error = self.error, ""
        if now - self._since < BRIEF_S and now >= self._next_log_at:
            count = self.count - self._logged_count
            self._logged_count, self._next_log_at = self.count, now + LOG_PERIOD_S
            messages = "a message" if count == 1 else f"{count} messages"
            logger.warning("%s: left out %s: %s", self._name, messages, error)
