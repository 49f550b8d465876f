"""Messages on their way to one client, which may be slow or gone."""

from __future__ import annotations

import asyncio
from collections import deque


class Mailbox:
    """Holds a bounded number of messages for one client. Used in one event loop.

    Args:
        size: messages that may wait; where there are more, the oldest is dropped.

    Attributes:
        dropped: number of messages that were dropped.
    """

    def __init__(self, size: int):
        self._messages: deque[str | bytes] = deque(maxlen=size)
        self._changed = asyncio.Event()
        self._closed = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: str | bytes) -> None:
        """Add a message; it is left out where the mailbox is closed."""
        if self._closed:
            return
        self.dropped += len(self._messages) == self._messages.maxlen
        self._messages.append(message)
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
        return self._messages.popleft()
