"""Conversion of audio blocks of any sample rate and channel count to 16 kHz mono."""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr

from ser_stream.audio.block import AudioBlock, check_format
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

CLIPPING_LEVEL = 0.999
"""Magnitude from which a sample counts as clipped (16-bit full scale is 0.99997)."""

MAX_MAGNITUDE = 1e6
"""Magnitude that no sound has (120 dB over full scale), and that would overflow later."""


class Conditioner:
    """Converts a stream block by block; call `flush` at its end.

    The concatenated output of all calls and of `flush` equals, bit for bit, the whole stream
    resampled at once (soxr, HQ): `floor(n * 16000 / rate + 0.5)` samples for n samples in, however
    they are divided into blocks. 16 kHz mono passes through unchanged.

    Resampling looks ahead about 37 ms: the output of a call may be shorter or longer than its
    block, and ends `delay_s` before the block does. When the sample rate or channel count changes,
    the output begins with the samples that the resampler still holds, and resampling restarts.

    The values of one instant on the selected channels count as one sample, in the counters too,
    which never fall. A sample that is NaN, infinite or above `MAX_MAGNITUDE` on any selected
    channel is replaced by silence.

    Args:
        channel: index of the channel to use, from 0, or "mix" for the mean of all channels.
    """

    def __init__(self, channel: int | Literal["mix"] = "mix") -> None:
        self.channel = channel
        self.bad_samples = 0
        """Samples replaced by silence."""
        self.clipped_samples = 0
        """Samples at or beyond full scale in the source's format."""
        self.format_changes = 0
        """Changes of sample rate or channel count."""
        self._format: tuple[int, int] | None = None  # sample rate, channels
        self._resampler: soxr.ResampleStream | None = None  # None: already 16 kHz
        self._samples_in = 0  # since the resampler was started
        self._samples_out = 0

    @property
    def delay_s(self) -> Seconds:
        """Time by which the output ends before the last block."""
        if self._resampler is None or self._format is None:
            return 0.0
        rate_hz, _ = self._format
        return self._samples_in / rate_hz - self._samples_out / SAMPLE_RATE_HZ

    def __call__(self, block: AudioBlock) -> np.ndarray:
        """Return the converted samples that are ready, (n,) float32; n may be 0.

        Raises:
            InputError: the block lacks the channel, or its format is not accepted.
        """
        block_format = (block.sample_rate_hz, block.samples.shape[1])
        if block_format == self._format:
            return self._resample(self._mono(block.samples))
        check_format(*block_format, where="audio")
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
        """Return the samples the resampler still holds, (n,) float32, and start a new stream."""
        tail = np.zeros(0, np.float32)
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(tail, last=True)
        self._resampler = self._format = None
        self._samples_in = self._samples_out = 0
        return tail

    def _check_channel(self, channels: int) -> None:
        if self.channel != "mix" and not 0 <= self.channel < channels:
            accepted = f"0 to {channels - 1}" if channels > 1 else "0"
            raise InputError(
                f"channel {self.channel}: number of channels found: {channels}; "
                f"accepted are {accepted} or 'mix'"
            )

    def _mono(self, samples: np.ndarray) -> np.ndarray:
        """(n, channels) -> (n,): select or mix channels, replace bad samples, and count."""
        if self.channel != "mix":
            samples = samples[:, self.channel, np.newaxis]
        if len(samples) and max(samples.max(), -samples.min()) < CLIPPING_LEVEL:
            return _mixed(samples)  # usual: no sample is clipped or bad; False for NaN
        magnitude = np.abs(samples).max(axis=1)
        good = magnitude < MAX_MAGNITUDE  # False for NaN, too
        self.bad_samples += len(good) - int(np.count_nonzero(good))
        self.clipped_samples += int(np.count_nonzero(good & (magnitude >= CLIPPING_LEVEL)))
        if not good.all():
            samples = np.where(good[:, np.newaxis], samples, np.float32(0))
        return _mixed(samples)

    def _resample(self, mono: np.ndarray) -> np.ndarray:
        if self._resampler is None:
            return mono
        resampled = self._resampler.resample_chunk(np.ascontiguousarray(mono))
        self._samples_in += len(mono)
        self._samples_out += len(resampled)
        return resampled


def _mixed(samples: np.ndarray) -> np.ndarray:
    """(n, channels) -> (n,): the mean of the channels."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
