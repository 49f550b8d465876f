"""Results and state of speech recognition."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable

from ser_stream.words import Word

STARTING, READY, SLOW, CLOSED = "starting", "ready", "slow", "closed"
RESTARTING, UNUSABLE = "restarting", "unusable"


@dataclasses.dataclass(frozen=True)
class AsrResult:
    """The words of a turn so far, or of the whole turn.

    Attributes:
        turn_id: the id that was submitted.
        words: words with times on the stream's clock.
        stable: number of words, from the first, that stay the same in the turn's partial results.
            The final result comes from the turn as a whole, and may replace them.
        final: whether this is the last result of the turn.
        n_samples: samples of the turn that were recognised.
        error: why a final result has no words; "" otherwise.
        language: code of the language that was recognised; "" where it is not known.
    """

    turn_id: Hashable
    words: tuple[Word, ...]
    stable: int
    final: bool
    n_samples: int
    error: str = ""
    language: str = ""


@dataclasses.dataclass(frozen=True)
class AsrStatus:
    """The state of speech recognition.

    Attributes:
        state: "starting", "ready", "slow" (results are late), "restarting" (the process has died),
            "unusable" (its model, language or grammar cannot be used; that is tried again), or
            "closed".
        reason: why it is slow, restarting, unusable or not ready yet; "" when all is well.
        rtf: real-time factor of recent passes, above 1 where recognition is slower than speech; 0
            where it is not known.
        restarts: number of times that the process was started again.
        skipped: requests that were replaced by a newer one before they were recognised.
    """

    state: str
    reason: str = ""
    rtf: float = 0.0
    restarts: int = 0
    skipped: int = 0

    @property
    def error(self) -> str:
        """Why there are no words at present, as a line for people; "" where there may be some."""
        return self.reason if self.state in (RESTARTING, UNUSABLE) else ""
