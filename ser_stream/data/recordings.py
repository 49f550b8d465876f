"""Whole recordings as a network's input, the way the papers train: no turns, no augmentation."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import FeatureStore, read_samples
from ser_stream.data.windows import pad
from ser_stream.distributed import own_part
from ser_stream.errors import InputError
from ser_stream.features.descriptors import DescriptorConfig, descriptors
from ser_stream.features.log_mel import LogMelConfig, log_mel
from ser_stream.features.sherman import ShermanLogMelConfig, relative_log_mel
from ser_stream.units import Decibels

STANDARDISED = ("band", "cell")
LEAST_DEVIATION: Decibels = 1.0
LEAST_SHARE = 0.1
"""Of a cell: so many dB, or, of descriptors, whose units differ, of that one's deviation over all
cells. Cells that are padding in nearly every clip hardly vary, and the one clip that reaches them
would come out far off."""


@dataclasses.dataclass(frozen=True)
class ClipSettings:
    """How a recording becomes a network's input.

    Attributes:
        frames: recordings are cut, or padded with silence behind, to so many frames; 0: shorter
            ones stay as they are, and the network is told their lengths.
        noise_snr_db: white noise is added to training and validation data at this ratio; None:
            none. Each recording has one noise, the same in each epoch.
        standardise: "band": each band by its mean and deviation over the training part; "cell":
            each band of each frame by its own.

    Raises:
        InputError: a value that is not accepted.
    """

    frames: int = 0
    noise_snr_db: float | None = None
    standardise: str = "band"

    def __post_init__(self) -> None:
        if self.standardise not in STANDARDISED:
            raise InputError(
                f"standardise: found {self.standardise!r}; accepted are {', '.join(STANDARDISED)}"
            )
        if isinstance(self.frames, bool) or not isinstance(self.frames, int) or self.frames < 0:
            raise InputError(
                f"frames: found {self.frames!r}; accepted is a whole number, 0 or more"
            )


FEATURES = {
    LogMelConfig: log_mel,
    ShermanLogMelConfig: relative_log_mel,
    DescriptorConfig: descriptors,
}
"""Settings of a kind of features -> what computes them: samples, settings -> (frames, dim.)."""

FIXED_LENGTH = (ShermanLogMelConfig, DescriptorConfig)
"""Kinds of features that cut and pad recordings to one length themselves."""


def load_clips(
    utterances: Sequence[Utterance],
    config: LogMelConfig,
    settings: ClipSettings,
    noisy: bool,
    folder: Path,
) -> FeatureStore:
    """Features of whole recordings, in this order, from `folder` if they are there already.

    Args:
        noisy: with the noise of `settings`, if it asks for any.
    """
    snr_db = settings.noise_snr_db if noisy else None
    identity = json.dumps([
        "clips", [u.key for u in utterances], type(config).__name__, dataclasses.asdict(config),
        settings.frames, snr_db,
    ])  # fmt: skip
    path = folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npy"
    index_path = path.with_suffix(".index.npy")
    if not index_path.is_file():  # written last: it says that the other is complete
        folder.mkdir(parents=True, exist_ok=True)
        clips = []
        for utterance in tqdm(utterances, desc="features of recordings", leave=False):
            samples = read_samples(utterance.path)
            if snr_db is not None:
                samples = add_white_noise(samples, snr_db, utterance.key)
            if settings.frames:
                length = config.samples_for(settings.frames)
                samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
            clips.append(FEATURES[type(config)](samples, config).astype(np.float16))
        np.save(path, np.concatenate(clips))
        np.save(index_path, np.array([len(clip) for clip in clips]))
    lengths = np.load(index_path)
    ends = np.cumsum(lengths)
    return FeatureStore(np.load(path, mmap_mode="r"), ends - lengths, ends, lengths)


def add_white_noise(samples: np.ndarray, snr_db: float, key: str) -> np.ndarray:
    """White noise so many dB under the mean power of samples (n,); it follows from `key`."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    noise = np.random.default_rng(seed).normal(size=len(samples))
    power = np.mean(np.square(samples, dtype=np.float64))
    return (samples + noise * np.sqrt(power / 10 ** (snr_db / 10))).astype(np.float32)


class Clips:
    """Recordings of one part: batches to train on, and batches to be judged.

    Of recordings longer than `max_frames`, each epoch hears a segment of that length, drawn at
    random; to be judged, they are cut into as few such segments as hold all of them.

    Args:
        store: features of these recordings, and of others.
        members: (recordings,) their places in the store.
        targets: (recordings,) indices of labels.
        max_frames: longest segment.
        same_length: they all are as long, and the network needs no lengths.
        in_decibels: all values are; else they are descriptors of several units.
    """

    def __init__(
        self,
        store: FeatureStore,
        members: np.ndarray,
        targets: np.ndarray,
        batch_size: int,
        max_frames: int,
        same_length: bool,
        in_decibels: bool = True,
    ):
        self.store = store
        self.members = members
        self.targets = targets
        self.batch_size = batch_size
        self.max_frames = max_frames
        self.same_length = same_length
        self.in_decibels = in_decibels
        self.steps = -(-len(targets) // batch_size)

    def statistics(self, standardise: str) -> tuple[Tensor, Tensor]:
        """Mean and deviation: (dimension,) by "band", (frames, dimension) by "cell"."""
        n, total, squares = 0, 0.0, 0.0
        for index in range(len(self.targets)):
            # One at a time: all take a gigabyte.
            clip = self.store.utterance(self.members[index]).astype(np.float64)
            if standardise == "cell":
                clip = clip[None]
                if n and clip.shape[1:] != total.shape:
                    raise InputError("standardise: found 'cell', but recordings differ in length")
            n, total, squares = n + len(clip), total + clip.sum(0), squares + (clip**2).sum(0)
        mean = total / n
        std = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
        least = 1e-6
        if standardise == "cell" and self.in_decibels:
            least = LEAST_DEVIATION
        elif standardise == "cell":
            variance = (squares / n).mean(axis=0) - mean.mean(axis=0) ** 2
            least = np.maximum(LEAST_SHARE * np.sqrt(np.maximum(variance, 0.0)), 1e-6)
        return torch.from_numpy(mean), torch.from_numpy(np.maximum(std, least))

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple, Tensor]]:
        """Batches in random order: features, lengths or None; targets (batch,)."""
        order = rng.permutation(len(self.targets))
        for members in np.array_split(order, self.steps):
            members = own_part(members)
            spare = np.maximum(self._lengths[members] - self.max_frames, 0)
            starts = [rng.integers(n + 1) if n else 0 for n in spare]
            yield self._inputs(members, starts), torch.from_numpy(self.targets[members])

    def batches(self) -> Iterator[tuple[np.ndarray, tuple]]:
        """Indices (batch,), and features and lengths or None, of segments of like length.

        The index of a recording of several segments is there as often.
        """
        segments = np.array([
            (index, start) for index in np.argsort(self._lengths, kind="stable")
            for start in self._starts(self._lengths[index])
        ])  # fmt: skip
        for members, starts in map(np.transpose, np.array_split(segments, self.steps)):
            yield members, self._inputs(members, starts)

    @property
    def _lengths(self) -> np.ndarray:
        """Frames of each recording."""
        return self.store.speech_frames[self.members]

    def _starts(self, n_frames: int) -> np.ndarray:
        """First frames of the segments that a recording is judged by; the last one ends with it."""
        n = max(1, -(-n_frames // self.max_frames))
        return np.linspace(0, max(0, n_frames - self.max_frames), n).round().astype(int)

    def _inputs(
        self, members: Sequence[int], starts: Sequence[int]
    ) -> tuple[Tensor, Tensor | None]:
        frames = [self.store.utterance(self.members[i]) for i in members]
        features, lengths = pad(
            [f[start : start + self.max_frames] for f, start in zip(frames, starts, strict=True)]
        )
        return features, None if self.same_length else lengths
