"""Clips and log-mel spectrograms of Sherman, Hazan and Gannot, to reproduce their tables.

"Study of speech emotion recognition using BLSTM with attention", section II.A and the authors'
public code. A value here depends on the whole clip: on its loudest cell, and on how much silence is
put in front of it. A stream knows neither; `log_mel.SHERMAN` is its counterpart there.

From the paper: 128 bands, STFT window 256, hop 128, FFT 512; clips of 5 s, cut or zero-padded. From
the code, on which the paper is silent: zeros are put in front; Hamming window; bands up to 4 kHz;
decibels relative to the clip's loudest cell, at least -80 dB, and computed after padding, so that
the zeros are at -80 dB. The code then normalises each cell by its own statistics over the training
set; here the network does that.
"""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np

from ser_stream.extras import require_extra
from ser_stream.features.limits import Bands, HopLength, Length
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Hertz, Seconds

CLIP_SAMPLES = 5 * SAMPLE_RATE_HZ
"""Length of all clips."""


def five_seconds(samples: np.ndarray) -> np.ndarray:
    """Return the first 5 s of a signal (n,), padded with zeros in front: (80000,) float32.

    >>> five_seconds(np.ones(3))[-4:].tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    kept = np.asarray(samples[:CLIP_SAMPLES], np.float32)
    return np.pad(kept, (CLIP_SAMPLES - len(kept), 0))


def load_librosa() -> ModuleType:
    """Import librosa on first use: it takes a second, and a robot does not need it.

    Raises:
        InputError: it is not installed.
    """
    require_extra("the paper's log-mel spectrogram", "librosa")
    import librosa

    return librosa


@dataclasses.dataclass(frozen=True)
class ShermanLogMelConfig:
    """Settings of the paper's RAVDESS variant, in samples at 16 kHz, in Hz and in dB.

    Attributes:
        top_db: distance of the floor from a clip's loudest cell.

    Raises:
        ValueError: the settings are inconsistent or out of range.
    """

    n_mels: Bands = 128
    n_fft: Length = 512
    win_length: Length = 256
    hop_length: HopLength = 128
    fmax: Hertz = 4000.0
    top_db: Decibels = 80.0

    def __post_init__(self) -> None:
        if not 0 < self.hop_length <= self.win_length <= self.n_fft or self.n_mels < 1:
            raise ValueError(
                "features: hop_length <= win_length <= n_fft and n_mels >= 1 must hold"
            )
        if not 0 < self.fmax <= SAMPLE_RATE_HZ / 2:
            raise ValueError(f"features: 0 < fmax <= {SAMPLE_RATE_HZ // 2} Hz must hold")
        if self.top_db <= 0:
            raise ValueError(f"features: found top_db {self.top_db}; it must be above 0 dB")

    @property
    def dimension(self) -> int:
        """Values per frame."""
        return self.n_mels

    @property
    def frame_s(self) -> Seconds:
        """Time from the start of one frame to the start of the next."""
        return self.hop_length / SAMPLE_RATE_HZ

    def frames_in(self, n_samples: int) -> int:
        """Return the number of frames of any signal: that of 5 s, centred as in librosa."""
        return CLIP_SAMPLES // self.hop_length + 1


def relative_log_mel(samples: np.ndarray, config: ShermanLogMelConfig) -> np.ndarray:
    """Compute the log-mel spectrogram of a clip, in dB relative to its own loudest cell.

    Frames are centred, with zeros beyond the ends, as in librosa since 0.9. A silent clip is 0 dB
    throughout, since all cells equal the loudest.

    Args:
        samples: (n,) at 16 kHz; see `five_seconds`.

    Returns:
        (frames, n_mels) float32, 626 x 128 with the paper's settings, between -top_db and 0 dB.

    Raises:
        InputError: librosa is not installed.
    """
    librosa = load_librosa()
    power = librosa.feature.melspectrogram(
        y=five_seconds(samples), sr=SAMPLE_RATE_HZ, n_mels=config.n_mels, n_fft=config.n_fft,
        win_length=config.win_length, hop_length=config.hop_length, window="hamming",
        fmax=config.fmax,
    )  # fmt: skip
    return librosa.power_to_db(power, ref=np.max, top_db=config.top_db).T.astype(np.float32)
