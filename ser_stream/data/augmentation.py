"""Augmentation of log-mel frames, against overfitting to level, noise, room and length.

Frames are (frames, n_mels) in dB; sounds are added in the power domain.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from msgspec import Meta

from ser_stream.features.log_mel import SILENCE_DB, db_to_power, power_to_db
from ser_stream.units import Decibels

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
NotNegative = Annotated[float, Meta(ge=0)]


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Settings of the augmentation of training windows; ranges are (low, high), drawn uniformly.

    Attributes:
        prefix: probability of keeping only the beginning of a turn, as interval windows do.
        min_frames: shortest such beginning.
        shift: maximum number of frames cut from the beginning, since the phase of a network's
            steps is arbitrary.
        gain_db: change of level.
        warp: largest relative stretch of the frequency axis, up or down: vocal tract length
            perturbation (Jaitly and Hinton, ICML workshop 2013), for speakers of other sizes.
        simulated_channel: probability of a version from a simulated channel.
        speaker_history: probability that a turn follows earlier turns of its speaker, see
            `SpeakerMemory`; 0 trains a network without speaker memory.
        silence: probability of digital silence in front of a turn and, where the window holds the
            turn's end, behind it, as in recordings that are played without a microphone's noise.
        silence_frames: longest such silence, on each side.
        noise: probability of added noise.
        snr_db: level of the speech over the noise.
        babble: share of noises that are several other utterances at once.
        no_speech: share of windows that are recorded noise alone, with equal probabilities as
            target (Hendrycks, Mazeika and Dietterich, "Deep anomaly detection with outlier
            exposure", ICLR 2019).
        tilt_db: largest spectral slope and bend, at the edges, of another microphone or room.
        low_pass: probability of losing the highest bands, as over Bluetooth or a narrow codec.
        mixup: Beta parameter of mixup (Zhang et al., ICLR 2018); 0 = none.
        time_masks, time_mask_frames, band_masks, band_mask_width: SpecAugment
            (Park et al., Interspeech 2019).
    """

    prefix: Share = 0.3
    min_frames: Annotated[int, Meta(ge=1)] = 80
    shift: Count = 20
    gain_db: tuple[float, float] = (-10.0, 8.0)
    warp: Share = 0.1
    simulated_channel: Share = 0.0
    speaker_history: Share = 0.0
    silence: Share = 0.0
    silence_frames: Count = 30
    noise: Share = 0.3
    snr_db: tuple[float, float] = (8.0, 30.0)
    babble: Share = 0.0
    no_speech: Share = 0.0
    tilt_db: NotNegative = 0.0
    low_pass: Share = 0.0
    mixup: NotNegative = 0.2
    time_masks: Count = 2
    time_mask_frames: Count = 20
    band_masks: Count = 2
    band_mask_width: Count = 8

    @property
    def keeps_sound(self) -> bool:
        """Whether windows keep the recorded sound; they may still be cut to a part of the turn."""
        changes = (
            self.shift, *self.gain_db, self.warp, self.silence, self.noise,
            self.no_speech, self.tilt_db, self.low_pass, self.mixup, self.time_masks,
            self.band_masks,
        )  # fmt: skip
        return not any(changes)


@dataclasses.dataclass(frozen=True)
class SimulatedNoise:
    """Settings of the noise of simulated channels; ranges are (low, high), drawn uniformly.

    Attributes:
        share: share of the channels with noise.
        motors: share of the noises that are synthetic motors; the others are recorded.
        snr_db: level of the speech over the noise.
        gain_db: change of level after the noise is added.
    """

    share: Share = 0.8
    motors: Share = 0.15
    snr_db: tuple[Decibels, Decibels] = (3.0, 35.0)
    gain_db: tuple[Decibels, Decibels] = (-24.0, 6.0)


def random_prefix(frames: np.ndarray, min_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Return the beginning of a turn, of random length."""
    if len(frames) <= min_frames:
        return frames
    return frames[: rng.integers(min_frames, len(frames) + 1)]


def warp_bands(frames: np.ndarray, stretch: float) -> np.ndarray:
    """Read the mel bands at `stretch` times their index, with linear interpolation.

    The last band repeats. On the mel scale a stretch of the band index is close to one of the
    frequency.
    """
    last = frames.shape[1] - 1
    place = np.minimum(np.arange(last + 1) * stretch, last)
    below = np.minimum(place.astype(int), last - 1)
    share = (place - below).astype(np.float32)
    return frames[:, below] * (1 - share) + frames[:, below + 1] * share


def tilt(n_mels: int, amount_db: Decibels, rng: np.random.Generator) -> np.ndarray:
    """Return a random smooth frequency response (n_mels,) in dB: slope plus bend, of mean 0."""
    band = np.linspace(-1, 1, n_mels)
    slope, bend = rng.uniform(-amount_db, amount_db, 2)
    return (slope * band + bend * (band**2 - 1 / 3)).astype(np.float32)


def low_pass(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let the bands above a random edge in the highest quarter fall by 10 dB each."""
    n_mels = frames.shape[1]
    edge = rng.integers(3 * n_mels // 4, n_mels)
    loss = 10.0 * np.maximum(0, np.arange(n_mels) - edge)
    # In double precision: in single precision, a seed would give other batches than before.
    return np.maximum(frames - loss.astype(np.float32), np.float64(SILENCE_DB))


def change_level(frames: np.ndarray, gain_db: Decibels) -> np.ndarray:
    """Add a gain; no frame falls below digital silence."""
    return np.maximum(frames + np.float32(gain_db), np.float32(SILENCE_DB))


def pad_with_silence(frames: np.ndarray, before: int, behind: int) -> np.ndarray:
    """Add `before` and `behind` frames of digital silence."""
    return np.pad(frames, ((before, behind), (0, 0)), constant_values=np.float32(SILENCE_DB))


def add_noise(frames: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise (frames, n_mels) of the same length at a ratio of mean powers."""
    speech_power, noise_power = db_to_power(frames), db_to_power(noise)
    scale = speech_power.mean() / max(noise_power.mean(), 1e-12) / db_to_power(snr_db)
    return power_to_db(speech_power + scale * noise_power).astype(np.float32)


def repeat_to(frames: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Return `length` frames from a random position on, repeated where they are too few."""
    start = rng.integers(len(frames))
    return frames[(start + np.arange(length)) % len(frames)]


def coloured_noise(n_frames: int, n_mels: int, rng: np.random.Generator) -> np.ndarray:
    """Return stationary noise of a random smooth spectrum, as of fans and rooms, in dB."""
    slope, bend = rng.uniform(-40, 5), rng.uniform(-10, 10)
    band = np.linspace(0, 1, n_mels)
    level = slope * band + bend * np.sin(np.pi * band)
    # Mel bands of Gaussian noise: power is exponentially distributed around its mean.
    return (level + power_to_db(rng.exponential(size=(n_frames, n_mels)))).astype(np.float32)


def mask(
    frames: np.ndarray, settings: Augmentation, fill: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Replace random ranges of time and of bands by `fill` (n_mels,): SpecAugment."""
    frames = frames.copy()
    n_frames, n_mels = frames.shape
    for _ in range(settings.time_masks):
        width = rng.integers(min(settings.time_mask_frames, n_frames // 5) + 1)
        start = rng.integers(n_frames - width + 1)
        frames[start : start + width] = fill
    for _ in range(settings.band_masks):
        width = rng.integers(settings.band_mask_width + 1)
        start = rng.integers(n_mels - width + 1)
        frames[:, start : start + width] = fill[start : start + width]
    return frames
