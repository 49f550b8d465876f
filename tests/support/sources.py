"""Live audio sources that deliver a recording at once, and fail in various ways."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np

from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError


class Hurried:
    """A live source that delivers a recording as fast as it can be taken."""

    live = True
    settle_s = 0.0
    name = "hurried"
    waits = False
    connected = True
    last_error = ""

    def __init__(self, path):
        self._path = path
        self.closed = threading.Event()

    def blocks(self):
        for block in Recording(self._path).blocks():
            if self.closed.is_set():
                return
            yield block

    def close(self):
        self.closed.set()


class Failing(Hurried):
    """A live source that breaks in the middle."""

    def blocks(self):
        for number, block in enumerate(super().blocks()):
            if number == 60:
                raise InputError("the microphone caught fire")
            yield block


class BreakingOff(Hurried):
    """A live source whose sound stops in mid-word, for good or until `back` is set."""

    def __init__(self, path):
        super().__init__(path)
        self.back = threading.Event()

    def blocks(self):
        for number, block in enumerate(super().blocks()):
            if number == 80:
                yield None
                self.back.wait(10.0)
                return
            yield block


class LosingAChannel(Hurried):
    """A live source of two channels, one block of which is mono."""

    waits = True

    def __init__(self, path, mono_at):
        super().__init__(path)
        self._mono_at = mono_at

    def blocks(self):
        for number, block in enumerate(super().blocks()):
            stereo = np.repeat(block.samples, 2, axis=1)
            samples = block.samples if number == self._mono_at else stereo
            yield dataclasses.replace(block, samples=samples)
