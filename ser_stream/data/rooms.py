"""Measured rooms: impulse responses that speech is convolved with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ser_stream.audio.speech import read_unfiltered
from ser_stream.corpora.sounds import SoundFile
from ser_stream.file_checks import file_stamps

ONSET_SHARE = 0.2
"""Level, as a share of the largest, at which the direct sound of a response begins."""


class MeasuredRooms:
    """Room responses to draw from; small rooms, which robots work in, are the more probable ones.

    Args:
        files: the responses with their reverberation.

    Attributes:
        stamps: what features computed with these rooms depend on, for the keys of caches.
    """

    def __init__(self, files: Sequence[SoundFile]):
        self._files = files
        self.stamps = file_stamps([(file.path.name, file.path) for file in files])
        weights = np.array([1 / file.rt60_s for file in files])
        self._probabilities = weights / weights.sum()

    @cached_property
    def _responses(self) -> list[np.ndarray]:
        return [_from_direct_sound(read_unfiltered(file.path)) for file in self._files]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return a random response (n,) float32; its probability falls with its reverberation.

        Raises:
            InputError: a response cannot be read.
        """
        return self._responses[rng.choice(len(self._files), p=self._probabilities)]


def _from_direct_sound(response: np.ndarray) -> np.ndarray:
    """Cut the time that sound took to the microphone, so that speech keeps its place in time."""
    loud = np.abs(response) >= ONSET_SHARE * np.abs(response).max(initial=0.0)
    return response[int(np.argmax(loud)) :]
