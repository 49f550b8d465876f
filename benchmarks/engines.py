"""The recogniser with each inference engine, and the time of its estimates."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.measuring import MODEL
from benchmarks.sound import blocks
from ser_stream import Recognizer
from ser_stream.emotion import INTERVAL
from ser_stream.engines.choose import ONNX, ONNX_INT8, TORCH, open_network
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ

NOW, BEFORE = ONNX, TORCH
"""The engine that a robot uses, and the one it used before."""


def open_recognizers(
    model: str = MODEL, engines: Sequence[str] = (ONNX, ONNX_INT8, TORCH)
) -> tuple[dict[str, Recognizer], dict[str, str]]:
    """Return a recogniser per engine that can be used, and why the others cannot, by engine."""
    opened, reasons = {}, {}
    for engine in engines:
        try:
            opened[engine] = Recognizer(model, engine=engine)
        except InputError as error:
            reasons[engine] = str(error)
    return opened, reasons


def network_call(engine: str, model: str = MODEL) -> Callable[[], object]:
    """Return a function that runs a model's network for one hop: new steps, then the head.

    It does what an estimate in the middle of a turn needs, without all that surrounds the network.
    """
    network, _ = open_network(model, engine, "cpu")
    framing = network.framing
    rng = np.random.default_rng(0)
    shape = (1, framing.window_frames, network.features.dimension)
    frames = rng.normal(-50.0, 15.0, shape).astype(np.float32)
    steps, state = network.encode(frames, network.initial_state(1))

    def run() -> object:
        new, _ = network.encode(frames[:, : framing.hop_frames], state)
        window = np.concatenate([steps[:, new.shape[1] :], new], axis=1)
        return network.score(window, None)

    return run


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
