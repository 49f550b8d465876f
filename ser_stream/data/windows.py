"""Batches of windows, for training and for evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ser_stream.data.augmentation import repeat_to
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.log_mel_windows import LogMelWindows, WindowAugmenter
from ser_stream.data.speaker_history import SpeakerHistory
from ser_stream.data.training_sources import (
    TrainingSetSettings,
    TrainingSources,
    UtteranceSampler,
    label_indices,
)
from ser_stream.distributed import share_of_process
from ser_stream.features.log_mel import SILENCE_DB


class TrainingSet:
    """Training batches of single windows, mixed with one another (mixup) and masked.

    Args:
        windows: draws the windows; `sources` and `settings` are the ones it was made with.

    Attributes:
        labels: (utterances,) indices of the true labels.
        steps: number of batches in an epoch.
    """

    def __init__(
        self, sources: TrainingSources, settings: TrainingSetSettings, windows: WindowAugmenter
    ):
        self.sources = sources
        self.settings = settings
        self.windows = windows
        self.labels = label_indices(sources.utterances, settings.labels)
        self.steps = settings.steps
        self._sampler = UtteranceSampler(sources.utterances, settings.mix)

    def with_memory_mean(self, mean: np.ndarray) -> TrainingSet:
        """Return the same training set, whose speaker memory starts from `mean` (n_mels,)."""
        return type(self)(self.sources, self.settings, self.windows.with_memory_mean(mean))

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of each band (n_mels,) over augmented utterances."""
        rng = np.random.default_rng(0)
        windows = [self.windows.augmented(i, rng)[0] for i in self.draw(2000, rng)]
        frames = np.concatenate(windows).astype(np.float64)
        return frames.mean(axis=0), frames.std(axis=0)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return indices of about `n` utterances, see `UtteranceSampler`."""
        return self._sampler.draw(n, rng)

    def batches_by_length(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield this process's utterances of each batch of an epoch, as indices.

        Utterances of similar length share a batch, which keeps padding small.
        """
        drawn = self.draw(self.settings.utterances_per_epoch, rng)
        lengths = self.sources.stores[0].speech_frames[drawn] + rng.normal(0, 30, len(drawn))
        batches = np.array_split(drawn[np.argsort(lengths)], self.steps)
        for number in rng.permutation(len(batches)):
            yield share_of_process(batches[number])

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """Yield batches: features (batch, frames, n_mels), lengths (batch,); targets.

        Targets are (batch, labels) probabilities.
        """
        for batch in self.batches_by_length(rng):
            items = [self._mixed(i, batch, rng) for i in batch]
            targets = torch.from_numpy(np.stack([target for _, target in items]))
            yield pad([frames for frames, _ in items], self.settings.min_frames), targets

    def _mixed(
        self, index: int, partners: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return an augmented window, mixed with one of the same batch, then masked."""
        frames, target = self.windows.augmented(index, rng)
        mixup = self.settings.augmentation.mixup
        if mixup > 0:
            share = rng.beta(mixup, mixup)
            share = np.float32(max(share, 1 - share))  # the longer share keeps its own length
            other, other_target = self.windows.augmented(rng.choice(partners), rng)
            other = repeat_to(other, len(frames), rng)
            frames = share * frames + (1 - share) * other
            target = share * target + (1 - share) * other_target
        return self.windows.masked(frames, rng), target


def log_mel_training_set(
    sources: TrainingSources, settings: TrainingSetSettings, targets: np.ndarray | None = None
) -> TrainingSet:
    """Return a training set of log-mel windows, with speaker history if the settings ask for it.

    Args:
        targets: see `LogMelWindows`.
    """
    history = None
    if settings.augmentation.speaker_history:
        history = SpeakerHistory(sources.utterances, sources.stores, settings.frame_s)
    return TrainingSet(sources, settings, LogMelWindows(sources, settings, targets, history))


class EvaluationWindows:
    """One window per utterance for evaluation: its speech, or the last part of longer speech.

    Args:
        targets: (utterances,) indices of labels.
        max_frames: length of the longest window.
        min_frames: shorter windows end in silence, see `pad`.
    """

    def __init__(
        self, store: FeatureStore, targets: np.ndarray, max_frames: int, min_frames: int = 1
    ):
        self.store = store
        self.targets = targets
        self.max_frames = max_frames
        self.min_frames = min_frames

    def batches(self, size: int = 64) -> Iterator[tuple[np.ndarray, tuple[Tensor, Tensor]]]:
        """Yield indices (batch,), and features and lengths of utterances of similar length."""
        order = np.argsort(self.store.speech_frames)
        for start in range(0, len(order), size):
            members = order[start : start + size]
            items = [self.store.utterance(i)[-self.max_frames :] for i in members]
            yield members, pad(items, self.min_frames)


def pad(
    items: Sequence[np.ndarray], min_frames: int = 1, fill: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Right-pad windows to the longest: features (items, frames, n_mels), lengths (items,).

    Windows shorter than `min_frames` are extended to it by silence, as the stream extends turns
    that are shorter than one step of a network.

    Args:
        fill: value of what is behind each window; networks that mask it need no certain one.
    """
    lengths = torch.tensor([max(len(frames), min_frames) for frames in items])
    features = torch.full((len(items), int(lengths.max()), items[0].shape[1]), fill)
    for row, frames, length in zip(features, items, lengths, strict=True):
        row[: len(frames)] = torch.from_numpy(frames)
        row[len(frames) : length] = SILENCE_DB
    return features, lengths
