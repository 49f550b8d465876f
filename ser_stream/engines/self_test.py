"""A test of networks when they are opened: their answers to silence and noise are finite numbers.

Weights may be NaN, infinite or so large that answers overflow. Such a network would name the first
label for every sound.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ser_stream.engines.base import Array, Network, UtteranceNetwork
from ser_stream.errors import InputError
from ser_stream.features.log_mel import SILENCE_DB
from ser_stream.features.samples import SampleConfig

STEPS = 10
"""Steps of each test sound."""
FAILURES = (RuntimeError, ValueError, LookupError, TypeError, MemoryError)
"""Exceptions of engines for parts that do not fit together."""


def check_network(network: Network, where: object, advice: str) -> None:
    """Run a streaming network on silence and noise, and check its answers.

    Args:
        where: the model, for error messages.
        advice: what to do about a model that cannot be used.

    Raises:
        InputError: the network fails, or an answer is not finite or of another shape.
    """
    framing = network.framing
    n_frames = framing.step_frames + (STEPS - 1) * framing.frames_per_step
    for frames in _sounds(n_frames, network.features.dimension, _is_waveform(network)):
        try:
            steps, state = network.encode(frames[None], network.initial_state(1))
            logits, affect, statistics = network.score(steps, None)
        except FAILURES as error:
            raise InputError(f"model {where}: {_one_line(error)}; {advice}") from error
        _check(where, advice, "prior statistics", network.prior_statistics, None)
        _check(where, advice, "steps", steps, (1, STEPS, steps.shape[-1]))
        for array in state:
            _check(where, advice, "state", array, None)
        _check(where, advice, "logits", logits, (1, len(network.labels)))
        if affect is not None:
            _check(where, advice, "valence and arousal", affect, (1, 2))
        if statistics is not None:
            _check(where, advice, "statistics", statistics, (1, len(network.prior_statistics)))


def check_utterance_network(network: UtteranceNetwork, where: object, advice: str) -> None:
    """Do the same for a network that takes sound and words.

    Raises:
        InputError: see `check_network`.
    """
    for frames in _sounds(STEPS, network.features.dimension, False):
        try:
            found = network.outputs([frames], network.vocabulary.encode(["yes"]))
        except FAILURES as error:
            raise InputError(f"model {where}: {_one_line(error)}; {advice}") from error
        _check(where, advice, "logits", found.logits, (len(network.labels),))
        if found.text_logits is not None:
            _check(where, advice, "text_logits", found.text_logits, (len(network.labels),))
        for name, weights in found.attention.items():
            _check(where, advice, name, weights, (1,))


def _sounds(n_frames: int, dimension: int, waveform: bool) -> Iterator[Array]:
    """Yield frames (n_frames, dimension) of silence and of noise."""
    noise = np.random.default_rng(0).normal(0, 1, (n_frames, dimension)).astype(np.float32)
    if waveform:
        yield np.zeros_like(noise)
        yield 0.1 * noise
    else:
        yield np.full_like(noise, SILENCE_DB)
        yield 10 * noise - 30


def _is_waveform(network: Network) -> bool:
    return isinstance(network.features, SampleConfig)


def _check(
    where: object, advice: str, name: str, array: Array, shape: tuple[int, ...] | None
) -> None:
    if shape is not None and array.shape != shape:
        raise InputError(
            f"model {where}: {name}: found the shape {array.shape}, expected {shape}; {advice}"
        )
    if not np.isfinite(array).all():
        raise InputError(
            f"model {where}: {name}: found NaN or infinite values in the answer to a test sound; "
            f"{advice}"
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
