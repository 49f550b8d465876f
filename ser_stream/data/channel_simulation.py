"""What lies between a voice and its samples: rooms, clipped inputs, narrow lines; for training."""

from __future__ import annotations

import dataclasses
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile
from tqdm import tqdm

from ser_stream.audio.speech import read_samples
from ser_stream.corpora.base import Utterance
from ser_stream.data.acoustics import (
    Surroundings,
    echoing,
    mix,
    room_response,
    surrounded,
    through_opus,
)
from ser_stream.units import SAMPLE_RATE_HZ

ROOMS = 150
"""So many different ones; image sources take up to a second each."""
IN_A_ROOM = 0.75
"""Share of what is heard in one; the rest is changed by its line alone."""


SNR_DB = (5.0, 30.0)
"""Of what confidence is fitted to."""


def simulate_noisy_rooms(
    utterances: list[Utterance], corpora: Path, folds: tuple[int, ...], folder: Path
) -> list[Utterance]:
    """The same utterances as a robot in use hears them: `heard`, with noise of ESC-10, as files.

    Args:
        folds: of ESC-10, whose sounds are the noise.
        folder: where the files are written.
    """
    around = Surroundings(corpora, folds, [])
    files = []
    for utterance in tqdm(utterances, desc="in noisy rooms"):
        rng = np.random.default_rng(zlib.crc32(f"in use {utterance.key}".encode()))
        longer, power = surrounded(simulate_channel(read_samples(utterance.path), utterance.key, 0))
        noise = around.noise(len(longer), rng)
        path = folder / f"{utterance.key.replace('/', '-')}.wav"
        noisy = mix(longer, noise, rng.uniform(*SNR_DB), power)
        soundfile.write(path, noisy, SAMPLE_RATE_HZ, subtype="FLOAT")
        files.append(dataclasses.replace(utterance, path=path))
    return files


def simulate_channel(samples: np.ndarray, key: str, version: int) -> np.ndarray:
    """Samples (n,) in one of many rooms, through one of many lines; the level is kept.

    Args:
        key, version: which room and line it is follows from them alone.
    """
    rng = np.random.default_rng(zlib.crc32(f"{version} {key}".encode()))
    in_a_room = rng.random() < IN_A_ROOM
    if in_a_room:
        samples = echoing(samples, _room(int(rng.integers(ROOMS))))
    lines = (_clipped, _narrow, _coded) + (_as_it_is, _as_it_is) * in_a_room
    return lines[rng.integers(len(lines))](samples, rng).astype(np.float32)


@lru_cache(maxsize=ROOMS)
def _room(number: int) -> np.ndarray:
    """Room `number`: 0.15 to 0.8 s, a mouth 0.5 to 4 m away, no nearer than 0.4 m to a wall."""
    rng = np.random.default_rng([number, 1])
    while True:
        size = rng.uniform([3.0, 2.5, 2.3], [8.0, 7.0, 3.6])
        ear, mouth = rng.uniform(0.4, size - 0.4), rng.uniform(0.4, size - 0.4)
        rt60_s = np.exp(rng.uniform(np.log(0.15), np.log(0.8)))
        if 0.5 <= np.linalg.norm(ear - mouth) <= 4.0:
            try:
                return room_response(tuple(size), ear, mouth, rt60_s)
            except ValueError:  # no wall absorbs enough for that
                continue


def _as_it_is(samples: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    return samples


def _clipped(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One sample in 20 to 1000 is over the top."""
    share = np.exp(rng.uniform(np.log(1e-3), np.log(5e-2)))
    top = np.quantile(np.abs(samples), 1 - share)
    return np.clip(samples, -top, top)


def _narrow(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nothing above 3 to 7.5 kHz."""
    edge = rng.uniform(3000, 7500)
    return scipy.signal.sosfilt(
        scipy.signal.butter(8, edge, output="sos", fs=SAMPLE_RATE_HZ), samples
    )


def _coded(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return through_opus(samples.astype(np.float32), rng.uniform(0.6, 1.0))
