"""Between the thread that listens and the one that judges: the newest window wins."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from ser_stream.emotion import INTERVAL
from ser_stream.stream.windowing import Window
from ser_stream.units import Seconds


def _nothing_awaited() -> None:
    return None


class WindowSlot:
    """Hands windows from the listening thread to the judging one.

    An interval window that was not fetched in time gives way to the next one; the last window of a
    turn never does.

    Args:
        patience: for how long who iterates may be kept waiting, None = until there is a window. As
            long as it is not None, iteration goes on, also behind the end.

    Attributes:
        skipped: how many gave way.
    """

    def __init__(self, patience: Callable[[], Seconds | None] = _nothing_awaited) -> None:
        self.skipped = 0
        self._patience = patience
        self._windows: deque[Window] = deque()
        self._changed = threading.Condition()
        self._woken = False
        self._ended = False
        self._error: BaseException | None = None

    def put(self, window: Window) -> None:
        with self._changed:
            if self._windows and self._windows[-1].trigger == INTERVAL:
                self._windows.pop()
                self.skipped += 1
            self._windows.append(window)
            self._changed.notify()

    def wake(self) -> None:
        """Have who iterates look at something else: it gets None."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come; `error` is raised to whom iterates, after the last window."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def __iter__(self) -> Iterator[Window | None]:
        """Windows, and None where there is none but the patience is over, or `wake` was called."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._windows or self._woken or self._is_over(), self._patience()
                )
                woken, self._woken = self._woken, False
                if self._windows:
                    window = self._windows.popleft()
                elif woken or not self._is_over():
                    window = None
                elif self._error is not None:
                    raise self._error
                else:
                    return
            yield window

    def _is_over(self) -> bool:
        return self._ended and self._patience() is None
