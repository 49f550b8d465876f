"""Mel-frequency cepstral coefficients, of the same frames as the log-mel spectrogram.

The numbers are librosa's ``mfcc(S=power_to_db(...), dct_type=2, norm="ortho")`` of a spectrogram
without centring, without a floor relative to a maximum.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from ser_stream.features.log_mel import LogMelConfig, log_mel


@dataclasses.dataclass(frozen=True)
class MfccConfig(LogMelConfig):
    """Settings of the log-mel spectrogram, and how many coefficients are made of it.

    Raises:
        ValueError: a setting that no spectrogram can have, or more coefficients than mel bands.
    """

    n_mfcc: int = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.n_mfcc <= self.n_mels:
            raise ValueError(
                f"features: found n_mfcc {self.n_mfcc} of {self.n_mels} mel bands; "
                "1 <= n_mfcc <= n_mels must hold"
            )

    @property
    def dimension(self) -> int:
        return self.n_mfcc


@lru_cache(maxsize=8)
def _dct(n_bands: int, n_coefficients: int) -> np.ndarray:
    """The first columns of the orthonormal DCT-II (n_bands, n_coefficients)."""
    band, coefficient = np.arange(n_bands)[:, None], np.arange(n_coefficients)
    basis = np.cos(np.pi * coefficient * (2 * band + 1) / (2 * n_bands)) * np.sqrt(2 / n_bands)
    basis[:, 0] /= np.sqrt(2)
    return basis


def mfcc(samples: np.ndarray, config: MfccConfig) -> np.ndarray:
    """Coefficients of a whole signal.

    Args:
        samples: (n,) at 16 kHz, full scale +-1.

    Returns:
        (config.frames_in(n), n_mfcc) float32. The first coefficient is the level: the mean of the
        bands in dB, times the square root of their number.
    """
    return cepstrum(log_mel(samples, config), config)


def cepstrum(bands: np.ndarray, config: MfccConfig) -> np.ndarray:
    """Coefficients (frames, n_mfcc) float32 of log-mel bands (frames, n_mels) in dB."""
    return (bands.astype(np.float64) @ _dct(config.n_mels, config.n_mfcc)).astype(np.float32)
