"""A recipe and a training set of a few utterances."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.data.augmentation import (
    Augmentation,
)
from ser_stream.data.windows import TrainingSet

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


def a_training_set(store, **augmentation):
    utterances = [
        Utterance(Path(f"{i}.wav"), "ravdess", "a", "f", ("sad", "happy")[i % 2], "en")
        for i in range(len(store))
    ]
    noise = np.full((50, 64), -20.0, np.float32)
    return TrainingSet(
        utterances, [store], ("sad", "happy"), {"ravdess": 1.0}, Augmentation(**augmentation),
        8, 4, 500, [noise], [(0, store)],
    )  # fmt: skip
