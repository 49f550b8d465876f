"""The sound of a session as pictures: peaks of the waveform, and a spectrogram."""

from __future__ import annotations

import numpy as np

from ser_stream.features.log_mel import LogMelConfig, log_mel
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

PEAK_S: Seconds = 0.02
FRAME_S: Seconds = 0.04
BANDS = 48
RANGE_DB = 70.0
"""Levels from the loudest band to that far below it are drawn."""
_CONFIG = LogMelConfig(
    n_mels=BANDS, n_fft=1024, win_length=800, hop_length=round(FRAME_S * SAMPLE_RATE_HZ)
)


def peaks(samples: np.ndarray) -> np.ndarray:
    """Return the least and the greatest sample of each 20 ms, (n, 2), full scale +-1."""
    length = round(PEAK_S * SAMPLE_RATE_HZ)
    whole = samples[: len(samples) // length * length].reshape(-1, length)
    if not len(whole):
        return np.zeros((0, 2), np.float32)
    return np.column_stack([whole.min(axis=1), whole.max(axis=1)])


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """Return the log-mel spectrogram, (frames, 48) from 0 to 1, a frame every 40 ms."""
    if len(samples) < _CONFIG.n_fft:
        return np.zeros((0, BANDS), np.float32)
    step = 60 * SAMPLE_RATE_HZ  # frames of a minute at a time; its length is whole frames
    parts = [
        log_mel(samples[start : start + step + _CONFIG.n_fft - _CONFIG.hop_length], _CONFIG)
        for start in range(0, max(1, len(samples) - _CONFIG.n_fft + 1), step)
    ]
    levels = np.concatenate(parts)
    return np.clip((levels - levels.max()) / RANGE_DB + 1, 0, 1)
