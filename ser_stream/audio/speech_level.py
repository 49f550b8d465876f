"""Automatic gain in front of the voice activity network, which misses quiet speech otherwise."""

from __future__ import annotations

import math

import numpy as np

from ser_stream.audio.voice_activity import FRAME_LENGTH
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Seconds

TARGET_DBFS: Decibels = -30.0
"""RMS level that recent sound is raised to. Louder sound is left as it is."""
MAX_GAIN_DB: Decibels = 40.0
"""Largest gain: a microphone's own noise in an empty room stays below the target."""
HALF_LIFE_S: Seconds = 3.0
"""Half-life of the tracked level while nothing is as loud, so that the gain soon recovers from a
slammed door."""

TARGET_RMS = 10 ** (TARGET_DBFS / 20)
_MAX_GAIN = 10 ** (MAX_GAIN_DB / 20)
_DECAY = 0.5 ** (FRAME_LENGTH / SAMPLE_RATE_HZ / HALF_LIFE_S)


class SpeechLevel:
    """Raises the frames of a stream to a level that does not depend on the microphone's gain.

    The gain follows from the loudest of the recent frames, the current one included: no frame is
    raised above the target.
    """

    def __init__(self) -> None:
        self._level = 0.0

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return the frame (n,) float32, raised or unchanged."""
        rms = math.sqrt(float(np.dot(frame, frame)) / len(frame))
        self._level = max(rms, self._level * _DECAY)
        if self._level >= TARGET_RMS:
            return frame
        return frame * np.float32(min(TARGET_RMS / max(self._level, 1e-12), _MAX_GAIN))


class SpeechLevels:
    """A `SpeechLevel` for each channel of a stream, computed together.

    Args:
        channels: number of channels.
    """

    def __init__(self, channels: int) -> None:
        self._levels = np.zeros(channels)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return the frame (channels, n) float32, each channel raised or unchanged."""
        rms = np.sqrt(np.einsum("cn,cn->c", frame, frame) / frame.shape[1])
        self._levels = np.maximum(rms, self._levels * _DECAY)
        gains = np.clip(TARGET_RMS / np.maximum(self._levels, 1e-12), 1.0, _MAX_GAIN)
        return frame * gains[:, np.newaxis].astype(np.float32)
