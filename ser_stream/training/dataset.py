"""Batches of augmented log-mel windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.base import Utterance
from ser_stream.training.augment import (
    Augmentation,
    add_noise,
    coloured_noise,
    low_pass,
    mask,
    random_prefix,
    repeat_to,
    tilt,
    warp_bands,
)
from ser_stream.training.feature_cache import FeatureStore
from ser_stream.training.processes import own_part


class TrainingSet:
    """Draws training batches: corpora by their share, labels evenly, all else at random.

    Args:
        stores: features of `utterances`, one store per speed.
        n_drawn, batch_size: utterances in an epoch, and in a batch.
        max_frames: longest window; longer turns are cut to a random stretch of it.
        noises: recordings of noise as frames (n, n_mels) in dB; coloured noise is drawn as well.
    """

    def __init__(
        self,
        utterances: list[Utterance],
        stores: list[FeatureStore],
        labels: tuple[str, ...],
        mix: dict[str, float],
        augmentation: Augmentation,
        n_drawn: int,
        batch_size: int,
        max_frames: int,
        noises: list[np.ndarray] = (),
    ):
        self.n_drawn = n_drawn
        self.steps = max(1, n_drawn // batch_size)
        self.stores = stores
        self.targets = np.array([labels.index(u.label) for u in utterances])
        self.n_labels = len(labels)
        self.augmentation = augmentation
        self.max_frames = max_frames
        self.noises = list(noises)
        self._groups = _groups(utterances, mix)
        self.fill = np.mean([frames.mean(axis=0) for frames in self._sample()], axis=0)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of each band (n_mels,), over a sample of augmented utterances."""
        rng = np.random.default_rng(0)
        frames = [self.augmented(i, rng)[0] for i in self.draw(2000, rng)]
        frames = np.concatenate(frames).astype(np.float64)
        return frames.mean(axis=0), frames.std(axis=0)

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
        """Batches: features (batch, frames, n_mels), lengths (batch,); targets (batch, labels).

        Utterances of like length share a batch, which keeps padding small.
        """
        drawn = self.draw(self.n_drawn, rng)
        lengths = self.stores[0].speech_frames[drawn] + rng.normal(0, 30, len(drawn))
        batches = np.array_split(drawn[np.argsort(lengths)], self.steps)
        for number in rng.permutation(len(batches)):
            batch = own_part(batches[number])
            items = [self._mixed(i, batch, rng) for i in batch]
            targets = torch.from_numpy(np.stack([target for _, target in items]))
            yield pad([frames for frames, _ in items]), targets

    def _sample(self) -> list[np.ndarray]:
        store = self.stores[len(self.stores) // 2]
        return [store.utterance(i) for i in range(0, len(store), max(1, len(store) // 500))]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Indices of utterances: each corpus by its share, and within it each label as often."""
        drawn = []
        for share, members in self._groups:
            rounds, rest = divmod(round(n * share), len(members))
            drawn += [members] * rounds + [rng.choice(members, rest, replace=False)]
        return np.concatenate(drawn)

    def augmented(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Frames of one utterance and its one-hot target."""
        settings = self.augmentation
        store = self.stores[rng.integers(len(self.stores))]
        frames = store.utterance(index, tail=True)
        n_speech = store.speech_frames[index]
        start = rng.integers(min(settings.shift, n_speech // 4) + 1)
        frames = frames[start : rng.integers(n_speech, len(frames) + 1)]
        if rng.random() < settings.prefix:
            frames = random_prefix(frames, settings.min_frames, rng)
        if len(frames) > self.max_frames:
            start = rng.integers(len(frames) - self.max_frames + 1)
            frames = frames[start : start + self.max_frames]
        if settings.warp:
            frames = warp_bands(frames, 1 + rng.uniform(-settings.warp, settings.warp))
        frames = frames + np.float32(rng.uniform(*settings.gain_db))
        if settings.tilt_db:
            frames = frames + tilt(frames.shape[1], settings.tilt_db, rng)
        if rng.random() < settings.noise:
            frames = add_noise(frames, self._noise(len(frames), rng), rng.uniform(*settings.snr_db))
        if rng.random() < settings.low_pass:
            frames = low_pass(frames, rng)
        return frames, np.eye(self.n_labels, dtype=np.float32)[self.targets[index]]

    def _noise(self, n_frames: int, rng: np.random.Generator) -> np.ndarray:
        if not self.noises or rng.random() < 0.5:
            return coloured_noise(n_frames, len(self.fill), rng)
        return repeat_to(self.noises[rng.integers(len(self.noises))], n_frames, rng)

    def _mixed(
        self, index: int, partners: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """An augmented utterance, mixed with a partner from the same batch, then masked."""
        frames, target = self.augmented(index, rng)
        if self.augmentation.mixup > 0:
            share = rng.beta(self.augmentation.mixup, self.augmentation.mixup)
            share = np.float32(max(share, 1 - share))  # the utterance's own length rules
            other, other_target = self.augmented(rng.choice(partners), rng)
            other = repeat_to(other, len(frames), rng)
            frames = share * frames + (1 - share) * other
            target = share * target + (1 - share) * other_target
        return mask(frames, self.augmentation, self.fill, rng), target


def _groups(utterances: list[Utterance], mix: dict[str, float]) -> list[tuple[float, np.ndarray]]:
    """Share of an epoch, and indices, of each label of each corpus."""
    names = np.array([(u.corpus, u.label) for u in utterances])
    groups = []
    for corpus, share in mix.items():
        labels = np.unique(names[names[:, 0] == corpus, 1])
        for label in labels:
            members = np.flatnonzero((names == (corpus, label)).all(axis=1))
            groups.append((share / len(labels), members))
    return groups


class Windows:
    """One window per utterance, to be judged: its speech, the last of it where it is longer.

    Args:
        targets: (utterances,) indices of labels.
        max_frames: longest window.
    """

    def __init__(self, store: FeatureStore, targets: np.ndarray, max_frames: int):
        self.store = store
        self.targets = targets
        self.max_frames = max_frames

    def batches(self, size: int = 64) -> Iterator[tuple[np.ndarray, tuple[Tensor, Tensor]]]:
        """Indices (batch,), and features and lengths of utterances of like length."""
        order = np.argsort(self.store.speech_frames)
        for start in range(0, len(order), size):
            members = order[start : start + size]
            yield members, pad([self.store.utterance(i)[-self.max_frames :] for i in members])


def pad(items: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Right-pad to the longest: features (items, frames, n_mels), lengths (items,)."""
    lengths = torch.tensor([len(frames) for frames in items])
    features = torch.zeros(len(items), int(lengths.max()), items[0].shape[1])
    for row, frames in zip(features, items, strict=True):
        row[: len(frames)] = torch.from_numpy(frames)
    return features, lengths
