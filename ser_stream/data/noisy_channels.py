"""Simulated channels with noise, for an encoder that runs once per version of a recording.

A network whose front end is trained gets another noise in each epoch. A frozen encoder runs once
per version, so rooms, noise and level are part of the version. They are those of the speaker:
in use, the turns of a conversation have the same room and noise.
"""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.data.acoustics import BackgroundSounds, mix, motor
from ser_stream.data.augmentation import SimulatedNoise
from ser_stream.data.channel_simulation import simulate_channel
from ser_stream.data.rooms import MeasuredRooms


class NoisyChannels:
    """Passes recordings through channels with noise; the same one each time.

    Args:
        rooms: see `simulate_channel`.
        noises: recorded noises.
        stamps: what the noises' files are, for the keys of caches.
    """

    def __init__(
        self,
        settings: SimulatedNoise,
        rooms: MeasuredRooms | None,
        noises: BackgroundSounds,
        stamps: Any = None,
    ):
        self._settings, self._rooms, self._noises = settings, rooms, noises
        rooms_key = None if rooms is None else rooms.stamps
        self.key = [dataclasses.asdict(settings), rooms_key, stamps]
        """What features computed with these channels depend on."""

    def __call__(self, samples: np.ndarray, utterance: Utterance, version: int) -> np.ndarray:
        """Return samples (n,) float32 of a recording through channel `version` of its speaker.

        Raises:
            InputError: a noise cannot be read.
        """
        speaker, settings = utterance.speaker, self._settings
        power = float(np.mean(np.square(samples, dtype=np.float64)))
        samples = simulate_channel(samples, speaker, version, self._rooms)
        rng = np.random.default_rng(zlib.crc32(f"noise {version} {speaker}".encode()))
        has_noise = rng.random() < settings.share
        is_motor = rng.random() < settings.motors
        snr_db, gain_db = rng.uniform(*settings.snr_db), rng.uniform(*settings.gain_db)
        if has_noise and power > 0:
            noise = motor(len(samples), rng) if is_motor else self._noises.noise(len(samples), rng)
            if np.any(noise):
                samples = mix(samples, noise, snr_db, power)
        return np.clip(samples * 10 ** (gain_db / 20), -1, 1).astype(np.float32)
