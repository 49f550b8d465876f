"""Streaming log-mel spectrograms.

Frames are not centred: frame ``k`` covers the samples ``[k * hop_length, k * hop_length + n_fft)``.
The decibel reference is fixed (1.0) and there is no floor relative to a maximum, so a frame depends
on its own samples only and can be computed as soon as the last of them is there::

    samples  |----------------------------------------------->
    frame 0  [   n_fft   ]
    frame 1       [   n_fft   ]
    frame 2            [   n_fft   ]
              hop  hop

The values equal librosa's ``melspectrogram(center=False)`` and ``power_to_db(ref=1, top_db=None)``.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from ser_stream.features.limits import Bands, HopLength, Length
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Hertz, Seconds

MIN_POWER = 1e-10
"""Minimum power in front of the logarithm, as in librosa."""

SILENCE_DB: Decibels = -100.0
"""Level of a band of digital silence, that of `MIN_POWER`."""

WINDOW_COEFFICIENTS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}
"""Window -> (a, b) of the periodic window a - b cos(2 pi n / length)."""


@dataclasses.dataclass(frozen=True)
class LogMelConfig:
    """Settings of a log-mel spectrogram, in samples at 16 kHz and in Hz, named as in librosa.

    Defaults are those of the causal CRNN: 64 bands, 25 ms Hann windows every 10 ms.

    Raises:
        ValueError: the settings are inconsistent or out of range.
    """

    n_mels: Bands = 64
    n_fft: Length = 512
    win_length: Length = 400
    hop_length: HopLength = 160
    window: str = "hann"
    fmin: Hertz = 50.0
    fmax: Hertz = 8000.0

    def __post_init__(self) -> None:
        if not 0 < self.hop_length <= self.win_length <= self.n_fft or self.n_mels < 1:
            raise ValueError(
                "features: hop_length <= win_length <= n_fft and n_mels >= 1 must hold"
            )
        if not 0 <= self.fmin < self.fmax <= SAMPLE_RATE_HZ / 2:
            raise ValueError(f"features: fmin < fmax <= {SAMPLE_RATE_HZ // 2} Hz must hold")
        if self.window not in WINDOW_COEFFICIENTS:
            raise ValueError(f"features: window {self.window!r}; accepted are hann, hamming")

    @property
    def dimension(self) -> int:
        """Values per frame."""
        return self.n_mels

    @property
    def frame_s(self) -> Seconds:
        """Time from the start of one frame to the start of the next."""
        return self.hop_length / SAMPLE_RATE_HZ

    def frames_in(self, n_samples: int) -> int:
        """Return the number of whole frames in a signal of `n_samples` samples."""
        return max(0, (n_samples - self.n_fft) // self.hop_length + 1)

    def samples_for(self, n_frames: int) -> int:
        """Return the number of samples that `n_frames` frames need."""
        return (n_frames - 1) * self.hop_length + self.n_fft if n_frames else 0

    def stream(self) -> StreamingLogMel:
        """Return an object that computes the frames of a signal given in chunks."""
        return StreamingLogMel(self)


SHERMAN = LogMelConfig(
    n_mels=128, n_fft=512, win_length=256, hop_length=128, window="hamming", fmin=0.0, fmax=4000.0
)
"""Settings of Sherman et al. (section II.A; window and fmax from the authors' public code)."""

HE = LogMelConfig(n_mels=40, n_fft=400, win_length=400, hop_length=160, fmin=0.0, fmax=8000.0)
"""Settings of He et al. (section 3.2: 40 bands, 25 ms windows every 10 ms).

The paper does not give the FFT's length (here the window's), the window and the frequency range
(here librosa's defaults). Frames are not centred: 7.5 s have 748 frames, not librosa's 751.
"""

JALAL = LogMelConfig(n_mels=23, n_fft=512, win_length=400, hop_length=160, fmin=20.0, fmax=8000.0)
"""Settings of Jalal et al. (section 4.2, which gives the 23 bands only).

25 ms every 10 ms from 20 Hz on, as in Kaldi, whose default number of bands is also 23. Kaldi's
pre-emphasis, window (Hann's to the power of 0.85) and mel scale are not reproduced.
"""


def hertz_to_mel(frequency: np.ndarray) -> np.ndarray:
    """Convert Hz to Slaney's mel scale (Auditory Toolbox, 1998): linear up to 1 kHz, then log."""
    above = 15.0 + 27.0 * np.log(np.maximum(frequency, 1000.0) / 1000.0) / np.log(6.4)
    return np.where(frequency < 1000.0, 3.0 * frequency / 200.0, above)


def mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    """Convert Slaney's mel scale to Hz, the inverse of `hertz_to_mel`."""
    above = 1000.0 * 6.4 ** ((np.maximum(mel, 15.0) - 15.0) / 27.0)
    return np.where(mel < 15.0, 200.0 * mel / 3.0, above)


# Filters and windows are computed here since importing librosa and scipy takes a second and 100 MB
# at every start of a robot. Tests compare them with theirs.


@lru_cache(maxsize=8)
def _mel_filters(config: LogMelConfig) -> np.ndarray:
    """Return triangular mel filters (n_fft // 2 + 1, n_mels) of unit area (Slaney's norm)."""
    lowest, highest = hertz_to_mel(np.array([config.fmin, config.fmax]))
    edges = mel_to_hertz(np.linspace(lowest, highest, config.n_mels + 2))
    bins = np.linspace(0, SAMPLE_RATE_HZ / 2, config.n_fft // 2 + 1)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (right - left)


@lru_cache(maxsize=8)
def _window(config: LogMelConfig) -> np.ndarray:
    """Return the analysis window (n_fft,), zero-padded on both sides as in librosa."""
    a, b = WINDOW_COEFFICIENTS[config.window]
    window = a - b * np.cos(2 * np.pi * np.arange(config.win_length) / config.win_length)
    before = (config.n_fft - config.win_length) // 2
    return np.pad(window, (before, config.n_fft - config.win_length - before))


def log_mel(samples: np.ndarray, config: LogMelConfig) -> np.ndarray:
    """Compute the log-mel spectrogram of a whole signal.

    Args:
        samples: (n,) at 16 kHz, full scale +-1.

    Returns:
        (config.frames_in(n), n_mels) float32, in dB re 1.0. A signal shorter than one frame has no
        frames. Computed in float64: in float32, quiet bands next to loud ones are off by 0.01 dB.
    """
    n_frames = config.frames_in(len(samples))
    if n_frames == 0:
        return np.empty((0, config.n_mels), np.float32)
    frames = _frames(samples, n_frames, config)
    spectrum = np.fft.rfft(frames * _window(config))
    power = spectrum.real**2 + spectrum.imag**2
    return power_to_db(power @ _mel_filters(config)).astype(np.float32)


def _frames(samples: np.ndarray, n_frames: int, config: LogMelConfig) -> np.ndarray:
    """Return a view (n_frames, n_fft) of a signal, made 40 us faster than by `stride_tricks`."""
    samples = np.ascontiguousarray(samples)
    strides = (config.hop_length * samples.itemsize, samples.itemsize)
    return np.ndarray((n_frames, config.n_fft), samples.dtype, samples.data, 0, strides)


def power_to_db(power: np.ndarray) -> np.ndarray:
    """Convert power to decibels re 1.0, at least those of `MIN_POWER`."""
    return 10.0 * np.log10(np.maximum(power, MIN_POWER))


def db_to_power(level: Decibels | np.ndarray) -> np.ndarray:
    """Convert decibels re 1.0 to power."""
    return 10.0 ** (np.asarray(level) / 10.0)


class StreamingLogMel:
    """Computes the same frames as `log_mel`, from chunks of any size.

    >>> mel = StreamingLogMel(LogMelConfig())
    >>> mel(np.zeros(1000, np.float32)).shape, mel(np.zeros(200, np.float32)).shape
    ((4, 64), (1, 64))
    """

    def __init__(self, config: LogMelConfig):
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Start a new signal."""
        self._pending = np.empty(0, np.float32)  # samples from the start of the next frame on

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        """Return the frames that `chunk` (n,) completes, (frames, n_mels) float32; often none."""
        self._pending = np.concatenate([self._pending, chunk])
        frames = log_mel(self._pending, self.config)
        self._pending = self._pending[len(frames) * self.config.hop_length :]
        return frames
