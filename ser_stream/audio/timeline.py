"""A stream's last samples, with their times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ser_stream.audio.clock import SampleClock
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

SPARE = 8_000
"""Room for new samples in a buffer: it is copied twice a second where blocks are short."""


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
    """The newest push of 16 kHz mono float32 samples, and the last seconds before it.

    A position counts samples since the first one; it never falls and is never reused. Filled
    silence counts as samples; a gap that is too long to fill does not.

    Not thread-safe: the thread that pushes also reads. What it has read never changes.

    Args:
        reach_s: how far `read` reaches back before the newest push.
        settle_s: the `settle_s` of the source; see `SampleClock`.
        max_fill_s: longest gap that is filled with silence.
    """

    def __init__(
        self, reach_s: Seconds = 1.0, settle_s: Seconds = 0.0, max_fill_s: Seconds = 5.0
    ) -> None:
        self.position = 0
        """Position after the last sample."""
        self.gaps = 0
        self.gap_s: Seconds = 0.0
        """Length of all gaps, filled or not."""
        self._reach = round(reach_s * SAMPLE_RATE_HZ)
        self._oldest = 0  # position of the oldest sample that may be read
        # Samples are only ever appended to a buffer. A full one is replaced, not overwritten.
        self._buffer = np.empty(0, np.float32)
        self._buffer_start = 0  # position of its first sample
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
        self._oldest = max(0, start - self._reach)
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
        """Return the samples [start, end), (end - start,) float32: a view, not to be changed.

        Raises:
            IndexError: the timeline does not hold all of them.
        """
        if not self._oldest <= start <= end <= self.position:
            raise IndexError(
                f"samples {start} to {end}: the timeline holds {self._oldest} to {self.position}"
            )
        return self._buffer[start - self._buffer_start : end - self._buffer_start]

    def newest(self, n: int) -> np.ndarray:
        """Return the newest n samples, (up to n,) float32: fewer where it holds no more; a view."""
        return self.read(max(self._oldest, self.position - n), self.position)

    def time_at(self, position: int) -> Seconds:
        """Return the time on the source's clock at the end of the sample before `position`.

        Times fall where the source's clock was set back.

        Raises:
            IndexError: nothing has been pushed yet.
        """
        return self._clock.time_at(position)

    def _append(self, samples: np.ndarray) -> None:
        first = self.position - self._buffer_start
        if first + len(samples) > len(self._buffer):
            kept = self._buffer[self._oldest - self._buffer_start : first]
            self._buffer = np.empty(len(kept) + max(len(samples), SPARE), np.float32)
            self._buffer[: len(kept)] = kept
            self._buffer_start, first = self._oldest, len(kept)
        self._buffer[first : first + len(samples)] = samples
        self.position += len(samples)
