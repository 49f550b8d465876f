"""Live streams: one thread captures sound, another scores it, and the newest window wins.

Between windows, the scoring thread computes the steps of the turn so far, so that few are left to
compute when a window is complete.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator

from ser_stream.emotion import INTERVAL
from ser_stream.errors import InputError
from ser_stream.stream.session import StreamSession, TurnProgress, score_into
from ser_stream.stream.window import TurnEnd, Window
from ser_stream.stream.word_fusion import Event, MakeFusion, WordFusion
from ser_stream.units import Seconds

JOIN_TIMEOUT: Seconds = 5.0
"""Longest time that the end of a stream waits for the capturing thread."""


class WindowQueue:
    """Hands windows and turn ends from the thread that captures sound to the one that scores it.

    A window that has not been taken yet is replaced by the next window or turn end. A turn end is
    never replaced.

    Args:
        on_skip: called for each window that is replaced.
    """

    def __init__(self, on_skip: Callable[[], None] = lambda: None) -> None:
        self._on_skip = on_skip
        self._parts: deque[Window | TurnEnd] = deque()
        self._progress: TurnProgress | None = None
        self._changed = threading.Condition()
        self._woken = False
        self._ended = False
        self._error: BaseException | None = None

    def put(self, part: Window | TurnEnd) -> None:
        """Append a window or turn end."""
        with self._changed:
            if self._parts and self._parts[-1].trigger == INTERVAL:
                self._parts.pop()
                self._on_skip()
            self._parts.append(part)
            self._progress = None  # the part needs all steps that it was about
            self._changed.notify()

    def put_progress(self, turn: TurnProgress) -> None:
        """Pass on the newest state of a turn in progress, after all windows and turns before it."""
        with self._changed:
            self._progress = turn
            self._changed.notify()

    def wake(self) -> None:
        """Wake the thread that waits for a window; it receives None."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def end(self, error: BaseException | None = None) -> None:
        """Mark the end of the stream: nothing more will be put.

        Args:
            error: raised in the thread that takes the windows, after the last one.
        """
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def take_all(
        self, wait_s: Callable[[], Seconds | None]
    ) -> Iterator[Window | TurnEnd | TurnProgress | None]:
        """Yield windows, turn ends and, when there are none, turns in progress, until the end.

        None is yielded when `wake` was called, and when none came within `wait_s()`.

        Args:
            wait_s: how long to wait for a window; None: until there is one. While it is not None,
                words are still awaited, and iteration continues after the end of the stream.
        """
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._parts or self._progress or self._woken or self._is_over(wait_s),
                    wait_s(),
                )
                woken, self._woken = self._woken, False
                part: Window | TurnEnd | TurnProgress | None
                if self._parts:
                    part = self._parts.popleft()
                else:
                    part, self._progress = self._progress, None
                if part is None and not woken and self._is_over(wait_s):
                    if self._error is not None:
                        raise self._error
                    return
            yield part

    def _is_over(self, wait_s: Callable[[], Seconds | None]) -> bool:
        return self._ended and wait_s() is None


def live_events(session: StreamSession, make_fusion: MakeFusion) -> Generator[Event, None, None]:
    """Yield the events of a live source as they come.

    Raises:
        BaseException: the error that ended the capturing thread, after the windows before it.
    """
    queue = WindowQueue(session.note_skipped)
    with (
        contextlib.closing(make_fusion(queue.wake)) as fusion,
        _capturing(session, queue, fusion),
    ):
        for part in queue.take_all(fusion.wait_s):
            if isinstance(part, TurnProgress):
                session.encode_ahead(part)
            elif part is not None:
                score_into(fusion, session, part)
            yield from fusion.take()


@contextlib.contextmanager
def _capturing(session: StreamSession, queue: WindowQueue, fusion: WordFusion) -> Iterator[None]:
    """Run the thread that captures sound and fills the queue, until the context ends."""

    def put(parts: list[Window | TurnEnd]) -> None:
        for part in parts:
            fusion.submit(part)  # first: it must know the window before its scores come
            queue.put(part)

    def capture() -> None:
        try:
            try:
                for block in session.source.blocks():
                    put(session.push_or_skip(block))
                    if (turn := session.take_progress()) is not None:
                        queue.put_progress(turn)
            except InputError:
                put(session.finish())  # the sound before it is good
                raise
            put(session.finish())
            queue.end()
        except BaseException as error:  # raised again in the caller's thread
            queue.end(error)

    thread = threading.Thread(target=capture, name="ser_stream-listen", daemon=True)
    thread.start()
    try:
        yield
    finally:
        session.source.close()
        thread.join(timeout=JOIN_TIMEOUT)
