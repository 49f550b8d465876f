"""Whole recordings as input of a network, as the papers train: no turns, no augmentation."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import FeatureStore, load_or_compute
from ser_stream.data.reading import read_utterances, recording_stamps
from ser_stream.data.windows import pad
from ser_stream.distributed import share_of_process
from ser_stream.errors import InputError, shown
from ser_stream.features.descriptors import DescriptorConfig, descriptors
from ser_stream.features.log_mel import LogMelConfig, log_mel
from ser_stream.features.sherman import ShermanLogMelConfig, relative_log_mel
from ser_stream.units import Decibels

STANDARDISED = ("band", "cell")
MIN_CELL_STD_DB: Decibels = 1.0
MIN_CELL_STD_SHARE = 0.1
"""Smallest standard deviation of a cell: in dB, and for descriptors, whose units differ, as a share
of the descriptor's deviation over all cells. Cells that are padding in nearly every recording vary
little; dividing by so little would make the one recording that reaches them an outlier."""


@dataclasses.dataclass(frozen=True)
class ClipSettings:
    """How a recording becomes a network's input.

    Attributes:
        frames: length in frames that recordings are cut or padded with silence to; 0: recordings
            keep their lengths, which the network is given.
        noise_snr_db: signal-to-noise ratio of white noise that is added to training and validation
            recordings; None: none. Each recording has one noise, the same in each epoch.
        standardise: "band" standardises each band by its mean and deviation over the training part;
            "cell" does so for each band of each frame.

    Raises:
        InputError: a value that is not accepted.
    """

    frames: int = 0
    noise_snr_db: float | None = None
    standardise: str = "band"

    def __post_init__(self) -> None:
        if self.standardise not in STANDARDISED:
            raise InputError(
                f"standardise: found {shown(self.standardise)}; accepted are "
                f"{', '.join(STANDARDISED)}"
            )
        if isinstance(self.frames, bool) or not isinstance(self.frames, int) or self.frames < 0:
            raise InputError(
                f"frames: found {shown(self.frames)}; accepted is a whole number, 0 or more"
            )


FEATURES: dict[type, Callable[[np.ndarray, Any], np.ndarray]] = {
    LogMelConfig: log_mel,
    ShermanLogMelConfig: relative_log_mel,
    DescriptorConfig: descriptors,
}
"""Type of feature settings -> function of samples and settings that returns (frames, dim)."""

FIXED_LENGTH = (ShermanLogMelConfig, DescriptorConfig)
"""Types of features that cut and pad recordings to one length themselves."""


def load_clips(
    utterances: Sequence[Utterance],
    config: LogMelConfig,
    settings: ClipSettings,
    noisy: bool,
    folder: Path,
) -> FeatureStore:
    """Return the features of whole recordings, from the cache `folder` if they are in it.

    Args:
        noisy: whether to add the noise of `settings`, if it asks for any.
    """
    snr_db = settings.noise_snr_db if noisy else None
    key = [
        "recordings", recording_stamps(utterances), type(config).__name__,
        dataclasses.asdict(config), settings.frames, snr_db,
    ]  # fmt: skip

    def compute() -> Iterator[tuple[np.ndarray, int]]:
        for utterance, samples in read_utterances(utterances, "features of recordings"):
            if snr_db is not None:
                samples = add_white_noise(samples, snr_db, utterance.key)
            if settings.frames:
                length = config.samples_for(settings.frames)
                samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
            features = FEATURES[type(config)](samples, config)
            yield features, len(features)

    return load_or_compute(folder, key, compute)


def add_white_noise(samples: np.ndarray, snr_db: Decibels, key: str) -> np.ndarray:
    """Add white noise to samples (n,), `snr_db` below their mean power; seeded by `key`."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    noise = np.random.default_rng(seed).normal(size=len(samples))
    power = np.mean(np.square(samples, dtype=np.float64))
    return (samples + noise * np.sqrt(power / 10 ** (snr_db / 10))).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class ClipBatchSettings:
    """How recordings become batches.

    Attributes:
        max_frames: length of the longest segment.
        same_length: whether all recordings have one length, so that the network needs no lengths.
        in_decibels: whether all features are in dB; otherwise they are descriptors in several
            units.
    """

    batch_size: int
    max_frames: int
    same_length: bool
    in_decibels: bool = True


class Clips:
    """Recordings of one part, as batches for training and for evaluation.

    From a recording longer than `max_frames`, each epoch draws one segment of that length; for
    evaluation the recording is cut into the smallest number of such segments that covers it.

    Args:
        store: features of these recordings, and perhaps of others.
        members: (recordings,) their indices in the store.
        targets: (recordings,) indices of labels.

    Attributes:
        steps: number of batches in an epoch.
    """

    def __init__(
        self,
        store: FeatureStore,
        members: np.ndarray,
        targets: np.ndarray,
        settings: ClipBatchSettings,
    ):
        self.store = store
        self.members = members
        self.targets = targets
        self.settings = settings
        self.steps = -(-len(targets) // settings.batch_size)

    def statistics(self, standardise: str) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation over all recordings.

        Args:
            standardise: "band" for statistics (dimension,), "cell" for (frames, dimension).

        Raises:
            InputError: statistics of cells are asked for, and recordings differ in length.
        """
        n, total, squares = 0, np.zeros(()), np.zeros(())
        for index in range(len(self.targets)):
            # One recording at a time: all of them together take a gigabyte.
            clip = self.store.utterance(self.members[index]).astype(np.float64)
            if standardise == "cell":
                clip = clip[None]
                if n and clip.shape[1:] != total.shape:
                    raise InputError(
                        "standardise: found 'cell', but recordings differ in length; accepted is "
                        "'band', or set clip: frames"
                    )
            n, total, squares = n + len(clip), total + clip.sum(0), squares + (clip**2).sum(0)
        mean = total / n
        std = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
        minimum = self._min_std(standardise, mean, squares / n)
        return torch.from_numpy(mean), torch.from_numpy(np.maximum(std, minimum))

    def _min_std(
        self, standardise: str, mean: np.ndarray, mean_square: np.ndarray
    ) -> float | np.ndarray:
        if standardise == "band":
            return 1e-6
        if self.settings.in_decibels:
            return MIN_CELL_STD_DB
        variance = mean_square.mean(axis=0) - mean.mean(axis=0) ** 2
        return np.maximum(MIN_CELL_STD_SHARE * np.sqrt(np.maximum(variance, 0.0)), 1e-6)

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple, Tensor]]:
        """Yield batches in random order: features, lengths or None; targets (batch,)."""
        order = rng.permutation(len(self.targets))
        for members in np.array_split(order, self.steps):
            members = share_of_process(members)
            spare = np.maximum(self._lengths[members] - self.settings.max_frames, 0)
            starts = [int(rng.integers(n + 1)) if n else 0 for n in spare]
            yield self._inputs(members, starts), torch.from_numpy(self.targets[members])

    def batches(self) -> Iterator[tuple[np.ndarray, tuple]]:
        """Yield indices (batch,), and features and lengths or None of segments of similar length.

        The index of a recording occurs once per segment.
        """
        segments = np.array([
            (index, start) for index in np.argsort(self._lengths, kind="stable")
            for start in self._segment_starts(self._lengths[index])
        ])  # fmt: skip
        for members, starts in map(np.transpose, np.array_split(segments, self.steps)):
            yield members, self._inputs(members, starts)

    @property
    def _lengths(self) -> np.ndarray:
        """Frames of each recording."""
        return self.store.speech_frames[self.members]

    def _segment_starts(self, n_frames: int) -> np.ndarray:
        """Return the first frames of a recording's segments; the last segment ends with it."""
        max_frames = self.settings.max_frames
        n = max(1, -(-n_frames // max_frames))
        return np.linspace(0, max(0, n_frames - max_frames), n).round().astype(int)

    def _inputs(
        self, members: np.ndarray, starts: Sequence[int] | np.ndarray
    ) -> tuple[Tensor, Tensor | None]:
        frames = [self.store.utterance(self.members[i]) for i in members]
        length = self.settings.max_frames
        features, lengths = pad(
            [f[start : start + length] for f, start in zip(frames, starts, strict=True)]
        )
        return features, None if self.settings.same_length else lengths
