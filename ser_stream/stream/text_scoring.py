"""From a window and its words to the second estimate, of sound and text."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ser_stream.emotion import AUDIO_TEXT, EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.features.segments import segment
from ser_stream.models.base import BimodalModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.segment_batch import SegmentBatch
from ser_stream.stream.decoding import mean_scores
from ser_stream.stream.scoring import estimate_of
from ser_stream.stream.windowing import Window
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word, clipped

logger = logging.getLogger("ser_stream")


AGAIN_AFTER: Seconds = 60.0
"""A network that has failed is tried again so much later: a GPU's memory may be free again."""


class TextScorer:
    """Judges windows by their sound and their words. Remembers nothing between them.

    The answer is the mean of the network's scores and the first estimate's, whose network hears
    better. Other weights, and products, were no better on validation speakers
    (`docs/history.md`).

    An order of magnitude slower than `WindowScorer`: CAN needs 60 ms of one core for 5 s.

    A window is cut into the segments of its words as the network's training cut recordings
    (`ser_stream.features.segments`): for CAN aligned with the words, neighbours overlapping by
    10 %.

    Args:
        model, info: of a network that sees words beside sound.

    Attributes:
        min_speech: windows of a turn with less speech get an estimate that abstains.
        min_confidence: below it an estimate abstains; None = the model's own floor.
        error: why it does not judge right now; "" as long as it does.
    """

    def __init__(self, model: BimodalModel, info: ModelInfo):
        self.info = info
        self.min_speech: Seconds = 0.0
        self.min_confidence: float | None = None
        self.error = ""
        self._failed_at = 0.0  # monotonic
        self._model = model
        self._device = next(model.parameters()).device

    @classmethod
    def load(cls, name_or_folder: str | Path, device: str) -> TextScorer:
        """Load a model, and warm it up.

        Raises:
            InputError: see `load_model`.
        """
        try:
            judge = cls(*load_model(name_or_folder, device, BimodalModel))
        except InputError as error:
            raise InputError(f"text_model: {error}") from error
        judge._answer(np.zeros(SAMPLE_RATE_HZ, np.float32), [Word("", 0.0, 1.0)])
        return judge

    def __call__(
        self, window: Window, words: Sequence[Word], by_sound: EmotionEstimate
    ) -> EmotionEstimate | None:
        """The estimate; None where no word is spoken in the window, or the network has failed.

        Args:
            words: of the window's turn, in the order of their starts, on the stream's clock.
            by_sound: the window's first estimate.
        """
        heard = clipped(words, window.start_s, window.end_s)
        if not heard or (self.error and time.monotonic() - self._failed_at < AGAIN_AFTER):
            return None
        tokens = [
            dataclasses.replace(
                word, start_s=word.start_s - window.start_s, end_s=word.end_s - window.start_s
            )
            for word in heard
        ]
        try:
            logits, attention = self._answer(window.sound, tokens)
        except (RuntimeError, ValueError) as error:  # no memory, CUDA; or words in no order
            reason, self._failed_at = str(error).splitlines()[0], time.monotonic()
            if reason != self.error:  # what fails time after time is said once
                again = f"tried again every {AGAIN_AFTER:g} s"
                logger.error("text model: %s; no second estimates, %s", reason, again)
            self.error = reason
            return None
        if self.error:
            self.error = ""
            logger.info("text model: second estimates are back")
        calibration = self.info.calibration[window.trigger]
        probabilities = map(float, calibration.probabilities(logits))
        own = dict(zip(self._model.labels, probabilities, strict=True))
        scores = mean_scores(by_sound.scores, own)
        floor = calibration.floor if self.min_confidence is None else self.min_confidence
        abstains = max(scores.values()) < floor or window.speech_s < self.min_speech
        dicts = tuple(
            {**word.to_dict(), **{name: float(weights[i]) for name, weights in attention.items()}}
            for i, word in enumerate(heard)
        )
        names = f"{by_sound.model}+{self.info.name}"
        return estimate_of(window, scores, abstains, names, AUDIO_TEXT, dicts)

    def _answer(
        self, samples: np.ndarray, tokens: Sequence[Word]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Logits (labels,), and what each word weighs by each attention (words,)."""
        texts, segments = segment(samples, tokens, self._model.features)
        batch = SegmentBatch.pad([(segments, *self._model.vocabulary.encode(texts))])
        with torch.inference_mode():
            logits, weights = self._model.forward_with_attention(batch.to(self._device))
        names = ("text_attention", "audio_attention")
        attention = {} if weights is None else dict(zip(names, weights, strict=True))
        return _numpy(logits[0]), {n: _numpy(w[0].mean(dim=0)) for n, w in attention.items()}


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.float().cpu().numpy().astype(np.float64)
