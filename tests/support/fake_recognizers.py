"""Fake recognisers for tests of the worker: the process loads them by their dotted names."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from ser_stream.asr.base import AsrSettings
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ
from ser_stream.words import Word


class FakeRecognizer:
    """Hears the word "w0" in the first second, "w1" in the next...; the first sample is a command.

    Negative samples stand for what can go wrong: RAISE raises, HANG never returns.
    """

    RAISE, HANG = -0.5, -1.0
    language = "eo"

    def __init__(self, settings: AsrSettings):
        print("a library that writes to standard output")

    def recognize(self, samples, start_s):
        if samples[0] == self.RAISE:
            raise ZeroDivisionError("raised for the test")
        if samples[0] == self.HANG:
            threading.Event().wait()
        seconds = range(round(len(samples) / SAMPLE_RATE_HZ))
        return tuple(Word(f"w{s}", start_s + s, start_s + s + 1) for s in seconds)


class WaitingFakeRecognizer(FakeRecognizer):
    """Says that it has begun, and waits to be told to go on; `model`: folder of the two pipes."""

    def __init__(self, settings: AsrSettings):
        super().__init__(settings)
        self._folder = Path(settings.model)

    def recognize(self, samples, start_s):
        (self._folder / "begun").write_text("x")  # both are named pipes: this waits for a reader
        (self._folder / "go_on").read_text()
        return super().recognize(samples, start_s)


def fake_without_model(settings: AsrSettings):
    """Has its model from the second time on."""
    path = Path(settings.model)
    if not path.exists():
        path.touch()
        raise InputError("asr model: not there, says the fake")
    return FakeRecognizer(settings)


class FailsOnce(FakeRecognizer):
    """Raises, or hangs, at its first segment; `model`: folder with a file of either name."""

    def __init__(self, settings: AsrSettings):
        super().__init__(settings)
        self._folder = Path(settings.model)

    def recognize(self, samples, start_s):
        for name, command in (("raise", self.RAISE), ("hang", self.HANG)):
            if (self._folder / name).exists():
                (self._folder / name).unlink()
                samples = samples.copy()
                samples[0] = command
        return super().recognize(samples, start_s)


class DiesAtSound(FakeRecognizer):
    """Its process ends at each segment, as with an error inside a library."""

    def recognize(self, samples, start_s):
        os._exit(3)
