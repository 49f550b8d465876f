"""Speech parts of a corpus as log-mel frames, computed once and kept on disk.

An utterance is cut to its speech by the same turn detector that runs on the robot, so that training
sees what streaming will give: from the pre-roll before the first onset to the end of the last turn.
Speed is changed by resampling, which moves pitch and tempo together.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soxr
from tqdm import tqdm

from ser_stream.audio.speech import read_samples, speech_span
from ser_stream.corpora.base import Utterance
from ser_stream.data.channel_simulation import simulate_channel
from ser_stream.features.log_mel import LogMelConfig, log_mel
from ser_stream.units import SAMPLE_RATE_HZ

TAIL_S = 0.4
"""Sound kept behind the last turn: interval windows end in up to a hop of it."""
DETECTOR = 2
"""To be raised when the turn detector hears differently: what was kept is then computed again."""


@dataclasses.dataclass(frozen=True)
class FeatureStore:
    """Frames of many utterances at one speed, in one memory-mapped array.

    Attributes:
        frames: (all frames, n_mels) float16, in dB.
        starts, ends: (utterances,) which of them are an utterance's.
        speech_frames: (utterances,) how many of an utterance's frames lie before its turn's end;
            the rest is its tail.
    """

    frames: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    speech_frames: np.ndarray

    def __len__(self) -> int:
        return len(self.speech_frames)

    def utterance(self, index: int, tail: bool = False) -> np.ndarray:
        """(frames, n_mels) float32, with or without the tail."""
        start, end = self.starts[index], self.ends[index]
        if not tail:
            end = start + self.speech_frames[index]
        return self.frames[start:end].astype(np.float32)

    def some(self, indices: np.ndarray) -> FeatureStore:
        """These utterances alone."""
        parts = (part[indices] for part in (self.starts, self.ends, self.speech_frames))
        return FeatureStore(self.frames, *parts)


def load_features(
    utterances: list[Utterance],
    config: LogMelConfig,
    speed: float,
    folder: Path,
    simulation: int | None = None,
    among: list[Utterance] | None = None,
) -> FeatureStore:
    """Features of these utterances in this order, from `folder` if they are there already.

    Args:
        simulation: number of the simulated channel, see `simulate_channel`; None: as recorded.
        among: more utterances, of which these are some: features of all are kept, so that other
            parts of them need no computing.
    """
    if among is not None:
        return those_of(load_features(among, config, speed, folder, simulation), utterances, among)
    identity = identity_of(utterances, config, speed)
    if simulation is not None:
        identity.append(simulation)

    def compute() -> Iterator[tuple[np.ndarray, int]]:
        spans = _speech_spans(utterances, folder)
        for utterance, span in zip(
            tqdm(utterances, desc=f"features, speed {speed:g}"), spans, strict=True
        ):
            yield _features(utterance, span, config, speed, simulation)

    return kept(folder, identity, compute)


def those_of(
    store: FeatureStore, utterances: list[Utterance], among: list[Utterance]
) -> FeatureStore:
    """Of a store of `among`: these utterances, in this order."""
    place = {u.key: i for i, u in enumerate(among)}
    return store.some(np.array([place[u.key] for u in utterances]))


def identity_of(utterances: list[Utterance], config: LogMelConfig, speed: float) -> list:
    """What features hang on."""
    return [[u.key for u in utterances], dataclasses.asdict(config), speed, TAIL_S, DETECTOR]


def kept(
    folder: Path, identity: list, compute: Callable[[], Iterator[tuple[np.ndarray, int]]]
) -> FeatureStore:
    """What `folder` has of that identity, or else what is computed, which then is kept there.

    Args:
        compute: gives of each utterance its frames, and how many lie before its turn's end.
    """
    name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    path = folder / f"{name}.npy"
    index_path = folder / f"{name}.index.npy"
    if not index_path.is_file():  # written last: it says that the other is complete
        folder.mkdir(parents=True, exist_ok=True)
        chunks, index = [], []
        for frames, n_speech in compute():
            chunks.append(frames.astype(np.float16))
            index.append((len(frames), n_speech))
        _save(path, np.concatenate(chunks))
        _save(index_path, np.array(index, np.int64))
    lengths, speech_frames = np.load(index_path).T
    ends = np.cumsum(lengths)
    return FeatureStore(np.load(path, mmap_mode="r"), ends - lengths, ends, speech_frames)


def _save(path: Path, content: np.ndarray) -> None:
    """Write a file at once: another run may compute the same, and have the first one mapped."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    with unfinished.open("wb") as file:
        np.save(file, content)
    unfinished.replace(path)


def _speech_spans(utterances: list[Utterance], folder: Path) -> np.ndarray:
    """(utterances, 2) speech spans, kept on disk too: they serve every speed and feature."""
    identity = json.dumps([[u.key for u in utterances], DETECTOR])
    path = folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.spans.npy"
    if not path.is_file():
        spans = [speech_span(read_samples(u.path)) for u in tqdm(utterances, desc="speech spans")]
        _save(path, np.array(spans))
    return np.load(path)


def _features(
    utterance: Utterance,
    span: np.ndarray,
    config: LogMelConfig,
    speed: float,
    simulation: int | None,
) -> tuple[np.ndarray, int]:
    start, end = span
    samples = read_samples(utterance.path)[start : end + round(TAIL_S * SAMPLE_RATE_HZ)]
    n_speech = end - start
    if simulation is not None:
        samples = simulate_channel(samples, utterance.key, simulation)
    if speed != 1.0:
        samples = soxr.resample(samples, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ)
        n_speech = round(n_speech / speed)
    shortest = config.samples_for(20)
    samples = np.pad(samples, (0, max(0, shortest - len(samples))))
    return log_mel(samples, config), config.frames_in(max(n_speech, shortest))
