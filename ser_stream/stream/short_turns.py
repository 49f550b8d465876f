"""Evidence of several short turns together, such as shouts, each too short to be judged alone."""

from __future__ import annotations

import dataclasses

import numpy as np

from ser_stream.units import Seconds

MAX_PAUSE_S: Seconds = 3.0
"""Longest pause between two short turns that are judged together."""
MIN_CONFIDENCE = 0.7
"""Less confidence names no emotion of turns that are judged together. With the model `small`,
repeated sneezes and coughs reach 0.62, shouts 0.76 and more. Figures: docs/results/speech.md."""


@dataclasses.dataclass(frozen=True)
class TurnEvidence:
    """The outputs of the network for one turn, or for several together.

    Attributes:
        logits: (labels,) mean log-probabilities.
        affect: (2,) valence and arousal of a model that has them, else None.
        speech_s: seconds of speech in the turn or turns.
        n_turns: number of turns.
    """

    logits: np.ndarray
    affect: np.ndarray | None
    speech_s: Seconds
    n_turns: int = 1

    def floor(self, floor: float) -> float:
        """Return the lowest confidence that names an emotion, `floor` for a turn alone."""
        return max(floor, MIN_CONFIDENCE) if self.n_turns > 1 else floor


class ShortTurns:
    """Adds the evidence of the short turns just before it to a short turn.

    Turns belong together while the pauses between them are at most `MAX_PAUSE_S` and none holds
    more than twice the speech that is needed. As few are taken as hold what is needed, the newest
    first::

        turns        [0.45]   [0.45]                [0.45]   [0.45]      (seconds of speech)
        together      0.45     0.9      > 3 s        0.45     0.9
    """

    def __init__(self) -> None:
        self._turns: list[TurnEvidence] = []
        self._last_end_s: Seconds | None = None

    def reset(self) -> None:
        """Forget all turns."""
        self._turns.clear()
        self._last_end_s = None

    def add(
        self, turn: TurnEvidence, start_s: Seconds, end_s: Seconds, min_speech: Seconds
    ) -> TurnEvidence:
        """Return the evidence for the turn that has ended: its own, or with that of turns before.

        Args:
            start_s, end_s: its time span on the stream's clock.
            min_speech: seconds of speech that are needed.
        """
        if self._last_end_s is None or start_s - self._last_end_s > MAX_PAUSE_S:
            self._turns.clear()
        self._last_end_s = end_s
        if turn.speech_s > 2 * min_speech:
            self._turns.clear()
            return turn
        self._turns.append(turn)
        while sum(each.speech_s for each in self._turns[1:]) >= min_speech:
            del self._turns[0]
        return _together(self._turns)


def _together(turns: list[TurnEvidence]) -> TurnEvidence:
    """Return the means over turns, weighted by their speech."""
    weights = np.array([turn.speech_s for turn in turns])
    affects = [turn.affect for turn in turns if turn.affect is not None]
    return TurnEvidence(
        np.average([turn.logits for turn in turns], axis=0, weights=weights),
        np.average(affects, axis=0, weights=weights) if affects else None,
        float(weights.sum()),
        len(turns),
    )
