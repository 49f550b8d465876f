"""The recogniser with each inference engine, and the time of its estimates."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from benchmarks.sound import blocks
from ser_stream import Recognizer
from ser_stream.emotion import INTERVAL
from ser_stream.errors import InputError
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.units import SAMPLE_RATE_HZ

ENGINES = ("onnx", "onnx-int8", "torch")
"""The first one is what a robot uses; torch is what it used before."""


def available_engines() -> tuple[str, ...]:
    """Return the engines that this version of the package knows."""
    fields = {field.name for field in dataclasses.fields(RecognizerSettings)}
    return ENGINES if "engine" in fields else ("torch",)


def open_recognizer(engine: str, **settings) -> Recognizer:
    """Return a recogniser with an engine.

    Raises:
        InputError: the engine cannot be used.
    """
    if available_engines() != ENGINES:
        return Recognizer(**settings)
    return Recognizer(engine=engine, **settings)


def open_recognizers(**settings) -> tuple[dict[str, Recognizer], dict[str, str]]:
    """Return a recogniser per engine that can be used, and why the others cannot, by engine."""
    opened, reasons = {}, {}
    for engine in available_engines():
        try:
            opened[engine] = open_recognizer(engine, **settings)
        except InputError as error:
            reasons[engine] = str(error)
    return opened, reasons


@dataclasses.dataclass
class Timing:
    """Times of a stream that was pushed in blocks of 32 ms.

    Attributes:
        estimates_ms: for each interval estimate, how long it took to push the block that completed
            its window: from the last sample to the estimate.
        cpu_s: CPU time of the whole stream.
        sound_s: its length.
    """

    estimates_ms: list[float] = dataclasses.field(default_factory=list)
    cpu_s: float = 0.0
    sound_s: float = 0.0

    def add(self, other: Timing) -> None:
        """Add the times of another stream."""
        self.estimates_ms += other.estimates_ms
        self.cpu_s += other.cpu_s
        self.sound_s += other.sound_s


def time_stream(recognizer: Recognizer, samples: np.ndarray, finish: bool = True) -> Timing:
    """Push samples (n,) at 16 kHz, as fast as they are taken, and return the times.

    Args:
        finish: end the stream after them; otherwise the next call continues it.
    """
    timing = Timing(sound_s=len(samples) / SAMPLE_RATE_HZ)
    cpu_before = time.process_time()
    for block in blocks(samples):
        before = time.perf_counter()
        estimates = recognizer.push(block, SAMPLE_RATE_HZ)
        taken_ms = 1e3 * (time.perf_counter() - before)
        if any(estimate.trigger == INTERVAL for estimate in estimates):
            timing.estimates_ms.append(taken_ms)
    if finish:
        recognizer.finish()
    timing.cpu_s = time.process_time() - cpu_before
    return timing
