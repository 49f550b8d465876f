"""Whether recognition keeps up with speech, and how often an unfinished turn is recognised."""

from __future__ import annotations

from collections import deque

from ser_stream.units import Seconds

MIN_STEP_S: Seconds = 0.5
MAX_STEP_S: Seconds = 5.0
"""Limits of the new sound between two passes over a turn."""
RARE_STEP_S: Seconds = 2.0
"""Partial results that are further apart than this are reported as a problem."""
MAX_LOAD = 0.8
"""Share of the time that partial passes may take; the rest is for the final one."""
RECENT_PASSES = 10
"""Passes that the real-time factor is averaged over."""
SLOW_RTF, KEEPS_UP_RTF = 1.0, 0.9
"""Real-time factors above which recognition becomes slow, and below which it keeps up again."""
MIN_SOUND_S: Seconds = 5.0
"""Sound that recent passes must have covered before recognition is called slow."""


class Pace:
    """Measures passes and computes how much new sound the next pass should wait for.

    Every pass covers a turn from its beginning, so passes take longer as the turn grows, and the
    steps between them grow with them.
    """

    def __init__(self) -> None:
        self._passes: deque[tuple[Seconds, Seconds]] = deque(maxlen=RECENT_PASSES)  # took, sound
        self._step = MIN_STEP_S
        self._slow = False

    @property
    def rtf(self) -> float:
        """Real-time factor of recent passes: time taken per second of sound; 0 before the first."""
        return sum(took for took, _ in self._passes) / self._sound_s if self._sound_s else 0.0

    def note(self, took_s: Seconds, sound_s: Seconds) -> None:
        """Add a pass over `sound_s` of sound that took `took_s`."""
        self._passes.append((took_s, sound_s))
        if self.rtf > SLOW_RTF and self._sound_s >= MIN_SOUND_S:
            self._slow = True
        elif self.rtf < KEEPS_UP_RTF:
            self._slow = False

    def step(self, sound_s: Seconds) -> Seconds:
        """Return how much a turn of `sound_s` must have grown since its last pass."""
        took, sound = self._passes[-1] if self._passes else (0.0, 1.0)
        expected = sound_s * took / sound if sound else took
        self._step = min(MAX_STEP_S, max(MIN_STEP_S, expected / MAX_LOAD))
        return self._step

    @property
    def slow(self) -> str:
        """That recognition takes longer than speech, as a line for people; "" where it does not."""
        return f"slower than speech: {self.rtf:.1f} s for each second of it" if self._slow else ""

    @property
    def rare(self) -> str:
        """That partial results are rare, as a line for people; "" where they are not."""
        if self._step > RARE_STEP_S:
            return f"partial results only every {self._step:.1f} s of speech"
        return ""

    @property
    def _sound_s(self) -> Seconds:
        return sum(sound for _, sound in self._passes)
