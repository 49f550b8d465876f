"""The scores of a window or a turn, before they are published as an estimate."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from ser_stream.emotion import NO_EXPRESSION, SHORT, UNSURE, EmotionEstimate
from ser_stream.stream.window import TurnEnd, Window
from ser_stream.units import Seconds


@dataclasses.dataclass(frozen=True)
class Scores:
    """The output of a model for a window or a whole turn.

    Attributes:
        part: the window or turn.
        scores: label -> calibrated probability.
        reason: why it abstains, see `EmotionEstimate`; "" if it does not.
        valence, arousal: in [-1, 1].
        model: name of the model.
        modality: "audio" or "audio+text".
        words: the words that the model was given, see `EmotionEstimate`.
        voice_known_s, label_set, voice_expression, words_expression, agreement: see
            `EmotionEstimate`.
    """

    part: Window | TurnEnd
    scores: dict[str, float]
    reason: str
    valence: float
    arousal: float
    model: str
    modality: str
    words: tuple[dict[str, Any], ...] = ()
    voice_known_s: Seconds = 0.0
    label_set: tuple[str, ...] = ()
    voice_expression: str = ""
    words_expression: str = ""
    agreement: str = ""

    @property
    def abstains(self) -> bool:
        """Whether no emotion is named."""
        return bool(self.reason)

    def estimate(
        self,
        words: tuple[dict[str, Any], ...] | None = None,
        decisive: bool = True,
        late: bool = False,
        asr_error: str = "",
    ) -> EmotionEstimate:
        """Return the estimate to publish now: its latency is counted up to this call.

        Args:
            words: the words of the whole turn, where they are known; None: `self.words`.
            decisive, late, asr_error: see `EmotionEstimate`.
        """
        part = self.part
        best = max(self.scores, key=self.scores.__getitem__)
        return EmotionEstimate(
            turn=part.turn,
            start_s=part.start_s,
            end_s=part.end_s,
            trigger=part.trigger,
            modality=self.modality,
            expression=NO_EXPRESSION if self.abstains else best,
            reason=self.reason,
            confidence=self.scores[best],
            valence=self.valence,
            arousal=self.arousal,
            scores=self.scores,
            speech_ratio=part.speech_ratio,
            level_dbfs=part.level_dbfs,
            clipped=part.clipped,
            model=self.model,
            latency_ms=latency_ms(part),
            words=self.words if words is None else words,
            voice_known_s=self.voice_known_s,
            label_set=self.label_set,
            decisive=decisive,
            late=late,
            asr_error=asr_error,
            voice_expression=self.voice_expression,
            words_expression=self.words_expression,
            agreement=self.agreement,
        )


def reason_to_abstain(
    scores: Mapping[str, float], floor: float, speech_s: Seconds, min_speech: Seconds
) -> str:
    """Return why scores name no emotion, `SHORT` or `UNSURE`; "" where they do."""
    if speech_s < min_speech:
        return SHORT
    return UNSURE if max(scores.values()) < floor else ""


def latency_ms(part: Window | TurnEnd) -> float:
    """Return the milliseconds from the capture of the part's last sample until now."""
    return 1e3 * (time.monotonic() - part.captured_at)
