"""What a robot's ear does to speech: noise, rooms, levels, narrow lines. To measure what it costs.

Speech is (n,) float32, 16 kHz mono, full scale 1. Levels of noise are against the mean power of the
speech, pauses included.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

from ser_stream.audio.speech import read_samples
from ser_stream.corpora import esc10
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Seconds

LEAD_S: Seconds = 0.5
TAIL_S: Seconds = 1.5
"""What is heard of the place before and after the speech."""
BABBLE_VOICES = 6

Samples = np.ndarray
Condition = Callable[[Samples, "Surroundings", np.random.Generator], Samples]
Sound = Callable[["Surroundings", int, np.random.Generator], Samples]
"""So many samples of what is heard beside the speech."""


class Surroundings:
    """Sounds that may be heard beside the speech.

    Args:
        corpora: folder with esc10/.
        folds: of ESC-10; those that the model never trained on.
        voices: recordings that are babble, several at once.

    Raises:
        InputError: ESC-10 is not there.
    """

    def __init__(self, corpora: Path, folds: tuple[int, ...], voices: list[Path]):
        self._files = esc10.noise_files(corpora / "esc10", folds)
        self._voices = voices

    @cached_property
    def _noises(self) -> list[Samples]:
        noises = [read_samples(path) for path in self._files]
        return [noise for noise in noises if _power(noise) > 0]

    def noise(self, length: int, rng: np.random.Generator) -> Samples:
        """One sound of ESC-10, repeated as long as is needed."""
        noise = self._noises[rng.integers(len(self._noises))]
        return np.resize(np.roll(noise, rng.integers(len(noise))), length)

    def babble(self, length: int, rng: np.random.Generator) -> Samples:
        """Several recordings at once, each at the same level.

        Raises:
            InputError: there are not as many.
        """
        if len(self._voices) < BABBLE_VOICES:
            raise InputError(
                f"babble: found {len(self._voices)} recordings; {BABBLE_VOICES} are needed: "
                "take more clips"
            )
        babble = np.zeros(length, np.float32)
        for index in rng.choice(len(self._voices), BABBLE_VOICES, replace=False):
            voice = read_samples(self._voices[index])
            voice = np.resize(np.roll(voice, rng.integers(len(voice))), length)
            babble += voice / np.sqrt(_power(voice) + 1e-12)
        return babble


def motor(length: int, rng: np.random.Generator) -> Samples:
    """A fan or a servo: a hum of 15 harmonics whose speed wanders, and low-passed noise."""
    speed = rng.uniform(80, 250) * (1 + 0.03 * _wander(length, rng))
    phase = 2 * np.pi * np.cumsum(speed) / SAMPLE_RATE_HZ
    hum = sum(np.sin(k * phase + rng.uniform(0, 2 * np.pi)) / k for k in range(1, 16))
    rush = scipy.signal.lfilter([0.2], [1, -0.8], rng.standard_normal(length))
    return (hum + rush).astype(np.float32)


def _wander(length: int, rng: np.random.Generator) -> np.ndarray:
    knots = rng.uniform(-1, 1, length // SAMPLE_RATE_HZ + 2)
    return np.interp(np.arange(length) / SAMPLE_RATE_HZ, np.arange(len(knots)), knots)


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def mix(speech: Samples, noise: Samples, snr_db: Decibels, power: float) -> Samples:
    """Speech of mean power `power`, and noise of the same length `snr_db` below it."""
    scale = np.sqrt(power / _power(noise) / 10 ** (snr_db / 10))
    return (speech + scale * noise).astype(np.float32)


def surrounded(speech: Samples) -> tuple[Samples, float]:
    """Speech with silence before and after it; its own mean power."""
    lead, tail = (np.zeros(round(s * SAMPLE_RATE_HZ), np.float32) for s in (LEAD_S, TAIL_S))
    return np.concatenate([lead, speech, tail]), _power(speech)


def _beside(sound: Sound, snr_db: Decibels) -> Condition:
    def apply(speech, around, rng):
        longer, power = surrounded(speech)
        return mix(longer, sound(around, len(longer), rng), snr_db, power)

    return apply


def _gain(gain_db: Decibels) -> Condition:
    """Louder than full scale is clipped, as a converter does."""

    def apply(speech, _around, _rng):
        return np.clip(surrounded(speech)[0] * 10 ** (gain_db / 20), -1, 1).astype(np.float32)

    return apply


def _clipped(speech: Samples, _around: Surroundings, _rng: np.random.Generator) -> Samples:
    """One sample in fifty is clipped: the level of a microphone that is set far too high."""
    top = np.quantile(np.abs(speech), 0.98)
    return surrounded(np.clip(speech, -top, top))[0]


def _band_limited(speech: Samples, _around: Surroundings, _rng: np.random.Generator) -> Samples:
    """Nothing above 4 kHz, as over a telephone or Bluetooth's older profile."""
    half = scipy.signal.resample_poly(surrounded(speech)[0], 1, 2)
    return scipy.signal.resample_poly(half, 2, 1).astype(np.float32)


def through_opus(samples: Samples, compression: float) -> Samples:
    """Through Opus and back; `compression` from 0, libsndfile's finest setting, to 1."""
    packet = io.BytesIO()
    soundfile.write(
        packet, samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS", compression_level=compression
    )
    packet.seek(0)
    return soundfile.read(packet, dtype="float32")[0][: len(samples)]


def _codec(speech: Samples, _around: Surroundings, _rng: np.random.Generator) -> Samples:
    return through_opus(surrounded(speech)[0], 1.0)


def _room(rt60_s: Seconds, distance_m: float) -> Condition:
    """A robot in a corner of a room of 6 x 5 x 3 m."""
    ear = np.array([1.2, 1.0, 1.2])

    def apply(speech, _around, rng):
        angle = rng.uniform(0, np.pi / 2)
        way = np.array([np.cos(angle), np.sin(angle), 0.1])
        response = room_response((6.0, 5.0, 3.0), ear, ear + distance_m * way, rt60_s)
        return echoing(surrounded(speech)[0], response)

    return apply


def echoing(samples: Samples, response: np.ndarray) -> Samples:
    """Samples as heard in a room; the level is kept, as a robot's gain control would."""
    heard = scipy.signal.fftconvolve(samples, response)[: len(samples)]
    return (heard * np.sqrt(_power(samples) / max(_power(heard), 1e-12))).astype(np.float32)


def room_response(
    size_m: tuple[float, float, float], ear: np.ndarray, mouth: np.ndarray, rt60_s: Seconds
) -> np.ndarray:
    """Impulse response of a room by image sources (Allen and Berkley, JASA 1979).

    Raises:
        InputError: pyroomacoustics is not there.
        ValueError: so small a room cannot sound so short.
    """
    try:
        import pyroomacoustics
    except ImportError as error:
        raise InputError("rooms need pyroomacoustics: pip install pyroomacoustics") from error
    absorption, order = pyroomacoustics.inverse_sabine(rt60_s, size_m)
    room = pyroomacoustics.ShoeBox(
        size_m,
        fs=SAMPLE_RATE_HZ,
        materials=pyroomacoustics.Material(absorption),
        max_order=order,
    )
    room.add_source(mouth)
    room.add_microphone(ear)
    room.compute_rir()
    return room.rir[0][0]


CONDITIONS: dict[str, Condition] = {
    "clean": _gain(0),
    "noise-20dB": _beside(Surroundings.noise, 20),
    "noise-10dB": _beside(Surroundings.noise, 10),
    "noise-5dB": _beside(Surroundings.noise, 5),
    "noise-0dB": _beside(Surroundings.noise, 0),
    "motor-10dB": _beside(lambda _around, length, rng: motor(length, rng), 10),
    "babble-10dB": _beside(Surroundings.babble, 10),
    "gain-30dB": _gain(-30),
    "gain+12dB": _gain(12),
    "clipped": _clipped,
    "band-4kHz": _band_limited,
    "opus": _codec,
    "room-0.3s": _room(0.3, 1.0),
    "room-0.6s": _room(0.6, 1.0),
    "far-0.6s": _room(0.6, 3.0),
}
"""Name -> what happens to the speech."""
