"""From a count of samples to the time on the source's clock."""

from __future__ import annotations

from collections import deque

from ser_stream.units import Seconds

JUMP_S: Seconds = 0.1
"""A difference larger than this is no jitter: samples are missing, or the clock was set."""

MAX_SLEW = 1e-3
"""Seconds per second by which the mapping may follow the clock: ten times a poor crystal's error
(100 ppm), and too little for jitter to shake the result (1 ms takes a second)."""


class SampleClock:
    """Follows one source's clock: `time = offset + position / sample_rate`, with a slow `offset`.

    Each block says at which instant it ends. That says where `offset` should be, with errors:

    * Exact stamps (`settle_s` 0) may be off to both sides. The offset moves towards what a block
      says by at most `MAX_SLEW` of the time the block lasts, and so follows the median.
    * Arrival times (`settle_s` > 0) are only ever late. The offset falls to an earlier one at
      once and rises at `MAX_SLEW`, and so follows the earliest: the true time plus the shortest
      way through driver and operating system.

    Blocks more than `JUMP_S` late mean a gap once they have been late for `settle_s`:

        late callback, then a burst        no gap: the burst's last block is in time
        ....|....|....|          |||....|
        samples lost                       gap: all later blocks are late, by at least the gap
        ....|....|....|    |....|....|....|

    A block more than `JUMP_S` early means that the clock was set back, or that it all began late:
    the mapping starts anew from there, counted in `steps_back`. Times for later positions are
    then earlier than before; who needs times that never fall sees to it.
    """

    def __init__(self, sample_rate_hz: int, settle_s: Seconds) -> None:
        self.steps_back = 0
        self._sample_rate_hz = sample_rate_hz
        self._settle_s = settle_s
        # Offsets in force from a position on, oldest first: the past keeps its times across a
        # jump. One turn needs the last few only.
        self._offsets: deque[tuple[int, Seconds]] = deque(maxlen=16)
        self._position = 0
        self._late_since: Seconds | None = None  # None: the last block was in time
        self._least_late: Seconds = 0.0
        self._broken = False

    def break_off(self) -> None:
        """There was no sound for a while: the next block is believed at once, however late."""
        self._broken = True

    def update(self, position_end: int, time_s: Seconds) -> Seconds:
        """Take note of a block: the sample before `position_end` was at `time_s`.

        Returns:
            0.0, or how many seconds of samples are missing before this block. Then insert as many
            samples, so that the block ends that much later, or `skip` them.
        """
        offset = time_s - position_end / self._sample_rate_hz
        if not self._offsets:
            self._offsets.append((0, offset))
        step = MAX_SLEW * max(0, position_end - self._position) / self._sample_rate_hz
        block_start, self._position = self._position, position_end

        late = offset - self._offsets[-1][1]
        broken, self._broken = self._broken, False
        if late > JUMP_S:
            if broken:
                self._late_since = None
                return late
            if self._late_since is None:
                self._late_since, self._least_late = time_s, late
            self._least_late = min(self._least_late, late)
            if time_s - self._late_since < self._settle_s:
                return 0.0
            self._late_since = None
            return self._least_late

        self._late_since = None
        if late < -JUMP_S:
            self.steps_back += 1
            self._offsets.append((block_start, offset))
        else:
            fastest_fall = float("inf") if self._settle_s > 0 else step
            self._shift(min(max(late, -fastest_fall), step))
        return 0.0

    def skip(self, position: int, seconds: Seconds) -> None:
        """From `position` on, time is later by `seconds`, for which there were no samples."""
        self._offsets.append((position, self._offsets[-1][1] + seconds))

    def time_at(self, position: int) -> Seconds:
        """Time on the source's clock at the end of the sample before `position`.

        Positions may be in the past or to come. (At a jump that is the time before it: where a
        span of samples begins is better had from its end, less its length.) Raises IndexError
        before the first `update`.
        """
        for start, offset in reversed(self._offsets):
            if position > start:
                return offset + position / self._sample_rate_hz
        # At the very start, or before the jumps that are still known.
        return self._offsets[0][1] + position / self._sample_rate_hz

    def _shift(self, seconds: Seconds) -> None:
        start, offset = self._offsets[-1]
        self._offsets[-1] = (start, offset + seconds)
