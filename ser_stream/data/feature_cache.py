"""Speech of a corpus as log-mel frames, computed once and cached on disk.

Features of voices are as private as the recordings: nobody else may read the files of the cache. An
entry that is damaged is computed again. So are the features of a recording that was replaced: keys
have the size and the time of the last change of each file, and not the folder it is in.

An utterance is cut to its speech by the turn detector of the stream, so that training and
streaming use the same part of it: from the pre-roll before the first onset to the end of the last
turn. Speed is changed by resampling, which moves pitch and tempo together.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soxr

from ser_stream.audio.conditioner import CONDITIONING_VERSION
from ser_stream.audio.speech import read_samples, speech_span
from ser_stream.corpora.base import Utterance
from ser_stream.data.channel_simulation import simulate_channel
from ser_stream.data.noisy_channels import NoisyChannels
from ser_stream.data.reading import read_utterances, recording_stamps
from ser_stream.data.rooms import MeasuredRooms
from ser_stream.features.log_mel import LogMelConfig, log_mel
from ser_stream.files import PRIVATE_FOLDER, replacing
from ser_stream.progress import progress
from ser_stream.text import one_line
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

T = TypeVar("T")

log = logging.getLogger("ser_stream.training")

DAMAGED = (OSError, ValueError, TypeError, LookupError, EOFError, MemoryError, zipfile.BadZipFile)
"""Errors of reading a damaged entry of the cache."""
TAIL_S: Seconds = 0.4
"""Sound kept after the last turn: interval windows end up to one hop into it."""
TURN_DETECTOR_VERSION = 3
"""Raise when the turn detector changes, so that cached features are computed again."""
MIN_FRAMES = 20
"""Shorter utterances are padded with silence to this length."""


@dataclasses.dataclass(frozen=True)
class FeatureStore:
    """Frames of many utterances at one speed, in one memory-mapped array.

    Attributes:
        frames: (all frames, n_mels) float16, in dB.
        starts, ends: (utterances,) range of frames of each utterance.
        speech_frames: (utterances,) frames of each utterance before the end of its last turn; the
            others are its tail.
    """

    frames: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    speech_frames: np.ndarray

    def __len__(self) -> int:
        return len(self.speech_frames)

    def utterance(self, index: int, tail: bool = False) -> np.ndarray:
        """Return the frames of an utterance, (frames, n_mels) float32, with or without its tail."""
        return self.stored(index, tail).astype(np.float32)

    def stored(self, index: int, tail: bool = False) -> np.ndarray:
        """Return the frames of an utterance as they are stored, (frames, n_mels) float16."""
        start, end = self.starts[index], self.ends[index]
        if not tail:
            end = start + self.speech_frames[index]
        return self.frames[start:end]

    def select(self, indices: np.ndarray) -> FeatureStore:
        """Return a store of the utterances with these indices, on the same frames."""
        parts = (part[indices] for part in (self.starts, self.ends, self.speech_frames))
        return FeatureStore(self.frames, *parts)


def load_features(
    utterances: Sequence[Utterance],
    config: LogMelConfig,
    speed: float,
    folder: Path | None,
    simulation: int | None = None,
    among: Sequence[Utterance] | None = None,
    rooms: MeasuredRooms | None = None,
    noisy: NoisyChannels | None = None,
) -> FeatureStore:
    """Return the features of utterances, from the cache `folder` if they are in it.

    Args:
        folder: None: no cache. The features are computed, and nothing is written to the disk.
        simulation: number of the simulated channel, see `simulate_channel`; None: as recorded.
        among: a larger set that holds these utterances. Features of the whole set are cached, so
            that its other parts need no computation.
        rooms: rooms of the simulated channels, see `simulate_channel`.
        noisy: simulated channels with noise, in place of `simulate_channel`.
    """
    if among is not None:
        store = load_features(among, config, speed, folder, simulation, rooms=rooms, noisy=noisy)
        return select_utterances(store, utterances, among)
    key = feature_key(utterances, config, speed)
    if simulation is not None:
        key.append(simulation)
        if noisy is not None:
            key.append(noisy.key)
        elif rooms is not None:
            key.append(rooms.stamps)

    def simulated(samples: np.ndarray, utterance: Utterance) -> np.ndarray:
        if simulation is None:
            return samples
        if noisy is not None:
            return noisy(samples, utterance, simulation)
        return simulate_channel(samples, utterance.key, simulation, rooms)

    def compute() -> Iterator[tuple[np.ndarray, int]]:
        spans = _speech_spans(utterances, folder)
        description = f"features at speed {speed:g}"
        if simulation is not None:
            description += f", simulated channel {simulation + 1}"
        for utterance, span in zip(progress(utterances, description), spans, strict=True):
            yield _features(utterance, span, config, speed, simulated)

    return load_or_compute(folder, key, compute)


def select_utterances(
    store: FeatureStore, utterances: Sequence[Utterance], among: Sequence[Utterance]
) -> FeatureStore:
    """Return the part of a store of `among` that holds `utterances`, in their order."""
    index = {u.key: i for i, u in enumerate(among)}
    return store.select(np.array([index[u.key] for u in utterances]))


def feature_key(utterances: Sequence[Utterance], config: LogMelConfig, speed: float) -> list[Any]:
    """Return the cache key of features: everything that they depend on."""
    stamps = recording_stamps(utterances)
    return [stamps, dataclasses.asdict(config), speed, TAIL_S, TURN_DETECTOR_VERSION]


def cache_path(folder: Path, key: list[Any], suffix: str) -> Path:
    """Return the file of a cache entry: a hash of its key and of how sound is conditioned.

    Args:
        suffix: end of the file's name, such as .npy.
    """
    text = json.dumps([CONDITIONING_VERSION, *key])
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}{suffix}"


def load_or_compute(
    folder: Path | None, key: list[Any], compute: Callable[[], Iterator[tuple[np.ndarray, int]]]
) -> FeatureStore:
    """Return the cache entry of a key; compute and write it first where it is missing.

    Args:
        folder: see `load_features`.
        compute: yields the frames of each utterance, and how many lie before its last turn's end.
    """
    if folder is None:
        return _store(*_computed(compute()))
    path, index_path = cache_path(folder, key, ".npy"), cache_path(folder, key, ".index.npy")

    def read() -> FeatureStore:
        return _checked(_store(np.load(path, mmap_mode="r"), np.load(index_path)))

    def write() -> None:
        frames, index = _computed(compute())
        save_array(path, frames)
        save_array(index_path, index)  # last: its presence means a complete entry

    return read_or_write(index_path, read, write)


def read_or_write(path: Path, read: Callable[[], T], write: Callable[[], None]) -> T:
    """Return what `read` reads from the cache; call `write` first where nothing is there.

    An entry that cannot be read is logged, and written again.

    Args:
        path: file whose presence means a complete entry.
    """
    if path.is_file():
        try:
            return read()
        except DAMAGED as error:
            log.warning(
                "cache entry %s is damaged and is computed again: %s", path, one_line(str(error))
            )
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    write()
    return read()


def _computed(features: Iterator[tuple[np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return all frames, and (utterances, 2) numbers of frames: all, and before the tail."""
    chunks, index = [], []
    for frames, n_speech in features:
        chunks.append(frames.astype(np.float16))
        index.append((len(frames), n_speech))
    return np.concatenate(chunks), np.array(index, np.int64)


def _checked(store: FeatureStore) -> FeatureStore:
    """Return a store from the disk if its parts fit one another.

    Raises:
        ValueError: they do not.
    """
    n_frames = store.ends[-1] if len(store) else 0
    if store.frames.ndim != 2 or store.frames.dtype != np.float16 or len(store.frames) != n_frames:
        raise ValueError(f"found {store.frames.dtype} {store.frames.shape} for {n_frames} frames")
    return store


def _store(frames: np.ndarray, index: np.ndarray) -> FeatureStore:
    lengths, speech_frames = index.T
    ends = np.cumsum(lengths)
    return FeatureStore(frames, ends - lengths, ends, speech_frames)


def save_array(path: Path, content: np.ndarray) -> None:
    """Replace a file in one step, since another run may have mapped the earlier file."""
    with replacing(path, private=True) as file:
        np.save(file, content)


def _speech_spans(utterances: Sequence[Utterance], folder: Path | None) -> np.ndarray:
    """Return (utterances, 2) spans of speech in samples; cached for every speed and feature."""
    if folder is None:
        return _detected_spans(utterances)
    key = [recording_stamps(utterances), TURN_DETECTOR_VERSION]
    path = cache_path(folder, key, ".spans.npy")

    def read() -> np.ndarray:
        spans = np.load(path)
        if spans.shape != (len(utterances), 2):
            raise ValueError(f"found {spans.shape} for {len(utterances)} utterances")
        return spans

    return read_or_write(path, read, lambda: save_array(path, _detected_spans(utterances)))


def _detected_spans(utterances: Sequence[Utterance]) -> np.ndarray:
    read = read_utterances(utterances, "speech spans")
    return np.array([speech_span(samples) for _, samples in read])


def _features(
    utterance: Utterance,
    span: np.ndarray,
    config: LogMelConfig,
    speed: float,
    simulated: Callable[[np.ndarray, Utterance], np.ndarray],
) -> tuple[np.ndarray, int]:
    start, end = span
    samples = read_samples(utterance.path)[start : end + round(TAIL_S * SAMPLE_RATE_HZ)]
    n_speech = end - start
    samples = simulated(samples, utterance)
    if speed != 1.0:
        samples = soxr.resample(samples, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ)
        n_speech = round(n_speech / speed)
    shortest = config.samples_for(MIN_FRAMES)
    samples = np.pad(samples, (0, max(0, shortest - len(samples))))
    return log_mel(samples, config), config.frames_in(max(n_speech, shortest))
