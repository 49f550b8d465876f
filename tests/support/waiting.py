"""Waiting for what is certain to come, however slow the machine is."""

from __future__ import annotations

import time

PATIENCE_S = 120.0


def wait_for(found):
    """Call a function until it returns something true, and return that."""
    deadline = time.monotonic() + PATIENCE_S
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def is_running(number):
    """Whether a process runs; one that has ended may still wait for its parent, or for init."""
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
