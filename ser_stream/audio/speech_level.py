"""Quiet sound made louder for the voice activity network, which hears little of it otherwise."""

from __future__ import annotations

import math

import numpy as np

from ser_stream.audio.voice_activity import FRAME_LENGTH
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

TARGET = 10 ** (-30 / 20)
"""RMS to which recent sound is brought: -30 dBFS. Louder sound stays as it is."""
MOST_GAIN = 10 ** (40 / 20)
"""40 dB: noise of a microphone in an empty room stays below the target."""
HALF_LIFE: Seconds = 3.0
"""Of the level of what was heard, where nothing is as loud: so a slammed door is soon forgotten."""
_DECAY = 0.5 ** (FRAME_LENGTH / SAMPLE_RATE_HZ / HALF_LIFE)


class SpeechLevel:
    """Frames of a stream at a level that does not depend on the microphone's gain.

    The loudest of the recent frames decides, this one included: no frame exceeds the target by
    being raised.
    """

    def __init__(self) -> None:
        self._level = 0.0

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """The frame (n,), as loud or louder."""
        rms = math.sqrt(float(np.dot(frame, frame)) / len(frame))
        self._level = max(rms, self._level * _DECAY)
        if self._level >= TARGET:
            return frame
        return frame * np.float32(min(TARGET / max(self._level, 1e-12), MOST_GAIN))
