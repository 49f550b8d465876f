"""What a stream's voices sounded like so far, so that the next turn is heard against them.

A microphone, a room and a speaker each have a colour, and a level, that say nothing of emotion, but
that a network which hears one turn alone takes for it. The mean of what was said before holds all
three; what a turn differs by from it is how it is said. What it is the mean of is the network's
matter: of log-mel frames in dB, where levels and colours are added, or of statistics of its states,
which know more of voices. It is taken off as a constant, so nothing is computed twice.
"""

from __future__ import annotations

import numpy as np

from ser_stream.units import Seconds

USUAL_S: Seconds = 2.0
"""So much usual speech counts as heard beforehand: who said little is believed little."""
MEMORY_S: Seconds = 20.0
"""As much counts as one has heard, however long it was: old turns fade."""
FORGET_S: Seconds = 60.0
"""After so long without speech it is another conversation."""


class SpeakerMemory:
    """The mean of the turns so far.

    Args:
        usual: (n,) the training set's mean.
    """

    def __init__(self, usual: np.ndarray):
        self._usual = np.asarray(usual, np.float64)
        self.forget()

    def forget(self) -> None:
        """Another conversation begins."""
        self._mean = self._usual
        self._heard_s: Seconds = 0.0

    def hear(self, turn: np.ndarray, length_s: Seconds) -> None:
        """Remember a turn (n,) of that length, > 0."""
        share = length_s / (self._heard_s + length_s)
        self._mean = (1 - share) * self._mean + share * turn
        self._heard_s = min(self._heard_s + length_s, MEMORY_S)

    @property
    def offset(self) -> np.ndarray:
        """(n,) float32: what is taken off the next turn. At first, nothing."""
        return offset(self._usual, self._mean, self._heard_s)


def offset(usual: np.ndarray, heard: np.ndarray, heard_s: Seconds) -> np.ndarray:
    """What `heard_s` of speech with the mean `heard` (n,) is taken to differ by.

    Shrunk towards none, the less was heard:

    >>> offset(np.zeros(1), np.ones(1), 2.0)
    array([0.5], dtype=float32)
    """
    return (share_of(heard_s) * (heard - usual)).astype(np.float32)


def share_of(heard_s: Seconds) -> float:
    """How far so much speech is believed, beside what is usual: 0 to 1."""
    return heard_s / (heard_s + USUAL_S)
