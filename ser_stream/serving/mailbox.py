"""Messages on their way to one client, which may be slow or gone."""

from __future__ import annotations

import asyncio
from collections import deque

MAX_PASSING = 40
"""Passing messages that may wait: some 2 s of status and pictures."""


class Mailbox:
    """Holds a bounded number of messages for one client. Used in one event loop.

    Passing messages, such as the status, are soon replaced by newer ones: the oldest of them is
    dropped first, so that a slow client still gets the estimates.

    Args:
        size: other messages that may wait; where there are more, the oldest is dropped.

    Attributes:
        dropped: number of other messages that were dropped.
        dropped_passing: number of passing messages that were dropped.
    """

    def __init__(self, size: int):
        self._size = size
        self._messages: deque[tuple[bool, str | bytes]] = deque()
        self._passing = 0  # of them
        self._changed = asyncio.Event()
        self._closed = False
        self.dropped = 0
        self.dropped_passing = 0

    def put(self, message: str | bytes, passing: bool = False) -> None:
        """Add a message; it is left out where the mailbox is closed."""
        if self._closed:
            return
        self._messages.append((passing, message))
        self._passing += passing
        if self._passing > MAX_PASSING:
            self._drop(passing=True)
            self.dropped_passing += 1
        elif len(self._messages) - self._passing > self._size:
            self._drop(passing=False)
            self.dropped += 1
        self._changed.set()

    def close(self) -> None:
        """Take no more messages; those that wait can still be taken."""
        self._closed = True
        self._changed.set()

    async def take(self) -> str | bytes | None:
        """Return the oldest message; None where the mailbox is closed and empty."""
        while not self._messages:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        passing, message = self._messages.popleft()
        self._passing -= passing
        return message

    def _drop(self, passing: bool) -> None:
        """Drop the oldest message of one kind."""
        index = next(i for i, (each, _) in enumerate(self._messages) if each is passing)
        del self._messages[index]
        self._passing -= passing
