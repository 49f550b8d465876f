"""Training of what stands behind a front end that stays as it is.

Where neither the front end nor what it hears changes from epoch to epoch, each recording passes it
once: its steps are kept on disk, as features are, and training takes seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ser_stream.corpora.base import Utterance
from ser_stream.data.conversations import ConversationBatches
from ser_stream.data.feature_cache import (
    FeatureStore,
    identity_of,
    kept,
    load_features,
    those_of,
)
from ser_stream.data.windows import pad
from ser_stream.models.base import EmotionModel, NormalisingModel
from ser_stream.recipes.speech import Recipe
from ser_stream.training.trainer import has_bfloat16

AT_ONCE = 64
"""Recordings of like length that pass a front end together."""


def encodes_once(recipe: Recipe) -> bool:
    """Whether the recordings of a recipe's training are the same to a front end in each epoch."""
    return recipe.optimisation.pretrained_rate == 0 and recipe.augmentation.leaves_sound


def load_encoded(
    model: EmotionModel,
    utterances: list[Utterance],
    speed: float,
    folder: Path,
    among: list[Utterance],
) -> FeatureStore:
    """Steps of these utterances in this order, in place of frames: (all steps, dimension) float16.

    Args:
        folder, among: see `load_features`.
    """
    weights = hashlib.sha256()
    for tensor in model.pretrained_encoder.state_dict().values():
        weights.update(tensor.numpy().tobytes())
    identity = [*identity_of(among, model.features, speed), "steps", weights.hexdigest()]

    def compute() -> Iterator[tuple[np.ndarray, int]]:
        return _steps(model, load_features(among, model.features, speed, folder))

    return those_of(kept(folder, identity, compute), utterances, among)


def _steps(model: EmotionModel, features: FeatureStore) -> Iterator[tuple[np.ndarray, int]]:
    """Of each utterance, tail and all: steps, and how many lie before its turn's end."""
    lengths = features.ends - features.starts
    order = np.argsort(lengths)
    found: list[np.ndarray] = [None] * len(features)
    bfloat16 = has_bfloat16(torch.device("cpu"))
    for start in tqdm(range(0, len(order), AT_ONCE), desc="steps"):
        members = order[start : start + AT_ONCE]
        items = [features.utterance(i, tail=True) for i in members]
        frames, counts = pad(items, model.step_frames)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            steps = model.encode(frames).float().numpy().astype(np.float16)
        for index, item, count in zip(members, steps, counts.tolist(), strict=True):
            found[index] = item[: model.steps_in(count)]
    for steps, n_frames in zip(found, features.speech_frames, strict=True):
        yield steps, max(1, model.steps_in(int(n_frames)))


class EncodedConversationBatches(ConversationBatches):
    """`ConversationBatches` of encoded steps: `stores` from `load_encoded`, lengths in steps."""

    def augmented(
        self, index: int, rng: np.random.Generator, around: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Steps of one utterance and its one-hot target: arguments as `TrainingSet.augmented`."""
        around = around or rng
        store = self.stores[around.integers(len(self.stores))]
        steps = store.utterance(index, tail=True)
        steps = steps[: rng.integers(store.speech_frames[index], len(steps) + 1)]
        return self.stretch(steps, rng)[0], self.answers[index]


class EncodedHead(nn.Module):
    """A network as the trainer sees it that is given steps, not frames."""

    loss = NormalisingModel.loss

    def __init__(self, network: EmotionModel):
        super().__init__()
        self.network = network
        self.labels = network.labels

    @property
    def pretrained_encoder(self) -> nn.Module | None:
        return self.network.pretrained_encoder

    def forward(self, steps: Tensor, lengths: Tensor, past: Tensor | None = None) -> Tensor:
        """Logits (batch, labels): arguments as the network's `classify`."""
        return self.network.classify(steps, lengths, *(() if past is None else (past,)))
