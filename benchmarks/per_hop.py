"""One estimate per hop: this package's engines and other ways, in turn, with one thread.

* the engines with `MODEL`, and with the default model: from the push of the block that completes a
  window to its estimate, voice activity and features of that block included; and their network
  alone, as that of the others is alone;
* whole window: librosa's log-mel of the last 5 s, then the same network over all of it;
* a network of the size of wav2vec2-base over the last 5 s of samples;
* an encoder of the size of Whisper base, over 5 s and over the 30 s that Whisper pads to.

In each round every contestant runs, and each round begins with another one, so that other load on
the machine meets all of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch

from benchmarks import peers
from benchmarks.engines import (
    BEFORE,
    NOW,
    Timing,
    network_call,
    open_recognizers,
    time_stream,
)
from benchmarks.measuring import (
    DEFAULT,
    MODEL,
    Result,
    SkippedError,
    latency_summary,
    milliseconds,
    run_part,
)
from benchmarks.sound import speech
from ser_stream.models.checkpoint import load_model
from ser_stream.stream.recognizer import Recognizer
from ser_stream.units import SAMPLE_RATE_HZ

HOP_S = 0.5
CALLS, NETWORK_CALLS = 5, 30
"""How often a large network, and the package's own alone, run in a round."""

Contestant = Callable[[], list[float]]
"""Makes some estimates, and returns the milliseconds of each."""


def measure(arguments: argparse.Namespace) -> Result:
    """Time all contestants in rounds; the first round warms up."""
    torch.set_num_threads(1)
    samples = speech()[: 8 * SAMPLE_RATE_HZ] if arguments.quick else speech()
    recognizers, missing = open_recognizers()
    if not recognizers:
        raise SkippedError(f"no engine can be used: {missing}")
    of_default, _ = open_recognizers(DEFAULT, (NOW, BEFORE))
    streams: dict[str, list[Timing]] = {}
    contestants = _engines(MODEL, recognizers, samples, streams)
    contestants |= _engines(DEFAULT, of_default, samples, streams)
    others, parameters = _other_ways(samples, quick=arguments.quick)
    times = run_rounds(contestants | others, rounds=1 if arguments.quick else 20)
    shares = {
        engine: sum(t.cpu_s for t in timed[1:]) / sum(t.sound_s for t in timed[1:])
        for engine, timed in streams.items()
    }
    return {
        "hop_s": HOP_S,
        "contestants": {name: latency_summary(found) for name, found in times.items()},
        "parameters": parameters,
        "share_of_core": {engine: round(share, 5) for engine, share in shares.items()},
        "missing": missing,
    }


def run_rounds(contestants: dict[str, Contestant], rounds: int) -> dict[str, list[float]]:
    """Return the times of all contestants without those of a first round."""
    names = list(contestants)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            found = contestants[name]()
            times[name] += found if number else []
        print(f"round {number} of {rounds}", flush=True)
    return times


def _engines(
    model: str,
    recognizers: dict[str, Recognizer],
    samples: np.ndarray,
    streams: dict[str, list[Timing]],
) -> dict[str, Contestant]:
    """Return a model's contestants: each engine with all that an estimate needs, then alone.

    A model other than `MODEL` is part of its contestants' names.

    Args:
        recognizers: engine -> a recogniser of the model.
        samples: (n,) at 16 kHz, the sound of the streams.
        streams: name of a contestant that runs a stream -> its times; they are added.
    """
    names = {engine: engine if model == MODEL else f"{model}, {engine}" for engine in recognizers}
    streams |= {name: [] for name in names.values()}
    whole = {
        names[engine]: _stream_of(recognizer, samples, streams[names[engine]])
        for engine, recognizer in recognizers.items()
    }
    return whole | {
        f"{name}, network alone": _repeated(network_call(engine, model), NETWORK_CALLS)
        for engine, name in names.items()
    }


def _stream_of(recognizer: Recognizer, samples: np.ndarray, timed: list[Timing]) -> Contestant:
    """Return a contestant that runs the samples as a stream, and appends its `Timing`."""

    def run() -> list[float]:
        timed.append(time_stream(recognizer, samples))
        return timed[-1].estimates_ms

    return run


def _repeated(call: Callable[[], object], n: int) -> Contestant:
    return lambda: [milliseconds(call) for _ in range(n)]


def _other_ways(samples: np.ndarray, quick: bool) -> tuple[dict[str, Contestant], dict[str, int]]:
    """Return the contestants that are not this package's engines, and numbers of parameters."""
    model, _ = load_model(MODEL)
    windows = peers.windows_of(samples, HOP_S)
    layers = {"layers": 1} if quick else {}
    classifier, classifier_size = peers.wav2vec2(**layers)
    encoder, encoder_size = peers.whisper_encoder(peers.WINDOW_S, **layers)
    padded, _ = peers.whisper_encoder(peers.WHISPER_WHOLE_S, **layers)
    size = peers.n_parameters(model)
    ways = {
        "whole window": (peers.whole_window(model), windows, size),
        "wav2vec2": (classifier, windows[:CALLS], classifier_size),
        "whisper 5 s": (encoder, windows[:CALLS], encoder_size),
        "whisper 30 s": (padded, windows[:CALLS], encoder_size),
    }
    contestants = {
        name: _over(peer, chosen[:1] if quick else chosen)
        for name, (peer, chosen, _) in ways.items()
    }
    sizes = {name: n for name, (*_, n) in ways.items()}
    of_default = peers.n_parameters(load_model(DEFAULT)[0])
    return contestants, {"ser_stream": size, DEFAULT: of_default, **sizes}


def _over(peer: peers.Peer, windows: list[np.ndarray]) -> Contestant:
    return lambda: [milliseconds(lambda window=window: peer(window)) for window in windows]


if __name__ == "__main__":
    run_part(measure)
