"""Blocks of samples, and the protocol of the sources that deliver them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ser_stream.audio.sample_format import as_float32
from ser_stream.errors import InputError, shown
from ser_stream.units import Seconds

Channel = int | Literal["mix", "auto"]
"""The channel of a source that is used: its index, from 0; the mean of all channels; or the one
with the clearest speech."""

MIX: Literal["mix"] = "mix"
AUTO: Literal["auto"] = "auto"

SAMPLE_RATES_HZ = (4_000, 192_000)
"""Lowest and highest sample rate that a source may have."""

MAX_CHANNELS = 32


def parse_channel(text: str) -> Channel:
    """Return the channel that a text names.

    Raises:
        ValueError: it names none; the message says what is accepted.
    """
    if text in (MIX, AUTO):
        return text
    if re.fullmatch("[0-9]{1,4}", text) and int(text) < MAX_CHANNELS:
        return int(text)
    raise ValueError(
        f"found {shown(text)}; accepted are mix, auto, or a number from 0 to {MAX_CHANNELS - 1}"
    )


@dataclass(frozen=True)
class AudioBlock:
    """Consecutive samples of one source.

    Raises:
        InputError: the samples have a type or a shape that is not accepted: see `as_float32`.
    """

    samples: NDArray[np.float32]
    """(samples, channels), full scale +-1. Other types and shapes are converted."""
    sample_rate_hz: int
    time_s: Seconds
    """Instant just after the last sample, on the source's own clock."""
    captured_at: float
    """`time.monotonic()` when the last sample was captured: where latency is counted from."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", as_float32(self.samples, where="audio block"))

    @property
    def length_s(self) -> Seconds:
        """Duration of the samples."""
        return len(self.samples) / self.sample_rate_hz

    def pieces(self, max_length_s: Seconds) -> Iterator[AudioBlock]:
        """Yield the same samples in blocks of at most that length."""
        n, length = len(self.samples), max(1, int(max_length_s * self.sample_rate_hz))
        if n <= length:
            yield self
            return
        for start in range(0, n, length):
            samples = self.samples[start : start + length]
            left_s = (n - start - len(samples)) / self.sample_rate_hz
            yield AudioBlock(
                samples, self.sample_rate_hz, self.time_s - left_s, self.captured_at - left_s
            )


class AudioSource(Protocol):
    """A source of sound: a microphone, a recording, a ROS topic, or a class of your own."""

    @property
    def live(self) -> bool:
        """Whether sound arrives at its own pace.

        False: blocks are read on demand, and every window is scored, however long that takes.
        """

    @property
    def settle_s(self) -> Seconds:
        """Seconds for which blocks must have been late before a gap is assumed.

        0 where `time_s` is exact, about 1 s where it is the time of arrival. See `SampleClock`.
        """

    @property
    def name(self) -> str:
        """Name of the source in messages and outputs."""

    @property
    def waits(self) -> bool:
        """Whether a first block that cannot be used is an interruption instead of an error."""

    @property
    def connected(self) -> bool:
        """Whether sound is arriving; always True for a recording."""

    @property
    def last_error(self) -> str:
        """Why the source was last disconnected, as a line for people; "" if it never was."""

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Yield blocks in order until the source ends or is closed.

        A source that waits for its sound to come back yields None when it has been interrupted.

        Raises:
            InputError: the source cannot be used.
        """

    def close(self) -> None:
        """End `blocks()` soon. May be called from any thread, and more than once."""


@dataclass(frozen=True)
class SourceLosses:
    """What a source has lost so far; a source may have attributes with these names.

    Attributes:
        dropped_s: seconds of sound dropped because the reader was too slow.
        dropped_blocks: number of blocks dropped for that reason.
        overflows: number of times that the driver reported lost samples.
        reconnects: number of times that the source came back after it had been missing.
    """

    dropped_s: Seconds = 0.0
    dropped_blocks: int = 0
    overflows: int = 0
    reconnects: int = 0

    @classmethod
    def of(cls, source: AudioSource) -> SourceLosses:
        """Return the losses of a source; 0 for those that it does not count."""
        names = (field.name for field in fields(cls))
        return cls(**{name: getattr(source, name) for name in names if hasattr(source, name)})


def check_format(sample_rate_hz: int, channels: int, where: str) -> None:
    """Check that audio of this format is accepted.

    Args:
        where: name of the source in the error message.

    Raises:
        InputError: the sample rate or the number of channels is out of range.
    """
    lowest, highest = SAMPLE_RATES_HZ
    if not lowest <= sample_rate_hz <= highest:
        raise InputError(
            f"{where}: sample rate {sample_rate_hz} Hz; accepted are {lowest} to {highest} Hz"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(f"{where}: {channels} channels; accepted are 1 to {MAX_CHANNELS}")
