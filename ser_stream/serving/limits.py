"""What clients may ask of the service, and how much they may send."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from ser_stream.units import Seconds


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the service.

    Attributes:
        max_streams: streams that are open at the same time.
        max_viewers: viewers of all streams together.
        max_words: speech recognisers, each a process for one stream.
        max_unnamed: connections that have not said hello yet.
        max_message_bytes: size of a message; a larger one ends the connection with code 1009.
        hello_s: time for the hello.
        idle_s: longest time without a message of a stream's client.
        ahead_s: seconds of live sound that may come faster than real time.
        texts: text messages of a client that may come at once; one more each 0.2 s.
        messages: binary messages that may come at once; 500 more each second. Beyond, reading is
            slowed down.
        unread: messages that may wait for a client that does not read, besides the passing ones.
        unread_by_viewer: the same for a viewer, which loses the oldest.
    """

    max_streams: int = 50
    max_viewers: int = 100
    max_words: int = 1
    max_unnamed: int = 50
    max_message_bytes: int = 262_144
    hello_s: Seconds = 10.0
    idle_s: Seconds = 60.0
    ahead_s: Seconds = 10.0
    texts: int = 50
    messages: int = 1_000
    unread: int = 500
    unread_by_viewer: int = 64


class Budget:
    """What may be spent at once, and is refilled as time passes (a token bucket).

    Args:
        size: most that may be spent at once.
        per_s: refilled each second.
        clock: monotonic time in seconds.
    """

    def __init__(self, size: float, per_s: float, clock: Callable[[], Seconds] = time.monotonic):
        self._size = size
        self._per_s = per_s
        self._clock = clock
        self._left = size
        self._since_s = clock()

    def spend(self, amount: float) -> Seconds:
        """Spend it; return the seconds after which that will have been refilled, 0 for at once."""
        now_s = self._clock()
        self._left = min(self._size, self._left + (now_s - self._since_s) * self._per_s) - amount
        self._since_s = now_s
        return max(0.0, -self._left / self._per_s)
