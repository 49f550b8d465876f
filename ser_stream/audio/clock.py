"""The mapping of sample counts to times on the source's clock."""

from __future__ import annotations

from collections import deque

from ser_stream.units import Seconds

JUMP_S: Seconds = 0.1
"""Deviation above which samples are missing or the clock was set; jitter is smaller."""

MAX_SLEW = 1e-3
"""Maximum rate at which the mapping follows the clock, in seconds per second: ten times the error
of a poor crystal (100 ppm), and slow enough for jitter to average out (1 ms takes a second)."""


class SampleClock:
    """Follows one source's clock: `time = offset + position / sample_rate`, with a slow `offset`.

    The end time of each block gives an estimate of `offset`, which has errors:

    * Exact stamps (`settle_s` 0) may be early or late. The offset moves towards the estimate by at
      most `MAX_SLEW` times the block's length, and so follows the median.
    * Arrival times (`settle_s` > 0) are only ever late. The offset falls to an earlier estimate at
      once and rises at `MAX_SLEW`, and so follows the earliest: the true time plus the shortest
      delay of driver and operating system.

    Blocks more than `JUMP_S` late are taken for a gap once they have been late for `settle_s`:

        late callback, then a burst        no gap: the burst's last block is on time
        ....|....|....|          |||....|
        samples lost                       gap: all later blocks are late, by at least the gap
        ....|....|....|    |....|....|....|

    A block more than `JUMP_S` early means that the clock was set back, or that the first blocks
    were late: the mapping restarts there, and `steps_back` counts it. Later positions then
    have earlier times; a caller that needs times that never fall must ensure it.

    Args:
        sample_rate_hz: rate of the samples that positions count.
        settle_s: how long blocks must have been late before a gap is assumed.
    """

    def __init__(self, sample_rate_hz: int, settle_s: Seconds) -> None:
        self.steps_back = 0
        self._sample_rate_hz = sample_rate_hz
        self._settle_s = settle_s
        # (position, offset in force from there on), oldest first: positions before a jump keep
        # their times. One turn needs only the last few.
        self._offsets: deque[tuple[int, Seconds]] = deque(maxlen=16)
        self._position = 0
        self._late_since: Seconds | None = None  # None: the last block was on time
        self._min_late: Seconds = 0.0
        self._broken = False

    def break_off(self) -> None:
        """Note an interruption: the next block sets the offset at once, however late it is."""
        self._broken = True

    def update(self, position_end: int, time_s: Seconds) -> Seconds:
        """Update the mapping with a block: the sample before `position_end` was at `time_s`.

        Returns:
            Seconds of samples that are missing before this block, 0.0 for none. The caller inserts
            as many samples, so that the block ends that much later, or calls `skip`.
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
                self._late_since, self._min_late = time_s, late
            self._min_late = min(self._min_late, late)
            if time_s - self._late_since < self._settle_s:
                return 0.0
            self._late_since = None
            return self._min_late

        self._late_since = None
        if late < -JUMP_S:
            self.steps_back += 1
            self._offsets.append((block_start, offset))
        else:
            fastest_fall = float("inf") if self._settle_s > 0 else step
            self._shift(min(max(late, -fastest_fall), step))
        return 0.0

    def skip(self, position: int, seconds: Seconds) -> None:
        """Shift the times from `position` on by `seconds` for which there are no samples."""
        self._offsets.append((position, self._offsets[-1][1] + seconds))

    def time_at(self, position: int) -> Seconds:
        """Return the time on the source's clock at the end of the sample before `position`.

        `position` may lie in the past or future. At a jump it is the time before the jump: compute
        the start of a span of samples from the time of its end, less its length.

        Raises:
            IndexError: there was no `update` yet.
        """
        for start, offset in reversed(self._offsets):
            if position > start:
                return offset + position / self._sample_rate_hz
        # At the very start, or before the oldest jump that is kept.
        return self._offsets[0][1] + position / self._sample_rate_hz

    def _shift(self, seconds: Seconds) -> None:
        start, offset = self._offsets[-1]
        self._offsets[-1] = (start, offset + seconds)
