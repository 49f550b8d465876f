"""Ends of speech recognisers that are held up or killed."""

from __future__ import annotations

import contextlib
import os
import select

from ser_stream.asr.base import AsrSettings

PATIENCE_S = 120.0
"""For results that are certain to come; only a failing test waits so long."""


class Gate:
    """Both ends of a recogniser that says when it has begun, and waits to be told to go on."""

    def __init__(self, folder):
        self.settings = AsrSettings("fake_recognizers:WaitingFakeRecognizer", model=str(folder))
        self._folder = folder
        for name in ("begun", "go_on"):
            os.mkfifo(folder / name)

    def begun(self):
        (self._folder / "begun").read_text()

    def go_on(self):
        (self._folder / "go_on").write_text("x")


@contextlib.contextmanager
def waiting_for(pid):
    """A function that waits until a process, of whomever, has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda: bool(select.select([descriptor], [], [], PATIENCE_S)[0])
    finally:
        os.close(descriptor)
