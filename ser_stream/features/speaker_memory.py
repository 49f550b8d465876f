"""Speaker memory: the mean of earlier turns, which the next turn is normalised by.

A microphone, a room and a speaker each add a level and a spectral colour that say nothing of
emotion, but a network that is given a single turn mistakes them for emotion. The mean of earlier
turns contains all three, and the difference of a turn from it describes how the turn is spoken.
Depending on the network, it is the mean of log-mel frames in dB, where levels and colours add up,
or of statistics of the network's states, which describe voices better. It is subtracted as a
constant, so that nothing is computed twice.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from ser_stream.units import Seconds

Number = TypeVar("Number", float, np.ndarray)

PRIOR_S: Seconds = 2.0
"""Weight of the training set's mean, as seconds of speech: little speech moves the mean little."""
MEMORY_S: Seconds = 20.0
"""Maximum weight of earlier turns, as seconds of speech: old turns fade."""
FORGET_S: Seconds = 60.0
"""Time without speech after which another conversation, and so an empty memory, begins."""


class SpeakerMemory:
    """The mean of the turns so far, weighted by their lengths.

    Args:
        prior: (n,) the training set's mean.
    """

    def __init__(self, prior: np.ndarray):
        self._prior = np.asarray(prior, np.float64)
        self.reset()

    def reset(self) -> None:
        """Forget all turns: another conversation begins."""
        self._mean = self._prior
        self._known_s: Seconds = 0.0

    def update(self, turn: np.ndarray, length_s: Seconds) -> None:
        """Add a turn's mean (n,); its length is > 0."""
        weight = length_s / (self._known_s + length_s)
        self._mean = (1 - weight) * self._mean + weight * turn
        self._known_s = min(self._known_s + length_s, MEMORY_S)

    @property
    def known_s(self) -> Seconds:
        """Seconds of earlier turns that the memory holds, from 0 to `MEMORY_S`."""
        return self._known_s

    @property
    def offset(self) -> np.ndarray:
        """(n,) float32, to be subtracted from the next turn; zero before the first."""
        return speaker_offset(self._prior, self._mean, self._known_s)


def speaker_offset(prior: np.ndarray, mean: np.ndarray, known_s: Seconds) -> np.ndarray:
    """Return the offset (n,) float32 of a speaker whose `known_s` of speech have this mean (n,).

    The less speech is known, the more the offset is shrunk towards zero:

    >>> speaker_offset(np.zeros(1), np.ones(1), 2.0)
    array([0.5], dtype=float32)
    """
    return (memory_weight(known_s) * (mean - prior)).astype(np.float32)


def memory_weight(known_s: Number) -> Number:
    """Return the weight, 0 to 1, of `known_s` of speech against the training set's mean."""
    return known_s / (known_s + PRIOR_S)
