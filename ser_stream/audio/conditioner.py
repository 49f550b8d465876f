"""Conversion of audio blocks of any sample rate and channel count to filtered 16 kHz mono."""

from __future__ import annotations

import numpy as np
import soxr

from ser_stream.audio.block import AUTO, MIX, AudioBlock, Channel, check_format
from ser_stream.audio.channel_selector import ChannelSelector
from ser_stream.audio.high_pass import FirstSample, HighPass
from ser_stream.audio.mixer import Mixer
from ser_stream.audio.sample_format import CLIPPING_LEVEL, MAX_MAGNITUDE
from ser_stream.audio.sound_check import SoundCheck
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

CONDITIONING_VERSION = 2
"""Raise when the same recording gives other samples, so that cached features are computed again."""


class Conditioner:
    """Converts a stream block by block; call `flush` at its end.

    Steps: one channel (or the mean of all, see `Mixer`) -> 16 kHz (soxr, HQ) -> high-pass filter,
    which begins at rest and without a step, see `FirstSample`. Live streams, recordings and
    training hear this.

    The concatenated output of all calls and of `flush` equals, bit for bit, the whole stream
    converted at once: `floor(n * 16000 / rate + 0.5)` samples for n samples in, however they are
    divided into blocks.

    Resampling looks ahead about 37 ms: the output of a call may be shorter or longer than its
    block, and ends `delay_s` before the block does. The filter has no delay. When the sample rate
    or channel count changes, the output begins with the samples that the resampler still holds,
    and resampler and filter restart.

    The values of one instant on the selected channels count as one sample, in the counters too,
    which never fall. A sample that is NaN, infinite or above `MAX_MAGNITUDE` on any selected
    channel is replaced by silence.

    With channel "auto" the output of the beginning is held back until a channel has been chosen:
    see `ChannelSelector`.

    Args:
        channel: index of the channel to use, from 0, "mix" for the mean of all channels (one of
            them where they cancel), or "auto" for the channel with the clearest speech.
        name: of the source, for the log.
        high_pass: False leaves out the filter, for sound that passes a `Conditioner` once more.
    """

    def __init__(
        self, channel: Channel = "mix", name: str = "audio", high_pass: bool = True
    ) -> None:
        self.channel = channel
        self.bad_samples = 0
        """Samples replaced by silence."""
        self.clipped_samples = 0
        """Samples at or beyond full scale in the source's format."""
        self.format_changes = 0
        """Changes of sample rate or channel count."""
        self.sound = SoundCheck()
        """What the samples are like before they are filtered."""
        self._selector = ChannelSelector(name) if channel == AUTO else None
        self._format: tuple[int, int] | None = None  # sample rate, channels
        self._mixer: Mixer | None = None  # while the mean of several channels is asked for
        self._resampler: soxr.ResampleStream | None = None  # None: already 16 kHz
        self._samples_in = 0  # since the resampler was started
        self._samples_out = 0
        self._high_pass = high_pass
        self._restart_filter()

    @property
    def selected(self) -> int | None:
        """The channel in use; None for the mean, and as long as "auto" has chosen none."""
        if self._selector is not None:
            return self._selector.channel
        return self.replaces_mean if isinstance(self.channel, str) else self.channel

    @property
    def replaces_mean(self) -> int | None:
        """The channel that is used because the channels cancel in their mean; usually None."""
        return None if self._mixer is None else self._mixer.channel

    @property
    def source_channel(self) -> int | None:
        """The channel that the newest output is from; None for the mean, and before any output."""
        if self._selector is not None:
            return self._selector.passed_on
        return None if isinstance(self.channel, str) else self.channel

    @property
    def held_s(self) -> Seconds:
        """Length of the sound that is held back until a channel has been chosen."""
        if self._selector is None or self._format is None:
            return 0.0
        return self._selector.held / self._format[0]

    @property
    def delay_s(self) -> Seconds:
        """Time by which the output ends before the last block."""
        if self._resampler is None or self._format is None:
            return self.held_s
        rate_hz, _ = self._format
        return self.held_s + self._samples_in / rate_hz - self._samples_out / SAMPLE_RATE_HZ

    def __call__(self, block: AudioBlock, muted: bool = False) -> np.ndarray:
        """Return the converted samples that are ready, (n,) float32; n may be 0.

        Args:
            muted: whether the sound is the robot's own, by which no channel is to be chosen.

        Raises:
            InputError: the block lacks the channel, or its format is not accepted.
        """
        if self._selector is not None:
            self._selector.muted = muted
        block_format = (block.sample_rate_hz, block.samples.shape[1])
        if block_format == self._format:
            return self._filtered(self._resample(self._mono(block)))
        check_format(*block_format, where="audio")
        self._check_channel(block_format[1])
        if self._format is not None:
            self.format_changes += 1
        tail = self.flush()
        self._format = block_format
        if self.channel == MIX and block_format[1] > 1:
            self._mixer = Mixer(block_format[1], block.sample_rate_hz)
        if block.sample_rate_hz != SAMPLE_RATE_HZ:
            self._resampler = soxr.ResampleStream(
                block.sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
            )
        return np.concatenate([tail, self._filtered(self._resample(self._mono(block)))])

    def flush(self) -> np.ndarray:
        """Return the samples that are still held back, (n,) float32, and start a new stream."""
        tail = np.zeros(0, np.float32)
        if self._selector is not None:
            tail = self._counted(self._selector.flush())
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(np.ascontiguousarray(tail), last=True)
        self._resampler = self._format = self._mixer = None
        self._samples_in = self._samples_out = 0
        tail = self._filtered(tail)
        self._restart_filter()
        return tail

    def _restart_filter(self) -> None:
        self._first_sample = FirstSample() if self._high_pass else None
        self._filter = HighPass() if self._high_pass else None

    def _filtered(self, samples: np.ndarray) -> np.ndarray:
        return samples if self._filter is None else self._filter(samples)

    def _check_channel(self, channels: int) -> None:
        if not isinstance(self.channel, str) and not 0 <= self.channel < channels:
            accepted = f"0 to {channels - 1}" if channels > 1 else "0"
            raise InputError(
                f"channel {self.channel}: number of channels found: {channels}; "
                f"accepted are {accepted}, 'mix' and 'auto'"
            )

    def _mono(self, block: AudioBlock) -> np.ndarray:
        """Return the samples (m,) that are ready: select or mix channels, and count bad samples."""
        samples = block.samples
        if self._selector is not None:
            samples = self._selector(samples, block.sample_rate_hz)
        elif not isinstance(self.channel, str):
            samples = samples[:, self.channel, np.newaxis]
        return self._counted(samples)

    def _counted(self, samples: np.ndarray) -> np.ndarray:
        """(n, channels) -> (n,): mix channels, replace bad samples, and count."""
        if len(samples) and max(samples.max(), -samples.min()) < CLIPPING_LEVEL:
            return self._mixed(samples)  # usual: no sample is clipped or bad; False for NaN
        magnitude = np.abs(samples).max(axis=1)
        good = magnitude < MAX_MAGNITUDE  # False for NaN, too
        self.bad_samples += len(good) - int(np.count_nonzero(good))
        self.clipped_samples += int(np.count_nonzero(good & (magnitude >= CLIPPING_LEVEL)))
        if not good.all():
            samples = np.where(good[:, np.newaxis], samples, np.float32(0))
        return self._mixed(samples)

    def _mixed(self, samples: np.ndarray) -> np.ndarray:
        """(n, channels) -> (n,): mix channels, and remove the offset of the beginning."""
        mono = samples[:, 0] if self._mixer is None else self._mixer(samples)
        if self._format is not None:
            self.sound.add(mono, self._format[0])
        return mono if self._first_sample is None else self._first_sample(mono)

    def _resample(self, mono: np.ndarray) -> np.ndarray:
        if self._resampler is None or not len(mono):
            return mono
        resampled = self._resampler.resample_chunk(np.ascontiguousarray(mono))
        self._samples_in += len(mono)
        self._samples_out += len(resampled)
        return resampled
