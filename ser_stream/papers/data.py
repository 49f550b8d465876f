"""The data of an experiment: features of all its utterances, and the parts of its folds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from ser_stream.corpora.base import Utterance
from ser_stream.data.forced_alignment import align
from ser_stream.data.recordings import FIXED_LENGTH, ClipBatchSettings, Clips, load_clips
from ser_stream.data.word_segments import WordClip, WordClips, load_word_clips
from ser_stream.features.descriptors import DescriptorConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary, count_words
from ser_stream.models.base import BimodalModel, EmotionModel, NormalisingModel
from ser_stream.models.registry import build_model
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.protocols import Split

Part = Clips | WordClips


class ExperimentData:
    """Features of the utterances of an experiment, and networks for them.

    Features are read from the cache, or computed and stored there.

    Args:
        utterances: all labelled utterances of the experiment.
        cache: folder of computed features.

    Raises:
        InputError: a recording cannot be read, or an utterance lacks the times of its words.
    """

    def __init__(self, experiment: Experiment, utterances: list[Utterance], cache: Path):
        self.experiment = experiment
        self._index_of = {u.key: i for i, u in enumerate(utterances)}
        self._word_clips: list[WordClip] = []
        features, clip = experiment.features, experiment.clip
        if isinstance(features, SegmentConfig):
            if experiment.alignment:
                utterances = align(utterances, cache)
            self._word_clips = load_word_clips(utterances, features, cache)
            return
        self._clean = load_clips(utterances, features, clip, False, cache)
        self._noisy = self._clean
        if clip.noise_snr_db is not None:
            self._noisy = load_clips(utterances, features, clip, True, cache)

    @property
    def _has_words(self) -> bool:
        return isinstance(self.experiment.features, SegmentConfig)

    def model(self, split: Split) -> NormalisingModel:
        """Build the network with fresh weights and the vocabulary of the split's training part.

        Raises:
            InputError: an option is unknown, or the file of word vectors cannot be read.
        """
        experiment = self.experiment
        options = dict(experiment.options)
        kind: type[NormalisingModel] = BimodalModel if self._has_words else EmotionModel
        if self._has_words and experiment.architecture != "can_audio":
            options["vocabulary"] = self._vocabulary(split).words
        model = build_model(
            experiment.architecture, experiment.labels, experiment.features, options, kind
        )
        if experiment.word_vectors and "vocabulary" in options:
            cast(Any, model).text.load_word_vectors(Path(experiment.word_vectors))
        return model

    def parts(self, split: Split) -> dict[str, Part]:
        """Return those of the parts "train", "validation" and "test" that are not empty."""
        parts = {"train": split.train, "validation": split.validation, "test": split.test}
        return {
            name: self._part(split, name, utterances) for name, utterances in parts.items()
            if utterances
        }  # fmt: skip

    def _part(self, split: Split, name: str, utterances: list[Utterance]) -> Part:
        experiment = self.experiment
        members = np.array([self._index_of[u.key] for u in utterances])
        targets = np.array([experiment.labels.index(u.label) for u in utterances])
        batch_size = experiment.optimisation.batch_size
        if self._has_words:
            clips = [self._word_clips[i] for i in members]
            return WordClips(clips, self._vocabulary(split), targets, batch_size)
        store = self._clean if name == "test" else self._noisy
        same_length = experiment.clip.frames > 0 or isinstance(experiment.features, FIXED_LENGTH)
        max_frames = experiment.clip.frames or int(store.speech_frames.max())
        if not same_length:
            max_frames = self._window_frames(split)
        in_decibels = not isinstance(experiment.features, DescriptorConfig)
        settings = ClipBatchSettings(batch_size, max_frames, same_length, in_decibels)
        return Clips(store, members, targets, settings)

    def _window_frames(self, split: Split) -> int:
        with torch.random.fork_rng():  # the weights of this network are thrown away
            return cast(EmotionModel, self.model(split)).window_frames

    def _vocabulary(self, split: Split) -> Vocabulary:
        return count_words(
            (self._word_clips[self._index_of[u.key]].words for u in split.train),
            ngram_buckets=self.experiment.options.get("ngram_buckets", 0),
        )
