"""Smoothing of a turn's window outputs, and the answer for the turn as a whole.

It needs numpy only. Calibration is fitted to its results.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ser_stream.models.calibration import log_softmax


def mean_scores(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Return the mean of two networks' probabilities, label -> probability.

    The probability of an emotion that only one network knows is that network's; the remaining
    probability is shared by the emotions that the other one knows.

    >>> mean_scores({"happy": 1.0, "sad": 0.0}, {"happy": 0.2, "sad": 0.4, "fear": 0.4})
    {'happy': 0.4, 'sad': 0.2, 'fear': 0.4}
    """
    first, second = _completed(first, second), _completed(second, first)
    return {label: (first[label] + p) / 2 for label, p in second.items()}


def _completed(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Return `one` with the labels that only `other` has, scaled so that the sum stays 1."""
    missing = {label: p for label, p in other.items() if label not in one}
    scale = 1.0 - sum(missing.values())
    return {label: scale * p for label, p in one.items()} | missing


class TurnMean:
    """Moving average and weighted mean of a value over the windows of one turn, in order.

    Args:
        smoothing: weight of the past in the moving average, in [0, 1); 0: none.
    """

    def __init__(self, smoothing: float = 0.0):
        self.smoothing = smoothing
        self._smoothed: np.ndarray | None = None
        self._sum: np.ndarray | None = None
        self._weight = 0.0

    def add(self, values: np.ndarray, weight: float, covers_turn: bool = False) -> np.ndarray:
        """Add a window's values (n,) and return the smoothed ones (n,).

        Args:
            weight: weight in the turn's answer, > 0: the seconds of speech in the window.
            covers_turn: whether the window holds all of the turn so far. Then it replaces the
                windows before it in the turn's answer, because it covers all of their sound.
                Averaging them in would cost 4 points of UA (validation speakers, turns of up to
                5 s).
        """
        past = values if self._smoothed is None else self._smoothed
        self._smoothed = self.smoothing * past + (1 - self.smoothing) * values
        weighted = weight * self._to_average(values)
        if covers_turn or self._sum is None:
            self._sum, self._weight = weighted, weight
        else:
            self._sum, self._weight = self._sum + weighted, self._weight + weight
        return self._smoothed

    def mean(self) -> np.ndarray:
        """Return the weighted mean over the turn's windows, (n,).

        Raises:
            ValueError: there was no window.
        """
        if self._sum is None:
            raise ValueError("a turn without windows has no mean")
        return self._sum / self._weight

    def _to_average(self, values: np.ndarray) -> np.ndarray:
        return values


class TurnDecoder(TurnMean):
    """`TurnMean` of logits (labels,), where the turn's answer is the mean of log-probabilities."""

    def _to_average(self, values: np.ndarray) -> np.ndarray:
        return log_softmax(values)
