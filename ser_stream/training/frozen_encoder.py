"""Training of a network behind a frozen encoder, whose output is cached on disk.

Where neither the encoder nor its input changes from epoch to epoch, each recording is encoded once.
The encoder's steps are cached in place of features, and training takes seconds.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.base import Utterance
from ser_stream.data.conversations import ConversationBatches
from ser_stream.data.feature_cache import (
    FeatureStore,
    feature_key,
    load_features,
    load_or_compute,
    select_utterances,
)
from ser_stream.data.noisy_channels import NoisyChannels
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources, label_indices
from ser_stream.data.window_augmentation import cut_to_window
from ser_stream.data.windows import TrainingSet, pad
from ser_stream.features.log_mel import SILENCE_DB, LogMelConfig
from ser_stream.models.base import EmotionModel, NormalisingModel
from ser_stream.models.statistics_model import StatisticsModel
from ser_stream.progress import progress
from ser_stream.recipes.speech import Recipe
from ser_stream.training.devices import has_bfloat16

ENCODER_BATCH_SIZE = 64
"""Recordings that are encoded in one batch; they have similar lengths."""


def encodes_once(recipe: Recipe) -> bool:
    """Return whether a recipe gives the encoder the same input in each epoch, and freezes it."""
    return recipe.optimisation.pretrained_rate == 0 and recipe.augmentation.keeps_sound


def load_encoded(
    model: EmotionModel,
    utterances: Sequence[Utterance],
    speed: float,
    folder: Path | None,
    among: Sequence[Utterance],
    simulation: int | None = None,
    noisy: NoisyChannels | None = None,
) -> FeatureStore:
    """Return the steps of utterances in place of frames: (all steps, dimension) float16.

    Args:
        folder, among, simulation, noisy: see `load_features`.
    """
    features = model.features
    assert model.pretrained_encoder is not None and isinstance(features, LogMelConfig)
    weights = hashlib.sha256()
    for tensor in model.pretrained_encoder.parameters():
        weights.update(tensor.detach().numpy().tobytes())
    key = [*feature_key(among, features, speed), "whole steps", weights.hexdigest()]
    if simulation is not None:
        key += [simulation, None if noisy is None else noisy.key]

    def compute() -> Iterator[tuple[np.ndarray, int]]:
        return _encode(
            model, load_features(among, features, speed, folder, simulation, noisy=noisy)
        )

    return select_utterances(load_or_compute(folder, key, compute), utterances, among)


def _encode(model: EmotionModel, features: FeatureStore) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the steps of each utterance with its tail, and the number of steps without the tail."""
    order = np.argsort(features.ends - features.starts)
    encoded: dict[int, np.ndarray] = {}
    bfloat16 = has_bfloat16(torch.device("cpu"))
    batches = range(0, len(order), ENCODER_BATCH_SIZE)
    for start in progress(batches, "encoding recordings"):
        members = order[start : start + ENCODER_BATCH_SIZE]
        items = [_whole_steps(model, features.utterance(i, tail=True)) for i in members]
        # As at the end of a turn: the encoder's last block of a recording ends in silence.
        frames, lengths = pad(items, model.step_frames, SILENCE_DB)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            steps = model.encode(frames).float().numpy().astype(np.float16)
        for index, item, n_frames in zip(members, steps, lengths.tolist(), strict=True):
            encoded[index] = item[: model.steps_in(n_frames)]
    for index, n_frames in enumerate(features.speech_frames):
        yield encoded[index], max(1, model.steps_in(int(n_frames)))


def _whole_steps(model: EmotionModel, frames: np.ndarray) -> np.ndarray:
    """Return the frames of the steps that are complete, or of the one step there is."""
    n_steps = max(1, model.steps_in(len(frames)))
    return frames[: n_steps * model.frames_per_step]


class EncodedWindows:
    """Draws windows of encoded steps; a `WindowAugmenter` that only chooses between versions.

    Args:
        sources: its stores are from `load_encoded`.
        settings: lengths are in steps.
    """

    def __init__(self, sources: TrainingSources, settings: TrainingSetSettings):
        self._stores = sources.stores
        self._simulated = [store for _, store in sources.simulated]
        self._settings = settings
        indices = label_indices(sources.utterances, settings.labels)
        self._targets = np.eye(len(settings.labels), dtype=np.float32)[indices]

    def augmented(
        self,
        index: int,
        rng: np.random.Generator,
        environment: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a window (steps, dimension) float16 and its target; see `WindowAugmenter`."""
        environment = environment or rng
        stores: Sequence[FeatureStore] = self._stores
        share = self._settings.augmentation.simulated_channel
        if self._simulated and share and environment.random() < share:
            stores = self._simulated
        store = stores[int(environment.integers(len(stores)))]
        steps = store.stored(index, tail=True)
        steps = steps[: rng.integers(store.speech_frames[index], len(steps) + 1)]
        settings = self._settings
        steps, _ = cut_to_window(steps, settings.augmentation, settings.max_frames, rng)
        return np.array(steps), self._targets[index]

    def masked(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the steps unchanged: SpecAugment is for frames."""
        return frames

    def with_memory_mean(self, mean: np.ndarray) -> EncodedWindows:
        """Return the same object: the memory of these networks holds hidden states, not frames."""
        return self


class EncodedConversations(ConversationBatches):
    """Conversations of encoded windows, each as the mean of its steps.

    The statistics of a window are those of this mean, and a batch takes a thirtieth of the memory.
    """

    def collated(self, windows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Return the means of windows, (windows, 1, dimension), and ones as their lengths."""
        # torch converts float16 five times as fast as numpy.
        means = [torch.from_numpy(steps).mean(dim=0, dtype=torch.float32) for steps in windows]
        return torch.stack(means)[:, None], torch.ones(len(windows), dtype=torch.long)


def encoded_training_set(
    model: EmotionModel, sources: TrainingSources, settings: TrainingSetSettings
) -> TrainingSet:
    """Return batches of encoded steps, with earlier turns where the network remembers speakers.

    Args:
        sources: its stores are from `load_encoded`.
        settings: lengths are in frames.
    """
    min_steps = max(1, model.steps_in(settings.augmentation.min_frames))
    settings = dataclasses.replace(
        settings,
        augmentation=dataclasses.replace(settings.augmentation, min_frames=min_steps),
        max_frames=model.window_steps,
        min_frames=1,
        frame_s=model.frames_per_step * settings.frame_s,
    )
    kind = EncodedConversations if model.has_speaker_memory else TrainingSet
    return kind(sources, settings, EncodedWindows(sources, settings))


class EncodedHead(NormalisingModel):
    """A network for the trainer, whose input is encoded steps instead of frames.

    The frozen encoder is taken out of the network until `whole` puts it back: its weights, of which
    most networks have more than of all others, are neither averaged nor saved after each epoch.

    Args:
        network: has a pretrained encoder.
    """

    def __init__(self, network: StatisticsModel):
        super().__init__(network.labels, network.features)
        children = network.named_children()
        name, encoder = next(part for part in children if part[1] is network.pretrained_encoder)
        delattr(network, name)
        self.network = network
        self._encoder = (name, encoder)  # in a tuple, where torch does not find it

    def forward(self, steps: Tensor, lengths: Tensor, past: Tensor | None = None) -> Tensor:
        """Return logits (batch, labels); arguments as the network's `classify`."""
        return self.network.classify(steps, lengths, past)

    def loss(self, *inputs: Any, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        steps, lengths, past = (*inputs, None)[:3]
        return self.network.loss_of_steps(steps, lengths, past, targets, label_smoothing)

    def whole(self) -> StatisticsModel:
        """Return the network with its encoder, in evaluation mode."""
        setattr(self.network, *self._encoder)
        return self.network.eval()
