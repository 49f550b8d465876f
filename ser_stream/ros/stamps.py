"""Time stamps of ROS 2 messages: they move forward even where the clock does not.

The seconds of a stamp have 32 bits with a sign. After 2038-01-19 03:14:07 UTC they go on from
-2147483648, as in rclcpp, so that differences of stamps stay right if they are taken in 32 bits.
"""

from __future__ import annotations

import logging

from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream.ros")

Stamp = tuple[int, int]
"""(sec, nanosec) of builtin_interfaces/msg/Time."""

SEC_RANGE = 2**32
"""Number of values that `sec` can have: it wraps around."""


def to_stamp(time_ns: int) -> Stamp:
    """Convert nanoseconds since the epoch to a stamp.

    >>> to_stamp(1_500_000_001)
    (1, 500000001)
    >>> to_stamp(2**31 * 10**9)
    (-2147483648, 0)
    """
    sec, nanosec = divmod(time_ns, 1_000_000_000)
    return (sec + SEC_RANGE // 2) % SEC_RANGE - SEC_RANGE // 2, nanosec


def to_seconds(stamp: Stamp, now_s: Seconds) -> Seconds:
    """Convert a stamp that was made about now to seconds since the epoch.

    >>> to_seconds((-2147483648, 500_000_000), now_s=2**31)
    2147483648.5
    """
    sec, nanosec = stamp
    return sec + SEC_RANGE * round((now_s - sec) / SEC_RANGE) + nanosec * 1e-9


def to_ns(stamp: Stamp) -> int:
    """Convert a stamp to nanoseconds since the epoch; negative after 2038.

    >>> to_ns((1, 500000001))
    1500000001
    """
    sec, nanosec = stamp
    return sec * 1_000_000_000 + nanosec


class MonotonicStamps:
    """Makes the stamps of successive messages strictly increasing, for each kind of message.

    A clock that was set back by up to `MAX_BACKWARD_NS` advances the stamps by one nanosecond per
    message until the clock has caught up. A larger step means that the clock was set or that a
    recording was started again: all stamps then restart from the new time, with a warning in the
    log.
    """

    MAX_BACKWARD_NS = 2_000_000_000
    """Larger backward steps restart the stamps instead of being treated as jitter."""

    def __init__(self) -> None:
        # Per kind: the latest time that was passed in, and the last stamp that was returned.
        self._latest: dict[tuple[str, ...], tuple[int, int]] = {}

    def next(self, time_ns: int, *kind: str) -> Stamp:
        """Return the stamp of a message whose last sample was captured at `time_ns`.

        Args:
            time_ns: nanoseconds since the epoch.
            kind: identifies the sequence of messages. Kinds are independent of each other: the
                audio+text estimate of a window is published after the audio estimates of newer
                windows.
        """
        latest_ns, last_ns = self._latest.get(kind, (time_ns, time_ns - 1))
        backward_ns = latest_ns - time_ns
        if backward_ns > self.MAX_BACKWARD_NS:
            logger.warning(
                "the clock was set back by %.1f s; stamps restart from the new time",
                backward_ns * 1e-9,
            )
            self._latest.clear()
            latest_ns, last_ns = time_ns, time_ns - 1
        last_ns = max(time_ns, last_ns + 1)
        self._latest[kind] = max(latest_ns, time_ns), last_ns
        return to_stamp(last_ns)
