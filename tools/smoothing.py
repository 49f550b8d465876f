"""Ways to smooth the logits of a turn's windows, which `compare_windows` compares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ser_stream.models.calibration import log_softmax
from ser_stream.stream.decoding import TurnDecoder

Smoother = Callable[[np.ndarray], np.ndarray]
"""Logits of a turn's windows (windows, labels) -> scores of the same shape, from the past alone."""


def no_smoothing(logits: np.ndarray) -> np.ndarray:
    """Return the logits unchanged."""
    return logits


def _moving_average(weight: float) -> Smoother:
    def smooth(logits: np.ndarray) -> np.ndarray:
        decoder = TurnDecoder(weight)
        return np.array([decoder.add(each, 1.0) for each in logits])

    return smooth


def _hidden_markov(stay: float) -> Smoother:
    """Return the forward algorithm of a hidden Markov model; `stay`: probability of no change."""

    def smooth(logits: np.ndarray) -> np.ndarray:
        likelihoods = np.exp(log_softmax(logits))
        n_labels = logits.shape[1]
        leave = (1 - stay) / (n_labels - 1)
        beliefs, belief = [], np.full(n_labels, 1 / n_labels)
        for likelihood in likelihoods:
            belief = (leave + (stay - leave) * belief) * likelihood
            belief /= belief.sum()
            beliefs.append(belief)
        return np.log(np.maximum(beliefs, 1e-12))

    return smooth


def _mean_so_far(logits: np.ndarray) -> np.ndarray:
    """Return the sum of log-probabilities since the turn began; its best label is the mean's."""
    return np.cumsum(log_softmax(logits), axis=0)


SMOOTHERS: dict[str, Smoother] = {
    "none": no_smoothing,
    "moving average 0.3": _moving_average(0.3),
    "moving average 0.5": _moving_average(0.5),
    "moving average 0.7": _moving_average(0.7),
    "moving average 0.9": _moving_average(0.9),
    "HMM, stays 0.7": _hidden_markov(0.7),
    "HMM, stays 0.9": _hidden_markov(0.9),
    "mean since the turn began": _mean_so_far,
}
