"""Mean of the channels of a stream, or one of them where they cancel in it.

A microphone with a swapped wire gives a stereo signal whose channels are in opposite phase. Their
mean is silence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ser_stream.units import Seconds

CHUNK_S: Seconds = 0.032
"""Length of the chunks that are measured. It makes the result independent of blocks."""
HALF_LIFE_S: Seconds = 1.0
"""Half-life of the tracked powers: speech counts, also in the pauses behind it."""
CANCELLED = 0.2
"""Power of the mean, relative to that of one channel and to the number of channels, below which the
channels cancel. Channels of independent noise have 1, equal channels have their number."""
CANCELLED_CHUNKS = 3
"""Chunks in a row after which the mean is replaced."""
IN_PHASE = 0.7
"""Power of the mean, relative to that of one channel, above which the channels are in phase."""
IN_PHASE_S: Seconds = 3.0
"""How long they must be so before the mean is used again."""
MIN_POWER = 1e-8
"""Mean square (-80 dBFS) below which nothing is decided."""


class Mixer:
    """Reduces blocks of several channels to their mean, or to the loudest where they cancel.

    One channel takes over 0.1 s after the channels begin to cancel, at the beginning of a stream,
    too. The mean comes back when they have been in phase for 3 s. The result depends on the samples
    alone, not on how they are divided into blocks.

    Args:
        channels: number of channels.
        rate_hz: their sample rate.

    Attributes:
        channel: the channel that is used; None for the mean.
    """

    def __init__(self, channels: int, rate_hz: int) -> None:
        self.channel: int | None = None
        self._channels = channels
        self._chunk_length = self._missing = max(1, round(CHUNK_S * rate_hz))
        self._weights = np.full(self._chunk_length, 1 / self._chunk_length)  # of a mean
        self._chunk: list[NDArray[np.float32]] = []  # parts of the chunk that is not complete
        self._decay = 0.5 ** (CHUNK_S / HALF_LIFE_S)
        self._powers = np.zeros(channels)
        self._mean_power = 0.0
        self._in_a_row = 0  # chunks that speak against what is used

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples (n, channels) and return them as (n,)."""
        if self._channels == 1:
            return samples[:, 0]
        mixed = np.empty(len(samples), np.float32)
        start = 0
        while start < len(samples):
            part = samples[start : start + self._missing]
            mixed[start : start + len(part)] = self._mix(part)
            start += len(part)
            self._chunk.append(part)
            self._missing -= len(part)
            if not self._missing:
                self._measure(np.concatenate(self._chunk))
                self._chunk, self._missing = [], self._chunk_length
        return mixed

    def _mix(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.channel is not None:
            return samples[:, self.channel]
        mean: NDArray[np.float32] = samples.mean(axis=1, dtype=np.float32)
        return mean

    def _measure(self, chunk: NDArray[np.float32]) -> None:
        """Take a chunk (n, channels) into account, without the offset of each channel."""
        n, samples = len(chunk), chunk.astype(np.float64)
        offsets = self._weights.dot(samples)
        covariance = samples.T.dot(samples) / n - offsets[:, np.newaxis] * offsets
        self._powers = self._decay * self._powers + covariance.diagonal()
        mean_power = covariance.sum() / self._channels**2
        self._mean_power = self._decay * self._mean_power + mean_power
        power = self._powers.sum() / self._channels
        if power * (1 - self._decay) < MIN_POWER:
            return
        if self.channel is None:
            against = self._mean_power * self._channels < CANCELLED * power
        else:
            against = self._mean_power > IN_PHASE * power
        self._in_a_row = self._in_a_row + 1 if against else 0
        if self.channel is None and self._in_a_row >= CANCELLED_CHUNKS:
            self.channel, self._in_a_row = int(self._powers.argmax()), 0
        elif self._in_a_row * CHUNK_S >= IN_PHASE_S:
            self.channel, self._in_a_row = None, 0
