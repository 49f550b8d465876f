"""From a turn's logits to what is published: smoothing, the utterance's answer, calibration.

numpy only: the recogniser uses it live, and calibration fits what it gives on unheard speakers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ser_stream.models.calibration import log_softmax


def mean_scores(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Mean of two networks' probabilities, label -> probability.

    Of an emotion that one of them does not know, the other's probability stands, and what is left
    is shared by those that it knows.

    >>> mean_scores({"happy": 1.0, "sad": 0.0}, {"happy": 0.2, "sad": 0.4, "fear": 0.4})
    {'happy': 0.4, 'sad': 0.2, 'fear': 0.4}
    """
    first, second = _completed(first, second), _completed(second, first)
    return {label: (first[label] + p) / 2 for label, p in second.items()}


def _completed(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    known = 1.0 - sum(p for label, p in other.items() if label not in one)
    return {label: known * p for label, p in one.items()} | {
        label: p for label, p in other.items() if label not in one
    }


class TurnMean:
    """Values of the windows of one turn, in order: smoothed, and their mean.

    Args:
        smoothing: weight of the past in the moving average of the values, in [0, 1); 0 = none.
    """

    def __init__(self, smoothing: float = 0.0):
        self.smoothing = smoothing
        self._smoothed: np.ndarray | None = None
        self._sum: np.ndarray | float = 0.0
        self._weight = 0.0

    def window(self, values: np.ndarray, speech: float, covers_turn: bool = False) -> np.ndarray:
        """Take a window's values (n,) and return the smoothed ones.

        Args:
            speech: how much speech is in the window, > 0: its weight in the utterance's answer.
            covers_turn: the window is all of the turn so far. Then it holds all that the windows
                before it held, and replaces them in the utterance's answer: to average answers to
                a beginning with the answer to the whole costs 4 points of UA (validation
                speakers, turns of up to 5 s).
        """
        past = values if self._smoothed is None else self._smoothed
        self._smoothed = self.smoothing * past + (1 - self.smoothing) * values
        if covers_turn:
            self._sum, self._weight = 0.0, 0.0
        self._sum = self._sum + speech * self._averaged(values)
        self._weight += speech
        return self._smoothed

    def utterance(self) -> np.ndarray:
        """Speech-weighted mean over the windows, (n,)."""
        return self._sum / self._weight

    def _averaged(self, values: np.ndarray) -> np.ndarray:
        return values


class TurnDecoder(TurnMean):
    """The same of logits (labels,); the utterance's answer is the mean of log-probabilities."""

    def _averaged(self, values: np.ndarray) -> np.ndarray:
        return log_softmax(values)
