"""The second estimate of a window or turn, from its sound and its words together."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ser_stream.emotion import AUDIO_TEXT, EmotionEstimate, agreement_of, valence_arousal
from ser_stream.engines.base import UtteranceNetwork, UtteranceOutputs
from ser_stream.engines.choose import open_utterance_network
from ser_stream.engines.names import AUTO
from ser_stream.errors import InputError
from ser_stream.features.segments import segment
from ser_stream.models.info import ModelInfo
from ser_stream.stream.decoding import mean_scores
from ser_stream.stream.keeping_up import KeepingUp
from ser_stream.stream.scores import Scores, reason_to_abstain
from ser_stream.stream.turn_encoder import is_finite
from ser_stream.stream.window import TurnEnd, Window
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word, words_between

logger = logging.getLogger("ser_stream")

RETRY_AFTER: Seconds = 60.0
"""A network that has failed is tried again after this time: a GPU's memory may be free again."""

REMEDY = "use a faster computer, or leave the text model out"
"""What to do where second estimates take longer than speech."""


@dataclasses.dataclass(frozen=True)
class TextScoringSettings:
    """When the estimates of sound and words abstain.

    Attributes:
        min_speech: estimates of windows and turns with less speech abstain.
        min_confidence: estimates with less confidence abstain; None: the model's own floor.
    """

    min_speech: Seconds = 0.0
    min_confidence: float | None = None


class TextScorer:
    """Scores windows and turns by their sound and their words. It has no state between them.

    The answer is the mean of this network's scores and the scores by sound alone, whose network is
    the better one. Other weights, and products, were not better on validation speakers
    (`docs/history.md`).

    An order of magnitude slower than `WindowScorer`: CAN takes 60 ms of one core for 5 s of sound.
    A window is cut into the segments of its words as in the network's training
    (`ser_stream.features.segments`); for CAN, segments are aligned with the words and neighbours
    overlap by 10 %.

    Args:
        network, info: a network that takes sound and words, and its description.
        settings: when estimates abstain; the attribute may be replaced at any time.
        reopen: returns the same network, loaded again: that is tried after a failure.

    Attributes:
        error: why there are no estimates right now; "" as long as there are.
        skipped: estimates that were left out because newer words were waiting.
    """

    def __init__(
        self,
        network: UtteranceNetwork,
        info: ModelInfo,
        settings: TextScoringSettings = TextScoringSettings(),
        reopen: Callable[[], UtteranceNetwork] | None = None,
    ):
        self._reopen = reopen
        self.info = info
        self.settings = settings
        self.error = ""
        self.skipped = 0
        self._failed_at = 0.0  # monotonic
        self._scoring_since: float | None = None  # monotonic
        self._keeping_up = KeepingUp(f"text model {info.name}", REMEDY)
        self._network = network

    @classmethod
    def load(
        cls,
        name_or_folder: str | Path,
        engine: str = AUTO,
        device: str = AUTO,
        threads: int | None = 1,
        settings: TextScoringSettings = TextScoringSettings(),
    ) -> TextScorer:
        """Load a model and run it once, because its first call is slow.

        Raises:
            InputError: see `open_utterance_network`, whose arguments these are.
        """
        model = (name_or_folder, engine, device, threads)
        try:
            opened = open_utterance_network(*model)
            scorer = cls(*opened, settings, lambda: open_utterance_network(*model)[0])
        except InputError as error:
            raise InputError(f"text_model: {error}") from error
        scorer._outputs(np.zeros(SAMPLE_RATE_HZ, np.float32), [Word("", 0.0, 1.0)])
        return scorer

    @property
    def scoring_s(self) -> Seconds:
        """Seconds since scoring began; 0 where nothing is scored."""
        since = self._scoring_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def problem(self) -> str:
        """Why there are no estimates right now, or too few, as a line for people; "" for none."""
        return self.error or self._keeping_up.problem

    def note_skipped(self) -> None:
        """Count an estimate that is left out because newer words are waiting."""
        self.skipped += 1
        self._keeping_up.note(scored=False)

    def __call__(
        self, part: Window | TurnEnd, words: Sequence[Word], by_sound: Scores | EmotionEstimate
    ) -> EmotionEstimate | None:
        """Return the estimate of `score`, or None where there is none."""
        scores = self.score(part, words, by_sound)
        return scores.estimate() if scores else None

    def score(
        self, part: Window | TurnEnd, words: Sequence[Word], by_sound: Scores | EmotionEstimate
    ) -> Scores | None:
        """Return the scores by sound and words.

        None where no word is spoken in the window or turn, or the network has failed.

        Args:
            words: the words of the turn, ordered by their starts, on the stream's clock.
            by_sound: the scores of the same window or turn by sound alone.
        """
        inside = words_between(words, part.start_s, part.end_s)
        if not inside or (self.error and time.monotonic() - self._failed_at < RETRY_AFTER):
            return None
        tokens = [
            dataclasses.replace(
                word, start_s=word.start_s - part.start_s, end_s=word.end_s - part.start_s
            )
            for word in inside
        ]
        self._scoring_since = time.monotonic()
        try:
            if self.error and self._reopen is not None:
                self._network = self._reopen()
            found = self._outputs(part.sound, tokens)
        except Exception as error:  # out of memory, CUDA; unordered words; reported
            self._note_failure(error)
            return None
        finally:
            self._scoring_since = None
        self._keeping_up.note(scored=True)
        by_words = [] if found.text_logits is None else [found.text_logits]
        if not is_finite(found.logits, *by_words, *found.attention.values()):
            self._note_failure(ArithmeticError("its answer holds NaN or infinite values"))
            return None
        if self.error:
            self.error = ""
            logger.info("text model: second estimates are back")
        settings, calibration = self.settings, self.info.calibration[part.trigger]
        probabilities = map(float, calibration.probabilities(found.logits))
        own = dict(zip(self._network.labels, probabilities, strict=True))
        scores = mean_scores(by_sound.scores, own)
        floor = calibration.floor if settings.min_confidence is None else settings.min_confidence
        valence, arousal = valence_arousal(scores)
        voice_expression, words_expression, agreement = self._agreement(
            by_sound.scores, found.text_logits
        )
        return Scores(
            part=part,
            scores=scores,
            reason=reason_to_abstain(scores, floor, part.speech_s, settings.min_speech),
            valence=valence,
            arousal=arousal,
            model=f"{by_sound.model}+{self.info.name}",
            modality=AUDIO_TEXT,
            words=_with_attention(inside, found.attention),
            voice_known_s=by_sound.voice_known_s,
            voice_expression=voice_expression,
            words_expression=words_expression,
            agreement=agreement,
        )

    def _agreement(
        self, by_sound: Mapping[str, float], text_logits: np.ndarray | None
    ) -> tuple[str, str, str]:
        """Return the labels of voice and of words, and their agreement; "" where unknown."""
        if text_logits is None:
            return "", "", ""
        voice = max(by_sound, key=by_sound.__getitem__)
        words = self._network.labels[int(text_logits.argmax())]
        return voice, words, agreement_of(voice, words)

    def _note_failure(self, error: Exception) -> None:
        reason, self._failed_at = [*str(error).splitlines(), repr(error)][0], time.monotonic()
        if reason != self.error:  # a repeated failure is logged once
            again = f"tried again every {RETRY_AFTER:g} s"
            logger.error("text model: %s; no second estimates, %s", reason, again)
        self.error = reason

    def _outputs(self, samples: np.ndarray, tokens: Sequence[Word]) -> UtteranceOutputs:
        texts, segments = segment(samples, tokens, self._network.features)
        found = self._network.outputs(segments, self._network.vocabulary.encode(texts))
        return found._replace(logits=found.logits.astype(np.float64))


def _with_attention(
    words: Sequence[Word], attention: dict[str, np.ndarray]
) -> tuple[dict[str, Any], ...]:
    return tuple(
        {**word.to_dict(), **{name: float(weights[i]) for name, weights in attention.items()}}
        for i, word in enumerate(words)
    )
