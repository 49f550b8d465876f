"""What every audio source gives: blocks of samples with the instant at which they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ser_stream.errors import InputError
from ser_stream.units import Seconds

SAMPLE_RATES_HZ = (4_000, 192_000)
"""Lowest and highest sample rate that a source may have."""

MAX_CHANNELS = 32


@dataclass(frozen=True)
class AudioBlock:
    """Consecutive samples of one source, in the format the source has."""

    samples: np.ndarray
    """(samples, channels) float32, full scale +-1."""
    sample_rate_hz: int
    time_s: Seconds
    """Instant just after the last sample, on the source's own clock."""
    captured_at: float
    """`time.monotonic()` when the last sample was captured: where latency is counted from."""

    def pieces(self, longest_s: Seconds) -> Iterator[AudioBlock]:
        """The same in blocks of that length at most."""
        n, length = len(self.samples), max(1, int(longest_s * self.sample_rate_hz))
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
    """A microphone, a recording or a ROS topic."""

    live: bool
    """True: never waits for us (microphone, recording in real time). False: back-pressure."""
    settle_s: Seconds
    """For how long blocks must have been late before a gap is believed: 0 where `time_s` is
    exact, about 1 s where it is the time of arrival. See `SampleClock`."""
    name: str
    """What messages call the source."""
    # Of a source that waits for its sound, and may be without:
    # waits: bool           trouble is waited out, from the first block on
    # connected: bool       whether sound comes, and last_error: str, why it does not

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Blocks in order, until the source ends or is closed. InputError if it cannot be used.

        None, of a source that waits for sound to come back: it has broken off.
        """

    def close(self) -> None:
        """End `blocks()` soon, from any thread."""


def validate(sample_rate_hz: int, channels: int, where: str) -> None:
    """Raise InputError unless audio of this format is accepted. `where` names the source."""
    lowest, highest = SAMPLE_RATES_HZ
    if not lowest <= sample_rate_hz <= highest:
        raise InputError(
            f"{where}: sample rate {sample_rate_hz} Hz; accepted are {lowest} to {highest} Hz"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(f"{where}: {channels} channels; accepted are 1 to {MAX_CHANNELS}")
