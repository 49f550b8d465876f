"""A small picture of a stream's sound, for pages that show it: waveform and log-mel bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ser_stream.features.log_mel import LogMelConfig, log_mel

BANDS = 40
CONFIG = LogMelConfig(n_mels=BANDS, n_fft=512, win_length=512, hop_length=320)
"""50 columns a second."""
COLUMN_BYTES = 2 + BANDS
COLUMNS_PER_MESSAGE = 5
"""Columns that are sent together at least: a message each 100 ms."""
LOWEST_DB, HIGHEST_DB = -65.0, 25.0
"""Levels of a band that are drawn as 0 and 255."""


class Picture:
    """Turns the 16 kHz samples of one stream into columns of 20 ms.

    A column is `COLUMN_BYTES` long: the lowest and the highest sample as signed bytes, then the
    bands from low to high as unsigned bytes.

    Columns are computed several at a time: each call of numpy costs as much as a column.
    """

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float32]] = []  # of the columns that are to come
        self._n_samples = 0

    def push(self, samples: NDArray[np.float32]) -> bytes:
        """Add samples (n,); return a message of columns, b"" where none is due."""
        self._parts.append(samples)
        self._n_samples += len(samples)
        if CONFIG.frames_in(self._n_samples) < COLUMNS_PER_MESSAGE:
            return b""
        heard = np.concatenate(self._parts)
        frames = log_mel(heard, CONFIG)
        used = len(frames) * CONFIG.hop_length
        self._parts, self._n_samples = [heard[used:]], len(heard) - used
        heard = np.clip(heard[:used].reshape(len(frames), -1), -1, 1)
        columns = np.empty((len(frames), COLUMN_BYTES), np.uint8)
        peaks = np.column_stack([heard.min(axis=1), heard.max(axis=1)])
        columns[:, :2] = np.round(peaks * 127).astype(np.int8).view(np.uint8)
        share = (frames - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB)
        columns[:, 2:] = np.round(np.clip(share, 0, 1) * 255)
        return columns.tobytes()
