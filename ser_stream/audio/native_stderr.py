"""Redirection of what C libraries write to file descriptor 2, past Python's `sys.stderr`."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

_STDERR = 2
NOISE = ("Expression '", "ALSA lib ", "PaAlsaStream")
"""Prefixes of the lines in which PortAudio and ALSA report a lost device; the log says so too."""

_lock = threading.Lock()


@contextlib.contextmanager
def redirect_native_stderr(show: Callable[[str], None] | None = None) -> Iterator[None]:
    """Keep what is written to file descriptor 2 off the terminal while the context lasts.

    Every message of the process is redirected, so without `show` it is for short calls only.
    Contexts may be nested; contexts of several threads at once must each be inside the one before.

    Args:
        show: called with each line but `NOISE`, by another thread; None discards everything. With
            `show`, nothing is redirected unless file descriptor 2 is a terminal: a file or pipe
            keeps receiving what is written to it.
    """
    if show is None:
        with _lock, _restored():
            _point_at(os.open(os.devnull, os.O_WRONLY))
            yield
    elif os.isatty(_STDERR):
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


class NativeStderrFilter:
    """Takes lines out of what is written to file descriptor 2, during short calls.

    The other lines are passed on after each call.

    Args:
        is_noise: whether a line is taken out.
    """

    def __init__(self, is_noise: Callable[[str], bool]) -> None:
        self._is_noise = is_noise
        # In memory where that is possible: there may be no place for temporary files.
        if hasattr(os, "memfd_create"):
            self._file: BinaryIO = os.fdopen(os.memfd_create("stderr"), "w+b")
        else:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`

    def close(self) -> None:
        """Release the file that holds the lines."""
        self._file.close()

    @contextlib.contextmanager
    def taken(self) -> Iterator[list[str]]:
        """Filter while the context lasts; the lines taken out are in the list after it."""
        lines: list[str] = []
        try:
            with _lock, _restored():
                _point_at(os.dup(self._file.fileno()))
                yield lines
        finally:
            if self._file.seek(0, os.SEEK_END):
                self._file.seek(0)
                for line in self._file.read().decode(errors="replace").splitlines(keepends=True):
                    if self._is_noise(line):
                        lines.append(line)
                    else:
                        with contextlib.suppress(OSError):  # it is closed, as in daemons
                            os.write(_STDERR, line.encode())
                self._file.seek(0)
                self._file.truncate()


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
