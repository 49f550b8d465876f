"""Audio blocks of any rate and channel count in, 16 kHz mono out."""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr

from ser_stream.audio.block import AudioBlock, validate
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

CLIPPED = 0.999
"""Magnitude from which a sample counts as clipped (16-bit full scale is 0.99997)."""

NOT_SOUND = 1e6
"""Magnitude that no sound has (120 dB over full scale): it would overflow further on."""


class Conditioner:
    """A streaming object: give it blocks, take samples, `flush` at the end.

    The output of all calls and the flush, put together, is bit for bit what resampling the whole
    stream at once (soxr, HQ) gives: `floor(n * 16000 / rate + 0.5)` samples for n samples in,
    however they were divided into blocks. 16 kHz mono passes through untouched.

    Resampling looks ahead about 37 ms: a call gives less, or more, than its block lasts, and what
    it gives ends `delay_s` before the block does. When rate or channel count change, what the
    resampler still holds is given first, and resampling starts anew.

    One instant on the chosen channels counts as one sample, here and in the counters, which only
    grow. A sample which is NaN, infinite or absurdly large on any chosen channel is silence.

    Args:
        channel: index of the channel to listen to, from 0, or "mix": the mean of all.
    """

    def __init__(self, channel: int | Literal["mix"] = "mix") -> None:
        self.channel = channel
        self.bad_samples = 0
        """Samples replaced by silence because they were no numbers."""
        self.clipped_samples = 0
        """Samples at or beyond full scale, as the source gave them."""
        self.format_changes = 0
        self._format: tuple[int, int] | None = None  # sample rate, channels
        self._resampler: soxr.ResampleStream | None = None  # None: already 16 kHz
        self._samples_in = 0  # since the resampler was started
        self._samples_out = 0

    @property
    def delay_s(self) -> Seconds:
        """How much earlier than the last block the output ends."""
        if self._resampler is None:
            return 0.0
        rate_hz = self._format[0]
        return self._samples_in / rate_hz - self._samples_out / SAMPLE_RATE_HZ

    def __call__(self, block: AudioBlock) -> np.ndarray:
        """Samples that are ready now, (n,) float32; n may be 0.

        Raises:
            InputError: the block has not the channel, or a format that is not accepted.
        """
        block_format = (block.sample_rate_hz, block.samples.shape[1])
        if block_format == self._format:
            return self._resample(self._mono(block.samples))
        validate(*block_format, where="audio")
        self._check_channel(block_format[1])
        if self._format is not None:
            self.format_changes += 1
        tail = self.flush()
        self._format = block_format
        if block.sample_rate_hz != SAMPLE_RATE_HZ:
            self._resampler = soxr.ResampleStream(
                block.sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
            )
        return np.concatenate([tail, self._resample(self._mono(block.samples))])

    def flush(self) -> np.ndarray:
        """What the resampler still holds, (n,) float32. The next block starts a new stream."""
        tail = np.zeros(0, np.float32)
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(tail, last=True)
        self._resampler = self._format = None
        self._samples_in = self._samples_out = 0
        return tail

    def _check_channel(self, channels: int) -> None:
        if self.channel != "mix" and not 0 <= self.channel < channels:
            raise InputError(
                f"channel {self.channel}: number of channels found: {channels}; "
                f"accepted are 0 to {channels - 1} or 'mix'"
            )

    def _mono(self, samples: np.ndarray) -> np.ndarray:
        """(n, channels) -> (n,), cleaned and counted."""
        if self.channel != "mix":
            samples = samples[:, self.channel, np.newaxis]
        magnitude = np.abs(samples).max(axis=1)
        good = magnitude < NOT_SOUND  # False for NaN, too
        self.bad_samples += len(good) - np.count_nonzero(good)
        self.clipped_samples += np.count_nonzero(good & (magnitude >= CLIPPED))
        if not good.all():
            samples = np.where(good[:, np.newaxis], samples, np.float32(0))
        return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)

    def _resample(self, mono: np.ndarray) -> np.ndarray:
        if self._resampler is None:
            return mono
        resampled = self._resampler.resample_chunk(np.ascontiguousarray(mono))
        self._samples_in += len(mono)
        self._samples_out += len(resampled)
        return resampled
