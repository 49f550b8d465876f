"""Recorded and synthetic noises as log-mel frames, to mix training windows with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser_stream.audio.speech import read_samples
from ser_stream.corpora import esc10
from ser_stream.data.acoustics import motor
from ser_stream.features.log_mel import LogMelConfig, log_mel
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

MOTOR_S: Seconds = 10.0
"""Length of a synthetic motor noise."""


def load_noises(
    corpora: Path, folds: Sequence[int], config: LogMelConfig, n_motors: int = 0
) -> list[np.ndarray]:
    """Return noises as frames, (frames, n_mels) each, in dB.

    Args:
        corpora: folder that holds esc10/.
        folds: folds of ESC-10 whose sounds are taken; empty: none.
        n_motors: number of synthetic motors.

    Raises:
        InputError: ESC-10 is missing.
    """
    sounds = []
    if folds:
        files = esc10.noise_files(corpora / "esc10", tuple(folds))
        sounds = [read_samples(path) for path in files]
    rng = np.random.default_rng(0)
    sounds += [0.1 * motor(round(MOTOR_S * SAMPLE_RATE_HZ), rng) for _ in range(n_motors)]
    return [log_mel(sound, config) for sound in sounds]
