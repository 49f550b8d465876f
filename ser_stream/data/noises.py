"""Recorded and synthetic noises as log-mel frames, to mix training windows with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser_stream.audio.speech import read_samples
from ser_stream.data.acoustics import motor
from ser_stream.features.log_mel import LogMelConfig, log_mel
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

MOTOR_S: Seconds = 10.0
"""Length of a synthetic motor noise."""


def load_noises(files: Sequence[Path], config: LogMelConfig, n_motors: int = 0) -> list[np.ndarray]:
    """Return noises as frames, (frames, n_mels) each, in dB.

    Args:
        files: recorded noises.
        n_motors: number of synthetic motors.

    Raises:
        InputError: a recording cannot be read.
    """
    sounds = [read_samples(path) for path in files]
    rng = np.random.default_rng(0)
    sounds += [0.1 * motor(round(MOTOR_S * SAMPLE_RATE_HZ), rng) for _ in range(n_motors)]
    return [log_mel(sound, config) for sound in sounds]
