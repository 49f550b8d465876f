"""Windows and turn ends that wait to be scored: few, however slow scoring is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.stream.window import TurnEnd, Window

MAX_WAITING_TURNS = 2
"""Turn ends that may wait. It bounds the latency where scoring is slower than speech: an estimate
is at most as late as three parts take to be scored."""


class WaitingParts:
    """The windows and turn ends of one stream that are to be scored, oldest first.

    A window that waits is replaced by what follows it: the newest window wins. Of turn ends, the
    newest `MAX_WAITING_TURNS` are kept.

    Args:
        on_drop: called with each part that will not be scored.
    """

    def __init__(self, on_drop: Callable[[Window | TurnEnd], None]) -> None:
        self._on_drop = on_drop
        self._parts: deque[Window | TurnEnd] = deque()

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, place: int) -> Window | TurnEnd:
        return self._parts[place]

    def put(self, parts: Iterable[Window | TurnEnd]) -> None:
        """Append parts that belong to the same sound: they do not replace one another."""
        parts = list(parts)
        if parts and self._parts and self._parts[-1].trigger == INTERVAL:
            self._on_drop(self._parts.pop())
        self._parts += parts
        turn_ends = [part for part in self._parts if part.trigger == UTTERANCE]
        for turn_end in turn_ends[:-MAX_WAITING_TURNS]:
            self._parts.remove(turn_end)
            self._on_drop(turn_end)

    def take(self) -> Window | TurnEnd:
        """Remove and return the oldest part."""
        return self._parts.popleft()

    def clear(self) -> None:
        """Forget all parts."""
        self._parts.clear()
