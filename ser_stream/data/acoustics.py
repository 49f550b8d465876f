"""Acoustic conditions for measuring robustness: noise, rooms, levels, channels, microphones.

Speech is (n,) float32, 16 kHz mono, full scale 1. Signal-to-noise ratios refer to the mean power of
the speech, pauses included.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

from ser_stream.audio.speech import read_samples
from ser_stream.errors import InputError
from ser_stream.extras import require_extra
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Seconds

LEAD_S: Seconds = 0.5
TAIL_S: Seconds = 1.5
"""Background before and after the speech."""
BABBLE_VOICES = 6

Samples = np.ndarray
Condition = Callable[[Samples, "BackgroundSounds", np.random.Generator], Samples]
Sound = Callable[["BackgroundSounds", int, np.random.Generator], Samples]
"""Function of the sounds, a number of samples n and a generator; returns background sound (n,)."""


class BackgroundSounds:
    """Recorded noises and voices to add to speech.

    Args:
        noises: recorded noises; for evaluation, not those that the model was trained on.
        voices: recordings of speech; several of them at once are babble.
    """

    def __init__(self, noises: Sequence[Path], voices: Sequence[Path] = ()):
        self._files = noises
        self._voices = voices

    @cached_property
    def _noises(self) -> list[Samples]:
        noises = [read_samples(path) for path in self._files]
        return [noise for noise in noises if _power(noise) > 0]

    def noise(self, length: int, rng: np.random.Generator) -> Samples:
        """Return `length` samples of a random noise, repeated where it is shorter."""
        noise = self._noises[rng.integers(len(self._noises))]
        return np.resize(np.roll(noise, rng.integers(len(noise))), length)

    def babble(self, length: int, rng: np.random.Generator) -> Samples:
        """Return `length` samples of several recordings at once, each at the same level.

        Raises:
            InputError: there are fewer recordings than `BABBLE_VOICES`.
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
    """Return the sound of a fan or servo: 15 harmonics of varying speed, and low-passed noise."""
    speed = rng.uniform(80, 250) * (1 + 0.03 * _varying(length, rng))
    phase = 2 * np.pi * np.cumsum(speed) / SAMPLE_RATE_HZ
    hum = sum(np.sin(k * phase + rng.uniform(0, 2 * np.pi)) / k for k in range(1, 16))
    rush = scipy.signal.lfilter([0.2], [1, -0.8], rng.standard_normal(length))
    return (hum + rush).astype(np.float32)


def _varying(length: int, rng: np.random.Generator) -> np.ndarray:
    knots = rng.uniform(-1, 1, length // SAMPLE_RATE_HZ + 2)
    return np.interp(np.arange(length) / SAMPLE_RATE_HZ, np.arange(len(knots)), knots)


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def mix(speech: Samples, noise: Samples, snr_db: Decibels, power: float) -> Samples:
    """Add noise of the same length, `snr_db` below speech of the mean power `power`."""
    scale = np.sqrt(power / _power(noise) / 10 ** (snr_db / 10))
    return (speech + scale * noise).astype(np.float32)


def pad_speech(speech: Samples) -> tuple[Samples, float]:
    """Return the speech with silence before and after it, and its mean power before padding."""
    lead, tail = (np.zeros(round(s * SAMPLE_RATE_HZ), np.float32) for s in (LEAD_S, TAIL_S))
    return np.concatenate([lead, speech, tail]), _power(speech)


def _with_background(sound: Sound, snr_db: Decibels) -> Condition:
    def apply(speech, background, rng):
        longer, power = pad_speech(speech)
        return mix(longer, sound(background, len(longer), rng), snr_db, power)

    return apply


def _gain(gain_db: Decibels) -> Condition:
    """Return a gain that clips at full scale, as a converter does."""

    def apply(speech, _background, _rng):
        return np.clip(pad_speech(speech)[0] * 10 ** (gain_db / 20), -1, 1).astype(np.float32)

    return apply


def _offset(dbfs: Decibels) -> Condition:
    """Return the constant voltage that many I2S and MEMS microphones add."""

    def apply(speech, _background, _rng):
        return (pad_speech(speech)[0] + 10 ** (dbfs / 20)).astype(np.float32)

    return apply


def _hum(hz: float, harmonics: int) -> Sound:
    """Return mains hum: of its frequency alone, or of harmonics of falling amplitude, too."""

    def sound(_background: BackgroundSounds, length: int, rng: np.random.Generator) -> Samples:
        phase = 2 * np.pi * hz * np.arange(length) / SAMPLE_RATE_HZ
        waves = [np.sin(k * phase + rng.uniform(0, 2 * np.pi)) / k for k in range(1, harmonics + 1)]
        return np.sum(waves, axis=0).astype(np.float32)

    return sound


def _clipped(speech: Samples, _background: BackgroundSounds, _rng: np.random.Generator) -> Samples:
    """Clip one sample in fifty, as a microphone does at far too high a level."""
    top = np.quantile(np.abs(speech), 0.98)
    return pad_speech(np.clip(speech, -top, top))[0]


def _band_limited(
    speech: Samples, _background: BackgroundSounds, _rng: np.random.Generator
) -> Samples:
    """Remove everything above 4 kHz, as telephones and Bluetooth's older profile do."""
    half = scipy.signal.resample_poly(pad_speech(speech)[0], 1, 2)
    return scipy.signal.resample_poly(half, 2, 1).astype(np.float32)


def opus_round_trip(samples: Samples, compression: float) -> Samples:
    """Encode with Opus and decode; `compression` from 0, libsndfile's finest setting, to 1."""
    packet = io.BytesIO()
    soundfile.write(
        packet, samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS", compression_level=compression
    )
    packet.seek(0)
    return soundfile.read(packet, dtype="float32")[0][: len(samples)]


def _codec(speech: Samples, _background: BackgroundSounds, _rng: np.random.Generator) -> Samples:
    return opus_round_trip(pad_speech(speech)[0], 1.0)


def _room(rt60_s: Seconds, distance_m: float) -> Condition:
    """Return the condition of a robot in a corner of a room of 6 x 5 x 3 m."""
    microphone = np.array([1.2, 1.0, 1.2])

    def apply(speech, _background, rng):
        angle = rng.uniform(0, np.pi / 2)
        direction = np.array([np.cos(angle), np.sin(angle), 0.1])
        source = microphone + distance_m * direction
        response = room_response((6.0, 5.0, 3.0), microphone, source, rt60_s)
        return reverberate(pad_speech(speech)[0], response)

    return apply


def reverberate(samples: Samples, response: np.ndarray) -> Samples:
    """Convolve samples with a room's response; the level is kept, as by automatic gain control."""
    wet = scipy.signal.fftconvolve(samples, response)[: len(samples)]
    return (wet * np.sqrt(_power(samples) / max(_power(wet), 1e-12))).astype(np.float32)


def room_response(
    size_m: tuple[float, float, float],
    microphone: np.ndarray,
    source: np.ndarray,
    rt60_s: Seconds,
) -> np.ndarray:
    """Return the impulse response of a room by image sources (Allen and Berkley, JASA 1979).

    Args:
        microphone, source: positions (3,) in metres.

    Raises:
        InputError: pyroomacoustics is not installed.
        ValueError: a room of this size cannot have so short a reverberation.
    """
    require_extra("rooms", "pyroomacoustics")
    import pyroomacoustics

    absorption, order = pyroomacoustics.inverse_sabine(rt60_s, size_m)
    room = pyroomacoustics.ShoeBox(
        size_m,
        fs=SAMPLE_RATE_HZ,
        materials=pyroomacoustics.Material(absorption),
        max_order=order,
    )
    room.add_source(source)
    room.add_microphone(microphone)
    room.compute_rir()
    return room.rir[0][0]


CONDITIONS: dict[str, Condition] = {
    "clean": _gain(0),
    "noise-20dB": _with_background(BackgroundSounds.noise, 20),
    "noise-10dB": _with_background(BackgroundSounds.noise, 10),
    "noise-5dB": _with_background(BackgroundSounds.noise, 5),
    "noise-0dB": _with_background(BackgroundSounds.noise, 0),
    "motor-10dB": _with_background(lambda _background, length, rng: motor(length, rng), 10),
    "babble-10dB": _with_background(BackgroundSounds.babble, 10),
    "gain-30dB": _gain(-30),
    "gain+12dB": _gain(12),
    "clipped": _clipped,
    "band-4kHz": _band_limited,
    "opus": _codec,
    "room-0.3s": _room(0.3, 1.0),
    "room-0.6s": _room(0.6, 1.0),
    "far-0.6s": _room(0.6, 3.0),
    "dc-20dBFS": _offset(-20),
    "hum-50Hz": _with_background(_hum(50, harmonics=1), 0),
    "hum-60Hz": _with_background(_hum(60, harmonics=1), 0),
    "buzz-50Hz": _with_background(_hum(50, harmonics=15), 10),
}
"""Name -> function that applies the condition to speech."""
