"""Corpora of clips and corpora of texts, by part, as pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.texts import LabelledText
from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.data.feature_cache import load_features
from ser_stream.data.pairs import EvaluationPairs, PairEncoding, Pairs, Texts
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources
from ser_stream.data.windows import log_mel_training_set

TEXT_PARTS = {"train": "train", "validation": "dev", "test": "test"}
"""Part of the clips -> part of the texts."""
MAX_FRAMES = 500
"""Longest part of a clip: five seconds, the longest window of the stream."""


class PairedCorpora:
    """Clips and texts by part, and the pairs made of them.

    Args:
        clips: "train", "validation", "test" -> clips; parts share no speaker.
        texts: texts of all parts, each with one label.
        cache: folder of the feature cache; None: nothing is cached.
        skipped: one message for each clip that was left out, since it cannot be read.

    Attributes:
        errors: simulated recognition errors, of the words of the training part.
    """

    def __init__(
        self,
        clips: Mapping[str, Sequence[Utterance]],
        texts: Sequence[LabelledText],
        encoding: PairEncoding,
        cache: Path | None,
        skipped: Sequence[str] = (),
    ):
        self.clips = clips
        self.skipped = list(skipped)
        self._encoding = encoding
        self._cache = cache
        by_part = {
            part: [text for text in texts if text.part == text_part]
            for part, text_part in TEXT_PARTS.items()
        }
        self._texts = {
            part: Texts([text.words() for text in members], [text.label or "" for text in members])
            for part, members in by_part.items()
        }
        counts = Counter(word for text in by_part["train"] for word in text.words())
        self.errors = RecognitionErrors(counts)

    def training_pairs(
        self,
        settings: TrainingSetSettings,
        speeds: Sequence[float],
        noises: Sequence[np.ndarray],
        max_error_rate: float,
    ) -> Pairs:
        """Return training batches of pairs of the training part.

        Args:
            settings: how the clips are drawn and augmented.
            noises: see `TrainingSources`.
            max_error_rate: see `Pairs`.
        """
        clips, features = self.clips["train"], self._encoding.features
        stores = [load_features(clips, features, speed, self._cache) for speed in speeds]
        training_set = log_mel_training_set(TrainingSources(clips, stores, noises=noises), settings)
        texts = self._texts["train"]
        return Pairs(training_set, texts, self._encoding, self.errors, max_error_rate)

    def evaluation_pairs(self, part: str, error_rate: float = 0.0) -> EvaluationPairs:
        """Return the pairs of a part; errors are the same in each run.

        Args:
            error_rate: share of words that are recognised wrongly.
        """
        rng = np.random.default_rng(0)
        clips = self.clips[part]
        store = load_features(clips, self._encoding.features, 1.0, self._cache)
        return EvaluationPairs(
            [store.utterance(i)[-MAX_FRAMES:] for i in range(len(clips))],
            [clip.label for clip in clips],
            self._texts[part],
            self._encoding,
            recognise=lambda words: self.errors.apply(words, error_rate, rng),
        )
