"""Speech and its level on each channel of a source with several channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from ser_stream.audio.sample_format import CLIPPING_LEVEL, MAX_MAGNITUDE
from ser_stream.audio.speech_level import SpeechLevels
from ser_stream.audio.voice_activity import FRAME_LENGTH, VoiceActivities
from ser_stream.units import SAMPLE_RATE_HZ, Decibels

SPEECH_PROBABILITY = 0.5
"""Probability of speech from which a frame counts as speech."""

LOWEST_DB: Decibels = -80.0
"""Levels below count as this one: digital silence is no better than a quiet microphone."""

FLOOR_RISE_DB: Decibels = 0.1
"""How much a channel's noise floor rises per frame (3 dB per second) until a frame is as quiet."""

MAX_CLIPPED = 0.01
"""Share of clipped samples from which a frame is distorted."""

BAND_HZ = (200.0, 4_000.0)
"""Band in which levels are compared: most of the energy of speech, without hum, DC and rumble."""

_WINDOW = np.hanning(FRAME_LENGTH).astype(np.float32)
_BAND = slice(*(round(hz * FRAME_LENGTH / SAMPLE_RATE_HZ) for hz in BAND_HZ))


class FrameSpeech(NamedTuple):
    """What one frame of 512 samples holds; each array is (channels,)."""

    speech: NDArray[np.bool_]
    """Whether the channel holds speech."""
    above_noise_db: NDArray[np.float32]
    """Level of the channel above its own noise floor, at least 0."""
    distorted: NDArray[np.bool_]
    """Whether the channel is clipped."""


class ChannelSpeech:
    """Measures all channels of a stream, frame by frame of 32 ms.

    The noise floor of a channel is the level of its quietest frames of late. It stays over a
    `restart`, and over breaks during which nothing is pushed.

    Args:
        channels: number of channels.
        rate_hz: their sample rate.
    """

    def __init__(self, channels: int, rate_hz: int) -> None:
        self._channels, self._rate_hz = channels, rate_hz
        self._floor_db = np.full(channels, np.inf, np.float32)
        self.restart()

    def restart(self) -> None:
        """Forget the last samples: those to come do not follow them."""
        self._resampler: soxr.ResampleStream | None = None
        if self._rate_hz != SAMPLE_RATE_HZ:
            self._resampler = soxr.ResampleStream(
                self._rate_hz, SAMPLE_RATE_HZ, self._channels, dtype="float32", quality="LQ"
            )
        self._pending = np.zeros((0, self._channels), np.float32)
        self._activities = VoiceActivities(self._channels)
        self._levels = SpeechLevels(self._channels)

    def push(self, samples: NDArray[np.float32]) -> Iterator[FrameSpeech]:
        """Add the next samples (n, channels) and yield the frames that they complete."""
        magnitudes = np.abs(samples)
        good = magnitudes < MAX_MAGNITUDE  # False for NaN, too
        if not good.all():
            samples = np.where(good, samples, np.float32(0))
        clipped = np.count_nonzero(magnitudes >= CLIPPING_LEVEL, axis=0)
        distorted = clipped >= max(1.0, MAX_CLIPPED * len(samples))
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(np.ascontiguousarray(samples))
        self._pending = np.concatenate([self._pending, samples.reshape(-1, self._channels)])
        while len(self._pending) >= FRAME_LENGTH:
            frame, self._pending = self._pending[:FRAME_LENGTH].T, self._pending[FRAME_LENGTH:]
            yield self._measure(np.ascontiguousarray(frame), distorted)

    def _measure(self, frame: NDArray[np.float32], distorted: NDArray[np.bool_]) -> FrameSpeech:
        """Measure a frame (channels, 512)."""
        probabilities = self._activities(self._levels(frame))
        level_db = _band_level_db(frame)
        self._floor_db = np.minimum(level_db, self._floor_db + np.float32(FLOOR_RISE_DB))
        return FrameSpeech(
            probabilities >= SPEECH_PROBABILITY, level_db - self._floor_db, distorted
        )


def _band_level_db(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the levels of a frame (channels, 512) in `BAND_HZ`, (channels,)."""
    spectrum = np.fft.rfft(frame * _WINDOW)[:, _BAND]
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1) / FRAME_LENGTH**2
    return np.maximum(LOWEST_DB, 10 * np.log10(np.maximum(power, 1e-12))).astype(np.float32)
