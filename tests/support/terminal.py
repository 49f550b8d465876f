"""Programs on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys


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
