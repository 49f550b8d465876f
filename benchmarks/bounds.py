"""What the machine could do at best, and what a network needs at least.

Peak of operations: a large float32 product of matrices with one thread. Bandwidth of memory: copies
of 512 MB. Bandwidth of the cache: products of a matrix of the size of one layer's recurrent weights
with a vector, which is what a recurrent layer does per frame. Start and memory: an interpreter that
imports the libraries of a robot and does nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time

import numpy as np

from benchmarks.measuring import MODEL, Result, child_environment, python, run_part
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.checkpoint import load_model
from ser_stream.models.voice_lstm import VoiceLstm

HOP_S = 0.5
MB = 1_000_000
IDLE_PROGRAM = (
    "import json, numpy, onnxruntime, soundfile, soxr\n"
    "from benchmarks.measuring import memory_mb\n"
    "print(json.dumps(memory_mb()))\n"
)


def measure(arguments: argparse.Namespace) -> Result:
    """Measure the machine, and count what the network of `MODEL` does per hop."""
    size, copied, rounds = (256, 32 * MB, 2) if arguments.quick else (2048, 512 * MB, 10)
    model, info = load_model(MODEL)
    assert isinstance(model, VoiceLstm)
    start_s, idle = _idle_program(rounds)
    return {
        "hop_s": HOP_S,
        "peak_gflops": round(_peak_flops(size, rounds) / 1e9, 1),
        "memory_gb_per_s": round(_copy_bytes_per_s(copied, rounds) / 1e9, 1),
        "cache_gb_per_s": round(_cache_bytes_per_s(4 * 256, 256, 100 * rounds) / 1e9, 1),
        "idle_start_s": round(start_s, 3),
        "idle_memory": idle,
        **count_operations(model, info.features),
    }


def count_operations(model: VoiceLstm, features: LogMelConfig) -> Result:
    """Count what one hop needs: multiply-adds, and bytes of weights.

    A frame multiplies each layer's weights once; the head runs once per hop. The features' count is
    that of a real Fourier transform, 5/2 n log2 n operations, and of the mel bands' triangles, of
    which two overlap at each frequency.
    """
    frames = round(HOP_S / features.frame_s)
    per_frame = [
        weights.numel() for name, weights in model.encoder.named_parameters() if "weight" in name
    ]
    recurrent = [
        weights.numel() for name, weights in model.encoder.named_parameters() if "weight_hh" in name
    ]
    head = [weights.numel() for weights in (model.hidden[1].weight, model.output.weight)]
    n_fft = features.n_fft
    return {
        "encoder_macs": frames * sum(per_frame),
        "head_macs": sum(head),
        "weights_bytes": 4 * sum(parameter.numel() for parameter in model.parameters()),
        "recurrent_bytes": frames * 4 * sum(recurrent),
        "features_flops": round(frames * (2.5 * n_fft * np.log2(n_fft) + 4 * n_fft)),
    }


def _peak_flops(size: int, rounds: int) -> float:
    """Return the most float32 operations per second of square matrix products."""
    a, b = (np.random.default_rng(0).random((size, size), np.float32) for _ in range(2))
    return 2 * size**3 / _shortest_s(lambda: a @ b, rounds)


def _copy_bytes_per_s(n_bytes: int, rounds: int) -> float:
    """Return the most bytes per second that copies of a large array read and write together."""
    source = np.ones(n_bytes // 4, np.float32)
    target = np.empty_like(source)
    return 2 * source.nbytes / _shortest_s(lambda: np.copyto(target, source), rounds)


def _cache_bytes_per_s(rows: int, columns: int, rounds: int) -> float:
    """Return the most bytes of weights per second of products with a vector."""
    weights = np.ones((rows, columns), np.float32)
    vector = np.ones(columns, np.float32)
    return weights.nbytes / _shortest_s(lambda: weights @ vector, rounds)


def _shortest_s(call, rounds: int) -> float:
    shortest = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest


def _idle_program(rounds: int) -> tuple[float, Result]:
    """Return the median duration of a program that imports libraries only, and its memory."""
    times = []
    for _ in range(rounds):
        started = time.monotonic()
        found = subprocess.run(
            python("-c", IDLE_PROGRAM),
            env=child_environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        times.append(time.monotonic() - started)
    return float(np.median(times)), json.loads(found.stdout)


if __name__ == "__main__":
    run_part(measure)
