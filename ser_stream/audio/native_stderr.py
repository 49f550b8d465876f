"""Redirection of what C libraries write to file descriptor 2, past Python's `sys.stderr`."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

_STDERR = 2
NOISE = ("Expression '", "ALSA lib ", "PaAlsaStream")
"""Prefixes of the lines in which PortAudio and ALSA report a lost device; the log says so too."""

_lock = threading.Lock()
"""Held while file descriptor 2 refers to something else for a short call."""


class SilentStderr:
    """A context in which everything that the process writes to file descriptor 2 is discarded.

    It is for short calls; those of other threads wait.
    """

    def __init__(self) -> None:
        self._before: int | None = None
        self._state_lock = threading.Lock()
        self._silent = False

    def __enter__(self) -> SilentStderr:
        _lock.acquire()
        self._silent = True
        with contextlib.suppress(OSError):  # it is closed, as in daemons
            self._before = os.dup(_STDERR)
        _point_at(os.open(os.devnull, os.O_WRONLY))
        return self

    def show_again(self) -> None:
        """Discard nothing any more: the call has turned out to be long. Called from any thread."""
        with self._state_lock:
            if self._silent and self._before is not None:
                os.dup2(self._before, _STDERR)
            self._let_others()

    def __exit__(self, *_: object) -> None:
        with self._state_lock:
            # Also after `show_again`: the library may have redirected and restored it meanwhile.
            _restore(self._before)
            self._let_others()

    def _let_others(self) -> None:
        if self._silent:
            self._silent = False
            _lock.release()


@contextlib.contextmanager
def redirect_native_stderr(show: Callable[[str], None]) -> Iterator[None]:
    """Keep what is written to file descriptor 2 off the terminal while the context lasts.

    Nothing is redirected unless file descriptor 2 is a terminal: a file or pipe keeps receiving
    what is written to it.

    Args:
        show: called with each line but `NOISE`, by another thread.
    """
    if os.isatty(_STDERR):
        read_end, write_end = os.pipe()
        thread = threading.Thread(
            target=_pass_on, args=(read_end, show), name="ser_stream-stderr", daemon=True
        )
        thread.start()
        try:
            with _restored():
                _point_at(write_end)
                yield
        finally:
            # The thread ends with the pipe's last write end; a child process may hold another one.
            thread.join(timeout=1.0)
    else:
        yield


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Let file descriptor 2 refer to what it does now when the context ends."""
    try:
        before = os.dup(_STDERR)
    except OSError:  # it is closed, as in daemons
        before = None
    try:
        yield
    finally:
        _restore(before)


def _restore(before: int | None) -> None:
    """Let file descriptor 2 refer to what `before` does, and close that; None: close it itself."""
    if before is None:
        os.close(_STDERR)
    else:
        os.dup2(before, _STDERR)
        os.close(before)


def _point_at(destination: int) -> None:
    """Let file descriptor 2 take the place of `destination`."""
    if destination != _STDERR:  # equal where 2 was closed, and so the lowest number free
        os.dup2(destination, _STDERR)
        os.close(destination)


def _pass_on(read_end: int, show: Callable[[str], None]) -> None:
    with os.fdopen(read_end, errors="replace") as lines:
        for line in lines:
            if line.strip() and not line.startswith(NOISE):
                show(line.rstrip("\n"))
