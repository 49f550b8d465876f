"""The network of many streams in batches, through the torch engine: on a GPU, or on the CPU.

    python -m benchmarks.bench --only many_streams              on the GPU where there is one

Each of N streams wants an estimate every 0.5 s. Their hops are spread evenly: every 20 ms those of
N / 25 streams are due, and are computed in one batch, the new frames by the front end, the last 5 s
of steps by the head, in real time. The latency of an estimate is from the moment when it was due to
the moment when its logits are in the computer's memory. Features and voice activity are not part of
it: they run on the processor, see `streams`.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from benchmarks.measuring import MODEL, Result, SkippedError, latency_summary, run_part
from ser_stream.engines.base import Network
from ser_stream.engines.choose import TORCH, open_network

HOP_S, TICK_S = 0.5, 0.02
ON_GPU, ON_CPU = (1000, 2500, 5000, 7500, 10000), (25, 50)


class Group:
    """Streams whose hops are due at the same time.

    Args:
        network: runs them.
        n_streams: their number.
        rng: makes their frames.
    """

    def __init__(self, network: Network, n_streams: int, rng: np.random.Generator) -> None:
        framing = network.framing
        shape = (n_streams, framing.hop_frames, network.features.dimension)
        self._network = network
        self._frames = rng.normal(-50.0, 15.0, shape).astype(np.float32)
        self._state = network.initial_state(n_streams)
        self._steps = None
        for _ in range(framing.window_steps * framing.frames_per_step // framing.hop_frames):
            self._encode()

    def step(self) -> np.ndarray:
        """Return the logits (streams, labels) of the next hop."""
        self._encode()
        return self._network.score(self._steps, None).logits

    def _encode(self) -> None:
        steps, self._state = self._network.encode(self._frames, self._state)
        if self._steps is not None:
            steps = np.concatenate([self._steps, steps], axis=1)
        self._steps = steps[:, -self._network.framing.window_steps :]


def measure(arguments: argparse.Namespace) -> Result:
    """Measure growing numbers of streams."""
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise SkippedError("there is no GPU that torch can use")
    torch.set_num_threads(1)
    network, _ = open_network(MODEL, TORCH, device)
    counts, seconds = (ON_GPU, 20.0) if device == "cuda" else (ON_CPU, 5.0)
    if arguments.quick:
        counts, seconds = (25,), 0.5
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU, one thread",
        "gpu": device == "cuda",
        "streams": [_measure_streams(network, count, seconds) for count in counts],
    }


def _measure_streams(network: Network, n_streams: int, seconds: float) -> Result:
    """Run the streams in real time, and return the latency of their estimates."""
    n_groups, rng = round(HOP_S / TICK_S), np.random.default_rng(0)
    groups = [Group(network, n_streams // n_groups, rng) for _ in range(n_groups)]
    for group in groups[:3]:  # warms up the shapes that follow
        group.step()
    times_ms = []
    began = time.perf_counter()
    for tick in range(round(seconds / TICK_S)):
        due = began + tick * TICK_S
        time.sleep(max(0.0, due - time.perf_counter()))
        groups[tick % n_groups].step()
        times_ms.append(1e3 * (time.perf_counter() - due))
    result = {"streams": n_streams, **latency_summary(times_ms)}
    print(f"{n_streams} streams: p99 {result['p99_ms']:.1f} ms", flush=True)
    return result


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


if __name__ == "__main__":
    run_part(measure, _add_options)
