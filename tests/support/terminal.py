"""Programs on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

PATIENCE_S = 60.0


def in_a_terminal(program: str, **environment: str) -> str:
    """What a Python program shows on a terminal of 80 columns, both its streams."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal has gone with the program
        while part := os.read(master, 4096):
            shown += part
    os.close(master)
    assert process.wait(timeout=60) == 0
    return shown.decode()


def screen_of(
    program: str, columns: int, rows: int, until: Callable[[list[str]], bool], **environment: str
) -> list[str]:
    """The lines of a terminal of that size, as soon as they fulfil a condition.

    The program then reads a line end from its standard input, and has to end.
    """
    import pyte

    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    left_out = {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"}
    inherited = {name: value for name, value in os.environ.items() if name not in left_out}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=slave, stdout=slave, stderr=slave,
        env=inherited | {"TERM": "xterm-256color"} | environment,
    )  # fmt: skip
    os.close(slave)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while not until(lines := [line.rstrip() for line in screen.display]):
            assert time.monotonic() < deadline, "\n".join(lines)
            if select.select([master], [], [], 1.0)[0]:
                try:
                    stream.feed(os.read(master, 65_536))
                except OSError:  # how Linux reports the end of a pseudo-terminal
                    raise AssertionError("\n".join(["it has ended:", *lines])) from None
        os.write(master, b"\n")
        with contextlib.suppress(OSError):
            while os.read(master, 65_536):
                pass
        assert process.wait(timeout=PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return lines
