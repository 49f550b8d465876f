"""Ring buffer of a stream's last samples, with their times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ser_stream.audio.clock import SampleClock
from ser_stream.units import SAMPLE_RATE_HZ, Seconds


@dataclass(frozen=True)
class PushResult:
    """Positions that a push added to the timeline.

    start          start + filled                end
      |  silence filled in  |  samples pushed     |
    """

    start: int
    end: int
    filled: int
    """Zeros inserted before the samples, for a gap."""
    restarted: bool
    """Whether `start` begins a new stream: after an interruption, or a gap too long to fill."""


class Timeline:
    """A ring buffer of the last `capacity_s` seconds of 16 kHz mono float32 samples.

    A position counts samples since the first one; it never falls and is never reused. Filled
    silence counts as samples; a gap that is too long to fill does not.

    Not thread-safe: the thread that pushes also reads, and passes on the copies.

    Args:
        capacity_s: how far `read` reaches back.
        settle_s: the `settle_s` of the source; see `SampleClock`.
        max_fill_s: longest gap that is filled with silence.
    """

    def __init__(
        self, capacity_s: Seconds = 40.0, settle_s: Seconds = 0.0, max_fill_s: Seconds = 5.0
    ) -> None:
        self.position = 0
        """Position after the last sample."""
        self.gaps = 0
        self.gap_s: Seconds = 0.0
        """Length of all gaps, filled or not."""
        self._ring = np.zeros(round(capacity_s * SAMPLE_RATE_HZ), np.float32)
        self._clock = SampleClock(SAMPLE_RATE_HZ, settle_s)
        self._max_fill_s = max_fill_s
        self._broken = False

    def break_off(self) -> None:
        """Note an interruption: the next push begins a new stream."""
        self._broken = True
        self._clock.break_off()

    @property
    def steps_back(self) -> int:
        """Number of times that the source's clock was set back."""
        return self._clock.steps_back

    def push(self, samples: np.ndarray, time_s: Seconds) -> PushResult:
        """Append samples (n,) float32 that end at `time_s` on the source's clock.

        With a `Conditioner` that time is `block.time_s - conditioner.delay_s`.
        """
        start = self.position
        missing_s = self._clock.update(start + len(samples), time_s)
        filled, restarted = 0, self._broken or missing_s > self._max_fill_s
        self._broken = False
        if missing_s > 0:
            self.gaps += 1
            self.gap_s += missing_s
        if restarted:
            self._clock.skip(start, missing_s)
        elif missing_s > 0:
            filled = round(missing_s * SAMPLE_RATE_HZ)
            self._append(np.zeros(filled, np.float32))
        self._append(samples)
        return PushResult(start, self.position, filled, restarted)

    def read(self, start: int, end: int) -> np.ndarray:
        """Return a copy of the samples [start, end): (end - start,) float32.

        Raises:
            IndexError: the timeline does not hold all of them.
        """
        oldest = max(0, self.position - len(self._ring))
        if not oldest <= start <= end <= self.position:
            raise IndexError(
                f"samples {start} to {end}: the timeline holds {oldest} to {self.position}"
            )
        samples = np.empty(end - start, np.float32)
        first = start % len(self._ring)
        before_wrap = min(len(samples), len(self._ring) - first)
        samples[:before_wrap] = self._ring[first : first + before_wrap]
        samples[before_wrap:] = self._ring[: len(samples) - before_wrap]
        return samples

    def time_at(self, position: int) -> Seconds:
        """Return the time on the source's clock at the end of the sample before `position`.

        Times fall where the source's clock was set back.

        Raises:
            IndexError: nothing has been pushed yet.
        """
        return self._clock.time_at(position)

    def _append(self, samples: np.ndarray) -> None:
        end = self.position + len(samples)
        kept = samples[-len(self._ring) :]  # all, unless they fill the ring more than once
        first = (end - len(kept)) % len(self._ring)
        before_wrap = min(len(kept), len(self._ring) - first)
        self._ring[first : first + before_wrap] = kept[:before_wrap]
        self._ring[: len(kept) - before_wrap] = kept[before_wrap:]
        self.position = end
