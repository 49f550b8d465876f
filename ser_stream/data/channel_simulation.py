"""Simulated channels for training: rooms (computed or measured), clipping, narrow bands, codecs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.signal

from ser_stream.audio.speech import read_unfiltered
from ser_stream.corpora.base import Utterance
from ser_stream.data.acoustics import (
    BackgroundSounds,
    mix,
    opus_round_trip,
    pad_speech,
    reverberate,
    room_response,
)
from ser_stream.data.rooms import MeasuredRooms
from ser_stream.units import SAMPLE_RATE_HZ, Decibels

N_ROOMS = 150
"""Number of different rooms; computing one takes up to a second."""
ROOM_SHARE = 0.75
"""Share of the channels that include a room; the others only clip, narrow or encode."""
NOISE_SNR_DB: tuple[Decibels, Decibels] = (5.0, 30.0)
"""Range of signal-to-noise ratios of `simulate_noisy_rooms`."""


def simulate_noisy_rooms(
    noises: Sequence[Path], rooms: MeasuredRooms | None = None
) -> Callable[[Utterance], np.ndarray]:
    """Return a function that records utterances as a robot does: in a noisy room.

    It returns samples (n,) at 16 kHz of an utterance, through a simulated channel, with noise; the
    same ones each time.

    Args:
        noises: recorded noises.
        rooms: see `simulate_channel`.
    """
    background = BackgroundSounds(noises)

    def record(utterance: Utterance) -> np.ndarray:
        rng = np.random.default_rng(zlib.crc32(f"in use {utterance.key}".encode()))
        samples = simulate_channel(read_unfiltered(utterance.path), utterance.key, 0, rooms)
        padded, power = pad_speech(samples)
        noise = background.noise(len(padded), rng)
        return mix(padded, noise, rng.uniform(*NOISE_SNR_DB), power)

    return record


def simulate_channel(
    samples: np.ndarray, key: str, version: int, rooms: MeasuredRooms | None = None
) -> np.ndarray:
    """Pass samples (n,) through one of many rooms and channels; the level is kept.

    Args:
        key, version: choose the room and the channel; the same values choose the same ones.
        rooms: measured rooms to choose from; None: simulated ones.
    """
    rng = np.random.default_rng(zlib.crc32(f"{version} {key}".encode()))
    in_room = rng.random() < ROOM_SHARE
    if in_room:
        response = _room(int(rng.integers(N_ROOMS))) if rooms is None else rooms.draw(rng)
        samples = reverberate(samples, response)
    channels = (_clipped, _low_passed, _encoded) + (_unchanged, _unchanged) * in_room
    return channels[rng.integers(len(channels))](samples, rng).astype(np.float32)


@lru_cache(maxsize=N_ROOMS)
def _room(number: int) -> np.ndarray:
    """Return the response of a random room.

    Reverberation is 0.15 to 0.8 s, the source 0.5 to 4 m away, and 0.4 m or more from the walls.
    """
    rng = np.random.default_rng([number, 1])
    while True:
        size = rng.uniform([3.0, 2.5, 2.3], [8.0, 7.0, 3.6])
        microphone, source = rng.uniform(0.4, size - 0.4), rng.uniform(0.4, size - 0.4)
        rt60_s = np.exp(rng.uniform(np.log(0.15), np.log(0.8)))
        if 0.5 <= np.linalg.norm(microphone - source) <= 4.0:
            try:
                return room_response(tuple(size), microphone, source, rt60_s)
            except ValueError:  # no wall absorbs enough for so short a reverberation
                continue


def _unchanged(samples: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    return samples


def _clipped(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Clip one sample in 20 to 1000."""
    share = np.exp(rng.uniform(np.log(1e-3), np.log(5e-2)))
    top = np.quantile(np.abs(samples), 1 - share)
    return np.clip(samples, -top, top)


def _low_passed(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Remove everything above 3 to 7.5 kHz."""
    edge = rng.uniform(3000, 7500)
    return scipy.signal.sosfilt(
        scipy.signal.butter(8, edge, output="sos", fs=SAMPLE_RATE_HZ), samples
    )


def _encoded(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return opus_round_trip(samples.astype(np.float32), rng.uniform(0.6, 1.0))
