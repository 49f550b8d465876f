"""Scores a network of sound and words on pairs of unheard speakers and texts."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from ser_stream.corpora import esc10
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.corpora.texts import read_texts
from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.data.feature_cache import load_features, read_samples
from ser_stream.data.pairs import EvaluationPairs, Pairs, Texts
from ser_stream.data.windows import TrainingSet
from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation.pair_scores import AudioPredictions, audio_predictions, score_pairs
from ser_stream.features.log_mel import log_mel
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.calibration import Calibration
from ser_stream.models.checkpoint import load_model
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.recipes.speech_text import SpeechTextRecipe

PARTS = {"train": "train", "validation": "dev", "test": "test"}
"""Part of the speakers -> part of the texts."""

ERROR_RATES = (0.0, 0.1, 0.2, 0.4)
"""Shares of words that are recognised wrongly, with which a model is judged."""


def evaluate_speech_text(
    model: str | Path,
    recipe: SpeechTextRecipe,
    corpora: Path,
    part: str,
    first: str | Path | None = None,
) -> dict[str, dict]:
    """Figures of a model on the pairs of a part, "validation" or "test", of a recipe.

    Args:
        first: name or folder of a model that streams: also its answers to the clips, and their mean
            with the model's, which is what is published live.

    Returns:
        Share of words that are recognised wrongly, such as "10%" -> see `figures`.

    Raises:
        InputError: a corpus is not there, or the model sees no words or has other labels.
    """
    network, info = load_model(model, kind=CrossAttentionNetwork)
    recipe.voices.require_labels(info.labels, info.name)
    with tempfile.TemporaryDirectory() as cache:
        data = _Data(recipe, corpora, Path(cache), info.features, network.text.vocabulary)
        heard = None
        if first is not None:
            heard = audio_predictions(first, [clip.path for clip in data.clips[part]])
        return data.figures(network, part, info.calibration[UTTERANCE], heard)


class _Data:
    """Clips and texts of a recipe, by part."""

    max_frames = 500  # five seconds, the longest window

    def __init__(
        self,
        recipe: SpeechTextRecipe,
        corpora: Path,
        cache: Path,
        config: SegmentConfig,
        vocabulary: Vocabulary,
    ):
        self.recipe, self.cache, self.config = recipe.voices, cache, config
        self.max_error_rate = recipe.max_error_rate
        self.vocabulary = vocabulary
        self.clips = self.recipe.split(read_corpora(corpora, list(self.recipe.corpora)))
        folder = corpora / "text" if (corpora / "text").is_dir() else corpora
        texts = [text for text in read_texts(folder, list(recipe.texts)) if text.label]
        self.texts = {}
        for part, of_texts in PARTS.items():
            own = [text for text in texts if text.part == of_texts]
            self.texts[part] = Texts([t.words() for t in own], [t.label for t in own])
        heard = (t.words() for t in texts if t.part == PARTS["train"])
        self.errors = RecognitionErrors(Counter(word for words in heard for word in words))
        self.noises = []
        if self.recipe.noise_folds:
            files = esc10.noise_files(corpora / "esc10", self.recipe.noise_folds)
            self.noises = [log_mel(read_samples(path), config) for path in files]

    def pairs(self) -> Pairs:
        """To train on."""
        recipe, clips = self.recipe, self.clips["train"]
        stores = [load_features(clips, self.config, speed, self.cache) for speed in recipe.speeds]
        voices = TrainingSet(
            clips, stores, recipe.labels, recipe.mix, recipe.augmentation,
            recipe.utterances_per_epoch, recipe.optimisation.batch_size, self.max_frames,
            self.noises,
        )  # fmt: skip
        return Pairs(
            voices, self.texts["train"], recipe.labels, self.vocabulary, self.config,
            self.errors, self.max_error_rate,
        )  # fmt: skip

    def figures(
        self,
        model: CrossAttentionNetwork,
        part: str,
        calibration: Calibration,
        first: AudioPredictions | None = None,
    ) -> dict[str, dict]:
        """Of the pairs of a part, by share of words that are recognised wrongly."""
        return {
            f"{rate:.0%}": score_pairs(model, self.judged(part, rate), calibration, first)
            for rate in ERROR_RATES
        }

    def judged(self, part: str, error_rate: float = 0.0) -> EvaluationPairs:
        """Speakers and texts that training has not met; the same mistakes in each run."""
        rng = np.random.default_rng(0)
        clips: list[Utterance] = self.clips[part]
        store = load_features(clips, self.config, 1.0, self.cache)
        bands = [store.utterance(i)[-self.max_frames :] for i in range(len(clips))]
        labels = [clip.label for clip in clips]
        return EvaluationPairs(
            bands, labels, self.texts[part], self.recipe.labels, self.vocabulary, self.config,
            heard=lambda words: self.errors.make(words, error_rate, rng),
        )  # fmt: skip
