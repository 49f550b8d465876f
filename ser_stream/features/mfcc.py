"""Mel-frequency cepstral coefficients of the frames of the log-mel spectrogram.

The values equal librosa's ``mfcc(S=power_to_db(...), dct_type=2, norm="ortho")`` of a spectrogram
without centring and without a floor relative to a maximum.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from ser_stream.features.limits import Bands
from ser_stream.features.log_mel import LogMelConfig, log_mel


@dataclasses.dataclass(frozen=True)
class MfccConfig(LogMelConfig):
    """Settings of the log-mel spectrogram and the number of coefficients.

    Raises:
        ValueError: the settings are inconsistent, or there are more coefficients than mel bands.
    """

    n_mfcc: Bands = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.n_mfcc <= self.n_mels:
            raise ValueError(
                f"features: found n_mfcc {self.n_mfcc} of {self.n_mels} mel bands; "
                "1 <= n_mfcc <= n_mels must hold"
            )

    @property
    def dimension(self) -> int:
        """Values per frame."""
        return self.n_mfcc


@lru_cache(maxsize=8)
def _dct(n_bands: int, n_coefficients: int) -> np.ndarray:
    """Return the first columns (n_bands, n_coefficients) of the orthonormal DCT-II."""
    band, coefficient = np.arange(n_bands)[:, None], np.arange(n_coefficients)
    basis = np.cos(np.pi * coefficient * (2 * band + 1) / (2 * n_bands)) * np.sqrt(2 / n_bands)
    basis[:, 0] /= np.sqrt(2)
    return basis


def mfcc(samples: np.ndarray, config: MfccConfig) -> np.ndarray:
    """Compute the coefficients of a whole signal.

    Args:
        samples: (n,) at 16 kHz, full scale +-1.

    Returns:
        (config.frames_in(n), n_mfcc) float32. The first coefficient is the level: the mean of the
        bands in dB, times the square root of their number.
    """
    return cepstrum(log_mel(samples, config), config)


def cepstrum(bands: np.ndarray, config: MfccConfig) -> np.ndarray:
    """Convert log-mel bands (frames, n_mels) in dB to coefficients (frames, n_mfcc) float32."""
    return (bands.astype(np.float64) @ _dct(config.n_mels, config.n_mfcc)).astype(np.float32)
