"""What C libraries write to the terminal, while a live view is on it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STDERR = 2
NOISE = ("Expression '", "ALSA lib ", "PaAlsaStream")
"""How PortAudio and ALSA begin to tell that a device has gone, which we tell ourselves."""


@contextlib.contextmanager
def caught(show: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile lines written to file descriptor 2 go to `show`, by another thread; noise goes.

    Only where that is a terminal: what is sent to a file stays as it is.
    """
    if not os.isatty(_STDERR):
        yield
        return
    read_end, write_end = os.pipe()
    terminal = os.dup(_STDERR)
    os.dup2(write_end, _STDERR)
    os.close(write_end)

    def pass_on() -> None:
        with os.fdopen(read_end, errors="replace") as lines:
            for line in lines:
                if line.strip() and not line.startswith(NOISE):
                    show(line.rstrip("\n"))

    thread = threading.Thread(target=pass_on, name="ser_stream-stderr", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.dup2(terminal, _STDERR)  # closes the pipe's last end here; a child may hold another
        os.close(terminal)
        thread.join(timeout=1.0)


_STDERR = 2

_quiet = threading.Lock()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep off the terminal what JACK and PortAudio write there while trying all there is.

    They write to file descriptor 2, so while this lasts nobody's messages come through: it is for
    calls that take a moment.
    """
    with _quiet:
        try:
            terminal = os.dup(_STDERR)
        except OSError:  # closed, as daemons do
            terminal = None
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, _STDERR)
            yield
        finally:
            if terminal is not None:
                os.dup2(terminal, _STDERR)
                os.close(terminal)
            os.close(null)
