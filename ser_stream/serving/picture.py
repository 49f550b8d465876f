"""A small picture of a stream's sound, for pages that show it: waveform and log-mel bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ser_stream.features.log_mel import LogMelConfig

BANDS = 40
CONFIG = LogMelConfig(n_mels=BANDS, n_fft=512, win_length=512, hop_length=320)
"""50 columns a second."""
COLUMN_BYTES = 2 + BANDS
COLUMNS_PER_MESSAGE = 4
LOWEST_DB, HIGHEST_DB = -65.0, 25.0
"""Levels of a band that are drawn as 0 and 255."""


class Picture:
    """Turns the 16 kHz samples of one stream into columns of 20 ms.

    A column is `COLUMN_BYTES` long: the lowest and the highest sample as signed bytes, then the
    bands from low to high as unsigned bytes.
    """

    def __init__(self) -> None:
        self._log_mel = CONFIG.stream()
        self._samples = np.zeros(0, np.float32)  # of columns that are not complete
        self._columns: list[bytes] = []

    def push(self, samples: NDArray[np.float32]) -> bytes:
        """Add samples (n,); return a message of columns, b"" where none is due."""
        frames = self._log_mel(samples)
        self._samples = np.concatenate([self._samples, samples])
        hop = CONFIG.hop_length
        for frame in frames:
            heard, self._samples = self._samples[:hop], self._samples[hop:]
            peaks = np.round(np.clip([heard.min(), heard.max()], -1, 1) * 127).astype(np.int8)
            share = (frame - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB)
            bands = np.round(np.clip(share, 0, 1) * 255).astype(np.uint8)
            self._columns.append(peaks.tobytes() + bands.tobytes())
        if len(self._columns) < COLUMNS_PER_MESSAGE:
            return b""
        message, self._columns = b"".join(self._columns), []
        return message
