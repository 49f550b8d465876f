"""How often a turn that goes on is listened to again, so that recognition keeps up."""

from __future__ import annotations

from collections import deque

from ser_stream.units import Seconds

SHORTEST_STEP: Seconds = 0.5
LONGEST_STEP: Seconds = 5.0
BUSY = 0.8
"""Share of the time that passes over a growing turn may take; the rest is for its last one."""
RECENT = 10


class Pace:
    """Measures passes, and says how much new sound the next one should wait for.

    Every pass hears a turn from its beginning, so passes grow longer as the turn does, and steps
    with them.
    """

    def __init__(self) -> None:
        self._passes: deque[tuple[Seconds, Seconds]] = deque(maxlen=RECENT)  # took, sound
        self._step = SHORTEST_STEP

    @property
    def rtf(self) -> float:
        """Real-time factor: time that recent passes took, for each second of sound; 0 at first."""
        sound = sum(sound for _, sound in self._passes)
        return sum(took for took, _ in self._passes) / sound if sound else 0.0

    def note(self, took_s: Seconds, sound_s: Seconds) -> None:
        """Take note of a pass."""
        self._passes.append((took_s, sound_s))

    def step(self, sound_s: Seconds) -> Seconds:
        """How much longer a turn of `sound_s` must be than at its pass before."""
        took, sound = self._passes[-1] if self._passes else (0.0, 1.0)
        expected = sound_s * took / sound if sound else took
        self._step = min(LONGEST_STEP, max(SHORTEST_STEP, expected / BUSY))
        return self._step

    @property
    def trouble(self) -> str:
        """Why results come late, or more rarely, for people to read; "" where they do not."""
        if self.rtf > 1.0:
            return f"slower than speech: {self.rtf:.1f} s for each second of it"
        if self._step > SHORTEST_STEP:
            return f"partial results only every {self._step:.1f} s of speech"
        return ""
