"""Control of how often an unfinished turn is recognised, so that recognition keeps up."""

from __future__ import annotations

from collections import deque

from ser_stream.units import Seconds

MIN_STEP_S: Seconds = 0.5
MAX_STEP_S: Seconds = 5.0
"""Limits of the new sound between two passes over a turn."""
MAX_LOAD = 0.8
"""Share of the time that partial passes may take; the rest is for the final one."""
RECENT_PASSES = 10
"""Passes that the real-time factor is averaged over."""


class Pace:
    """Measures passes and computes how much new sound the next pass should wait for.

    Every pass covers a turn from its beginning, so passes take longer as the turn grows, and the
    steps between them grow with them.
    """

    def __init__(self) -> None:
        self._passes: deque[tuple[Seconds, Seconds]] = deque(maxlen=RECENT_PASSES)  # took, sound
        self._step = MIN_STEP_S

    @property
    def rtf(self) -> float:
        """Real-time factor of recent passes: time taken per second of sound; 0 before the first."""
        sound = sum(sound for _, sound in self._passes)
        return sum(took for took, _ in self._passes) / sound if sound else 0.0

    def note(self, took_s: Seconds, sound_s: Seconds) -> None:
        """Add a pass over `sound_s` of sound that took `took_s`."""
        self._passes.append((took_s, sound_s))

    def step(self, sound_s: Seconds) -> Seconds:
        """Return how much a turn of `sound_s` must have grown since its last pass."""
        took, sound = self._passes[-1] if self._passes else (0.0, 1.0)
        expected = sound_s * took / sound if sound else took
        self._step = min(MAX_STEP_S, max(MIN_STEP_S, expected / MAX_LOAD))
        return self._step

    @property
    def problem(self) -> str:
        """Why results are late or rare, as a line for people; "" where they are not."""
        if self.rtf > 1.0:
            return f"slower than speech: {self.rtf:.1f} s for each second of it"
        if self._step > MIN_STEP_S:
            return f"partial results only every {self._step:.1f} s of speech"
        return ""
