"""The training set and the validation windows of a recipe for a streaming model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from ser_stream.corpora.base import Utterance
from ser_stream.data.conversations import conversation_batches
from ser_stream.data.feature_cache import load_features
from ser_stream.data.noises import load_noises
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources, label_indices
from ser_stream.data.windows import EvaluationWindows, TrainingSet, log_mel_training_set
from ser_stream.models.base import EmotionModel
from ser_stream.recipes.speech import Recipe
from ser_stream.training.distillation import teacher_probabilities
from ser_stream.training.frozen_encoder import encoded_training_set, load_encoded
from ser_stream.training.sounds import RecipeSounds


def remembers_conversations(model: EmotionModel) -> bool:
    """Return whether a network is trained on conversations: its memory holds hidden states."""
    return model.has_speaker_memory and model.remembers_statistics


def training_set_for(model: EmotionModel) -> Callable[..., TrainingSet]:
    """Return the constructor of log-mel batches for a network, with earlier turns or without."""
    return conversation_batches if remembers_conversations(model) else log_mel_training_set


class SpeechData:
    """Features of a recipe's utterances, from the cache or computed.

    Args:
        utterances: all utterances of the corpora; features of all are cached together.
        parts: "train" and "validation" -> their utterances.
        sounds: noises and rooms of the recipe.
        cache: folder of the feature cache.
    """

    def __init__(
        self,
        recipe: Recipe,
        utterances: Sequence[Utterance],
        parts: Mapping[str, Sequence[Utterance]],
        sounds: RecipeSounds,
        cache: Path,
    ):
        self._recipe = recipe
        self._utterances = utterances
        self._train, self._validation = parts["train"], parts["validation"]
        self._sounds = sounds
        self._cache = cache

    def log_mel(
        self, model: EmotionModel, teachers: Sequence[Path]
    ) -> tuple[TrainingSet, EvaluationWindows]:
        """Return training batches and validation windows of log-mel frames.

        Args:
            teachers: see `teacher_probabilities`.
        """
        recipe = self._recipe
        load = partial(load_features, folder=self._cache, among=self._utterances)
        features = partial(load, config=recipe.features)
        # First, so that a missing folder of sounds is reported before minutes of features.
        rooms = self._sounds.rooms
        noises = load_noises(self._sounds.noises, recipe.features, recipe.motors)
        simulated = []
        for simulation in range(recipe.channel_simulations):
            speed = 2 * simulation % len(recipe.speeds)
            store = features(
                self._train, speed=recipe.speeds[speed], simulation=simulation, rooms=rooms
            )
            simulated.append((speed, store))
        sources = TrainingSources(
            self._train,
            [features(self._train, speed=speed) for speed in recipe.speeds],
            simulated,
            noises,
        )
        settings = dataclasses.replace(
            training_set_settings(recipe, model.window_frames), min_frames=model.step_frames
        )
        targets = None
        if teachers:
            as_recorded = partial(load, self._train, speed=1.0)
            indices = label_indices(self._train, recipe.labels)
            targets = teacher_probabilities(recipe, teachers, as_recorded, indices)
        training_set = training_set_for(model)(sources, settings, targets)
        validation = EvaluationWindows(
            features(self._validation, speed=1.0),
            label_indices(self._validation, recipe.labels),
            model.window_frames,
            model.step_frames,
        )
        return training_set, validation

    def encoded(self, model: EmotionModel) -> tuple[TrainingSet, EvaluationWindows]:
        """Return training batches and validation windows of steps, each encoded once."""
        recipe = self._recipe
        load = partial(load_encoded, model, folder=self._cache, among=self._utterances)
        noisy = self._sounds.noisy_channels
        sources = TrainingSources(
            self._train,
            [load(self._train, speed=speed) for speed in recipe.speeds],
            [
                (0, load(self._train, speed=recipe.speeds[0], simulation=number, noisy=noisy))
                for number in range(recipe.channel_simulations)
            ],
        )
        settings = training_set_settings(recipe, model.window_frames)
        validation = EvaluationWindows(
            load(self._validation, speed=1.0),
            label_indices(self._validation, recipe.labels),
            model.window_steps,
        )
        return encoded_training_set(model, sources, settings), validation


def training_set_settings(recipe: Recipe, max_frames: int) -> TrainingSetSettings:
    """Return the settings of a recipe's training set, for windows of up to `max_frames`."""
    return TrainingSetSettings(
        recipe.labels,
        recipe.mix,
        recipe.augmentation,
        recipe.utterances_per_epoch,
        recipe.optimisation.batch_size,
        max_frames,
        frame_s=recipe.features.frame_s,
    )
