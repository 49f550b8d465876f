"""A recipe, and a training set of a few utterances."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ser_stream import progress
from ser_stream.corpora.base import Utterance
from ser_stream.data.augmentation import Augmentation
from ser_stream.data.log_mel_windows import LogMelWindows
from ser_stream.data.speaker_history import SpeakerHistory
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources
from ser_stream.recipes.load import load_recipe

RECIPE = """
kind: speech
name: small
architecture: causal_crnn
options: {channels: [4, 4, 8, 8], encoding: 16, hidden: 8}
labels: [neutral, happy, sad, angry]
corpora: [ravdess]
speakers: {test: {ravdess: [1]}, validation: {ravdess: [2]}}
mix: {ravdess: 1.0}
utterances_per_epoch: 24
optimisation: {epochs: 3, batch_size: 8, schedule: one_cycle, average: 0.99}
speeds: [0.9, 1.0]
"""

RNG = np.random.default_rng(0)

FRAMES = RNG.normal(-30, 10, (200, 64)).astype(np.float32)


def small_sources(store, simulated=None):
    """Sad and happy utterances of one speaker in turn, and a noise of -20 dB in every band."""
    utterances = [
        Utterance(Path(f"{i}.wav"), "ravdess", "a", "f", ("sad", "happy")[i % 2], "en")
        for i in range(len(store))
    ]
    noise = np.full((50, 64), -20.0, np.float32)
    return TrainingSources(utterances, [store], [(0, simulated or store)], [noise])


def small_settings(max_frames=500, min_frames=1, **augmentation):
    return TrainingSetSettings(
        ("sad", "happy"), {"ravdess": 1.0}, Augmentation(**augmentation), 8, 4, max_frames,
        min_frames,
    )  # fmt: skip


def small_windows(
    store, max_frames=500, simulated=None, memory_mean=None, history=None, **augmentation
):
    """Augmented windows of `small_sources`, with speaker history where it is asked for."""
    sources = small_sources(store, simulated)
    settings = small_settings(max_frames, **augmentation)
    if history is None and settings.augmentation.speaker_history:
        history = SpeakerHistory(sources.utterances, sources.stores, settings.frame_s)
    return LogMelWindows(sources, settings, history=history, memory_mean=memory_mean)


def extended_recipe(recipe_path, tmp_path, **settings):
    """Return a recipe that extends another one by settings, which are given as YAML."""
    lines = "\n".join(f"{name}: {value}" for name, value in settings.items())
    path = tmp_path / "more.yaml"
    path.write_text(f"extends: {recipe_path}\n{lines}\n")
    return load_recipe(path)


def interrupt_after_epoch(number):
    """Return a `print_line` for the trainer that interrupts it when the epoch has been saved."""

    def print_line(line):
        progress.print_line(line)
        if line.startswith(f"epoch {number} of"):
            raise KeyboardInterrupt

    return print_line
