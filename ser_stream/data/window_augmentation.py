"""Steps of the augmentation of log-mel windows; a drawn window passes them in order.

A step draws its random numbers in the same order and number for the same settings, so that a seed
gives the same batches in every run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ser_stream.data.augmentation import (
    Augmentation,
    add_noise,
    change_level,
    coloured_noise,
    low_pass,
    pad_with_silence,
    random_prefix,
    repeat_to,
    tilt,
    warp_bands,
)
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.speaker_history import SpeakerHistory
from ser_stream.data.training_sources import TrainingSources
from ser_stream.features.log_mel import db_to_power, power_to_db
from ser_stream.features.speaker_memory import speaker_offset
from ser_stream.units import Decibels


@dataclasses.dataclass
class DrawnWindow:
    """A window between two steps, with the facts that later steps need.

    Attributes:
        frames: (frames, n_mels) in dB.
        index: the utterance.
        speed: index of the playback speed, which is the number of its store.
        store: the features that the window was cut from.
        ends_early: whether the turn goes on after the window.
        band_stretch: factor by which the mel bands were warped.
        dry: the frames before level, colour and noise were changed.
    """

    frames: np.ndarray
    index: int
    speed: int
    store: FeatureStore
    ends_early: bool = False
    band_stretch: float = 1.0
    dry: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Draws:
    """The random numbers of one window; see `WindowAugmenter.augmented` in `log_mel_windows`."""

    window: np.random.Generator
    environment: np.random.Generator


class Step(Protocol):
    """Changes a drawn window in place."""

    def __call__(self, window: DrawnWindow, draws: Draws) -> None: ...


class RecordingChoice:
    """Chooses between the speeds of an utterance and its versions from simulated channels."""

    def __init__(self, sources: TrainingSources, settings: Augmentation):
        self._stores = sources.stores
        self._simulated = sources.simulated
        self._probability = settings.simulated_channel

    def draw(self, index: int, rng: np.random.Generator) -> DrawnWindow:
        """Return the whole utterance, with the sound after its last turn."""
        if rng.random() < self._probability:
            speed, store = self._simulated[int(rng.integers(len(self._simulated)))]
        else:
            speed = int(rng.integers(len(self._stores)))
            store = self._stores[speed]
        return DrawnWindow(store.utterance(index, tail=True), index, speed, store)


class CutWindow:
    """Cuts an utterance to the part that a window of the stream would hold."""

    def __init__(self, settings: Augmentation, max_frames: int):
        self._settings = settings
        self._max_frames = max_frames

    def __call__(self, window: DrawnWindow, draws: Draws) -> None:
        rng, frames = draws.window, window.frames
        n_speech = window.store.speech_frames[window.index]
        start = rng.integers(min(self._settings.shift, n_speech // 4) + 1)
        frames = frames[start : rng.integers(n_speech, len(frames) + 1)]
        window.frames, window.ends_early = cut_to_window(
            frames, self._settings, self._max_frames, rng
        )


def cut_to_window(
    frames: np.ndarray, settings: Augmentation, max_frames: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Return the window of a turn, and whether the turn goes on after its beginning.

    Args:
        frames: the turn, (frames, dimension).
    """
    ends_early = bool(rng.random() < settings.prefix)
    if ends_early:
        frames = random_prefix(frames, settings.min_frames, rng)
    if len(frames) > max_frames:
        start = rng.integers(len(frames) - max_frames + 1)
        frames = frames[start : start + max_frames]
    return frames, ends_early


class WarpBands:
    """Stretches the frequency axis, as vocal tracts of another length do."""

    def __init__(self, amount: float):
        self._amount = amount

    def __call__(self, window: DrawnWindow, draws: Draws) -> None:
        if self._amount:
            window.band_stretch = 1 + draws.environment.uniform(-self._amount, self._amount)
            window.frames = warp_bands(window.frames, window.band_stretch)
        window.dry = window.frames


class ChangeLevel:
    """Changes the level, as distance and microphone gain do."""

    def __init__(self, gain_db: tuple[Decibels, Decibels]):
        self._gain_db = gain_db

    def __call__(self, window: DrawnWindow, draws: Draws) -> None:
        window.frames = change_level(window.frames, draws.environment.uniform(*self._gain_db))


class TiltSpectrum:
    """Adds the smooth frequency response of another microphone or room."""

    def __init__(self, amount_db: Decibels):
        self._amount_db = amount_db

    def __call__(self, window: DrawnWindow, draws: Draws) -> None:
        if self._amount_db:
            response = tilt(window.frames.shape[1], self._amount_db, draws.environment)
            window.frames = window.frames + response


class AddSilence:
    """Puts digital silence before a window and, unless its turn goes on, behind it."""

    def __init__(self, settings: Augmentation, max_frames: int):
        self._settings = settings
        self._max_frames = max_frames

    def __call__(self, window: DrawnWindow, draws: Draws) -> None:
        if draws.window.random() >= self._settings.silence:
            return
        room = (self._max_frames - len(window.frames)) // 2
        longest = min(self._settings.silence_frames, room)
        before, behind = draws.window.integers(longest + 1, size=2)
        window.frames = pad_with_silence(window.frames, before, 0 if window.ends_early else behind)


class NoiseGenerator:
    """Generates noise: coloured noise, recorded noise, or babble."""

    def __init__(self, sources: TrainingSources, babble: float, n_mels: int):
        self._stores = sources.stores
        self._noises = sources.noises
        self._babble_share = babble
        self._n_mels = n_mels

    def draw(self, n_frames: int, rng: np.random.Generator) -> np.ndarray:
        """Return noise (n_frames, n_mels) in dB."""
        if rng.random() < self._babble_share:
            return self._babble(n_frames, rng)
        if not len(self._noises) or rng.random() < 0.5:
            return coloured_noise(n_frames, self._n_mels, rng)
        return self.recorded(n_frames, rng)

    def recorded(self, n_frames: int, rng: np.random.Generator) -> np.ndarray:
        """Return a part of a recorded noise, (n_frames, n_mels) in dB."""
        return repeat_to(self._noises[int(rng.integers(len(self._noises)))], n_frames, rng)

    def _babble(self, n_frames: int, rng: np.random.Generator) -> np.ndarray:
        """Return three to eight utterances at once, each at the same level."""
        store = self._stores[int(rng.integers(len(self._stores)))]
        babble = np.zeros((n_frames, self._n_mels))
        for index in rng.integers(len(store), size=rng.integers(3, 9)):
            voice = db_to_power(repeat_to(store.utterance(index), n_frames, rng))
            babble += voice / voice.mean()
        return power_to_db(babble)


class AddNoise:
    """Adds noise at a random signal-to-noise ratio."""

    def __init__(self, settings: Augmentation, noise: NoiseGenerator):
        self._settings = settings
        self._noise = noise

    def __call__(self, window: DrawnWindow, draws: Draws) -> None:
        environment = draws.environment
        if environment.random() >= self._settings.noise:
            return
        snr_db = environment.uniform(*self._settings.snr_db)
        # From its own generator, since kinds of noise draw different amounts of random numbers,
        # which must not change the later draws.
        noise = self._noise.draw(len(window.frames), environment.spawn(1)[0])
        window.frames = add_noise(window.frames, noise, snr_db)


class LowPass:
    """Removes the highest bands, as Bluetooth and narrow codecs do."""

    def __init__(self, probability: float):
        self._probability = probability

    def __call__(self, window: DrawnWindow, draws: Draws) -> None:
        if draws.environment.random() < self._probability:
            window.frames = low_pass(window.frames, draws.environment)


class SubtractSpeakerMemory:
    """Subtracts the mean of earlier turns in the same environment, as a speaker memory does.

    Args:
        mean: (n_mels,) mean frame that the memory starts from, in dB.
    """

    def __init__(
        self,
        history: SpeakerHistory,
        stores: Sequence[FeatureStore],
        probability: float,
        mean: np.ndarray,
    ):
        self._history = history
        self._stores = stores
        self._probability = probability
        self._mean = mean

    def __call__(self, window: DrawnWindow, draws: Draws) -> None:
        if draws.window.random() >= self._probability:
            return
        assert window.dry is not None
        colour = window.frames.mean(axis=0) - window.dry.mean(axis=0)
        index, speed = window.index, window.speed
        history, history_s = self._history.draw(index, speed, draws.window)
        if window.store is not self._stores[speed]:
            # The simulated channel coloured the earlier turns as it did this one.
            history = history + window.store.utterance(index).mean(axis=0)
            history = history - self._history.mean(index, speed)
        history = warp_bands(history[None], window.band_stretch)[0] + colour
        window.frames = window.frames - speaker_offset(self._mean, history, history_s)
