"""The closing line of `ser-stream listen`: what was heard, and what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ser_stream.stream.status import StreamStatus

ALWAYS = {"skipped": "window skipped", "gaps": "gap"}
"""Count of `StreamStatus` -> what it counts; the closing line has these even where they are 0."""

LOSSES = {
    "failed_windows": "window without a finite answer",
    "bad_samples": "sample replaced by silence (NaN, infinite or absurdly large)",
    "dropped_blocks": "block dropped (the computer is too slow)",
    "overflows": "overflow of the microphone",
    "reconnects": "reconnect of the microphone",
}
"""The same for those that are there only where something was lost."""


class Tally:
    """Counts over all sources, for the closing line and the exit code.

    Attributes:
        failed: whether an input could not be used, or not all of it.
        estimates, utterances: number of estimates; of those, decisive ones of whole turns.
    """

    def __init__(self, failed: bool) -> None:
        self.failed = failed
        self.estimates = self.utterances = 0
        self._sound_s = 0.0
        self._counts = dict.fromkeys([*ALWAYS, *LOSSES], 0)

    def add(self, status: StreamStatus) -> None:
        """Add a source that has ended."""
        self._sound_s += status.position_s
        for name in self._counts:
            self._counts[name] += getattr(status, name)

    def line(self) -> str:
        """Return the closing line."""
        counts = {"utterance": self.utterances, "estimate": self.estimates}
        counts |= {what: self._counts[name] for name, what in ALWAYS.items()}
        counts |= {what: n for name, what in LOSSES.items() if (n := self._counts[name])}
        listed = ", ".join(f"{n} {_plural(what, n)}" for what, n in counts.items())
        none = "" if self.estimates or not self._sound_s else "; no speech long enough to score"
        return f"heard {self._sound_s:.1f} s: {listed}{none}"


def _plural(what: str, n: int) -> str:
    """Return the plural of a phrase's first word, unless there is exactly one.

    >>> _plural("window skipped", 2)
    'windows skipped'
    """
    first, *rest = what.split()
    return " ".join([first if n == 1 else f"{first}s", *rest])
