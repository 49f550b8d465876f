"""Augmented windows of utterances, as log-mel frames."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ser_stream.data.augmentation import change_level, mask
from ser_stream.data.speaker_history import SpeakerHistory
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources, label_indices
from ser_stream.data.window_augmentation import (
    AddNoise,
    AddSilence,
    ChangeLevel,
    CutWindow,
    Draws,
    LowPass,
    NoiseGenerator,
    RecordingChoice,
    Step,
    SubtractSpeakerMemory,
    TiltSpectrum,
    WarpBands,
)


class WindowAugmenter(Protocol):
    """Draws training windows of utterances: log-mel frames, or steps of a frozen encoder."""

    def augmented(
        self,
        index: int,
        rng: np.random.Generator,
        environment: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a window (frames, dimension) of an utterance, and its target (labels,).

        Args:
            index: the utterance.
            rng: random numbers of what differs between the utterances of a conversation.
            environment: random numbers of the speed, room, microphone and noise; the same seed
                gives the same environment. None: `rng` is used.
        """

    def masked(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a copy of the window after SpecAugment."""

    def with_memory_mean(self, mean: np.ndarray) -> WindowAugmenter:
        """Return the same augmenter, whose speaker memory starts from `mean` (dimension,)."""


class LogMelWindows:
    """Draws augmented windows of log-mel frames; a `WindowAugmenter`.

    Args:
        targets: (utterances, labels) probabilities to learn; None: those of the labels, one-hot.
        history: earlier turns of each speaker, for a network whose speaker memory holds mean
            frames; None: turns are not normalised by earlier ones.
        memory_mean: (n_mels,) mean frame that the speaker memory starts from, in dB; None: the mean
            of the recordings.
    """

    def __init__(
        self,
        sources: TrainingSources,
        settings: TrainingSetSettings,
        targets: np.ndarray | None = None,
        history: SpeakerHistory | None = None,
        memory_mean: np.ndarray | None = None,
    ):
        self._sources, self._settings, self._history = sources, settings, history
        if targets is None:
            indices = label_indices(sources.utterances, settings.labels)
            targets = np.eye(len(settings.labels), dtype=np.float32)[indices]
        self._targets = targets
        self._mean_frame = sources.mean_frame()
        augmentation, max_frames = settings.augmentation, settings.max_frames
        self.noise = NoiseGenerator(sources, augmentation.babble, len(self._mean_frame))
        self._recordings = RecordingChoice(sources, augmentation)
        self._steps: list[Step] = [
            CutWindow(augmentation, max_frames),
            WarpBands(augmentation.warp),
            ChangeLevel(augmentation.gain_db),
            TiltSpectrum(augmentation.tilt_db),
            AddSilence(augmentation, max_frames),
            AddNoise(augmentation, self.noise),
            LowPass(augmentation.low_pass),
        ]
        if history is not None:
            mean = self._mean_frame if memory_mean is None else memory_mean
            probability = augmentation.speaker_history
            self._steps.append(SubtractSpeakerMemory(history, sources.stores, probability, mean))

    def augmented(
        self,
        index: int,
        rng: np.random.Generator,
        environment: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a window (frames, n_mels) and its target (labels,); see `WindowAugmenter`."""
        if rng.random() < self._settings.augmentation.no_speech:
            return self._without_speech(rng)
        draws = Draws(rng, environment or rng)
        window = self._recordings.draw(index, draws.environment)
        for step in self._steps:
            step(window, draws)
        return window.frames, self._targets[index]

    def _without_speech(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return recorded noise alone, and a target with the same probability for each label."""
        augmentation = self._settings.augmentation
        n_frames = int(rng.integers(augmentation.min_frames, self._settings.max_frames + 1))
        frames = self.noise.recorded(n_frames, rng)
        frames = change_level(frames, rng.uniform(*augmentation.gain_db))
        n_labels = self._targets.shape[1]
        return frames, np.full(n_labels, 1 / n_labels, np.float32)

    def masked(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a copy of the window after SpecAugment, filled with the mean frame."""
        return mask(frames, self._settings.augmentation, self._mean_frame, rng)

    def with_memory_mean(self, mean: np.ndarray) -> LogMelWindows:
        """Return the same windows, with a speaker memory that starts from `mean` (n_mels,)."""
        return LogMelWindows(self._sources, self._settings, self._targets, self._history, mean)
