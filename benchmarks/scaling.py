"""How the cost changes with the length of the window and with the hop.

Windows: the time of an estimate, and that of the whole window through librosa and the same network.
Hops: the share of a core that a live stream takes. Numbers of streams: see `streams`.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from benchmarks import peers
from benchmarks.engines import NOW, time_stream
from benchmarks.measuring import MODEL, Result, latency_summary, milliseconds, run_part
from benchmarks.sound import speech
from ser_stream import Recognizer
from ser_stream.models.checkpoint import load_model
from ser_stream.units import SAMPLE_RATE_HZ

WINDOWS_S = (1.0, 2.0, 3.0, 4.0, 5.0)
HOPS_S = (0.1, 0.2, 0.5, 1.0, 2.0)
HOP_S = 0.5


def measure(arguments: argparse.Namespace) -> Result:
    """Measure each window and each hop with the engine that a robot uses."""
    torch.set_num_threads(1)
    rounds, every = (1, 4) if arguments.quick else (8, 1)
    samples = speech()
    whole = peers.whole_window(load_model(MODEL)[0])
    whole(samples[: round(WINDOWS_S[-1] * SAMPLE_RATE_HZ)])  # librosa loads code in its first call
    return {
        "engine": NOW,
        "windows": [
            _measure_window(samples, whole, window_s, rounds) for window_s in WINDOWS_S[::every]
        ],
        "hops": [_measure_hop(samples, hop_s, rounds) for hop_s in HOPS_S[::every]],
    }


def _measure_window(samples: np.ndarray, whole: peers.Peer, window_s: float, rounds: int) -> Result:
    recognizer = Recognizer(MODEL, engine=NOW, window_s=window_s)
    windows = peers.windows_of(samples, HOP_S, window_s)
    streamed: list[float] = []
    again: list[float] = []
    for _ in range(rounds):
        streamed += time_stream(recognizer, samples).estimates_ms
        again += [milliseconds(lambda window=window: whole(window)) for window in windows]
    print(f"window of {window_s:g} s", flush=True)
    return {
        "window_s": window_s,
        "streamed": latency_summary(streamed),
        "whole": latency_summary(again),
    }


def _measure_hop(samples: np.ndarray, hop_s: float, rounds: int) -> Result:
    recognizer = Recognizer(MODEL, engine=NOW, hop_s=hop_s)
    streams = [time_stream(recognizer, samples) for _ in range(rounds)]
    share = sum(stream.cpu_s for stream in streams) / sum(stream.sound_s for stream in streams)
    print(f"hop of {hop_s:g} s", flush=True)
    return {
        "hop_s": hop_s,
        "share_of_core": round(share, 5),
        "streamed": latency_summary(ms for stream in streams for ms in stream.estimates_ms),
    }


if __name__ == "__main__":
    run_part(measure)
