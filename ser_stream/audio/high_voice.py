"""Lowering of high voices by an octave, in front of the voice activity network.

The network gives voices above some 400 Hz, such as the screams and shouts of women, a low
probability of speech, and their lowered versions a high one (docs/results/speech.md). A frame whose
pitch f is high is multiplied by 1 + cos(pi f t), which adds a harmonic halfway between any two::

    f       2f      3f                            f/2  f  3f/2  2f  5f/2  3f
    |   .   |   .   |        becomes          .    |   |   |    |    |    |

The pitch is then f/2, and the formants stay where they are. A voice that is played more slowly has
lower formants, too, and the network finds fewer of those.
"""

from __future__ import annotations

import math

import numpy as np

from ser_stream.audio.voice_activity import FRAME_LENGTH
from ser_stream.units import SAMPLE_RATE_HZ, Hertz

LOWEST_PITCH_HZ: Hertz = 350.0
"""Lower voices are left as they are: the network finds them."""
HIGHEST_PITCH_HZ: Hertz = 900.0
"""Higher sounds are no voice, but whistles and birds."""
BAND_HZ = (300.0, 4_000.0)
"""Band in which a sound must be periodic: below is rumble, which resembles itself at any lag."""
MIN_PERIODICITY = 0.7
"""Share of a frame's energy that must repeat itself with the period of the pitch."""
BRIGHT_HZ: Hertz = 2_000.0
MIN_BRIGHTNESS = 0.003
"""Share of a frame's energy between `BRIGHT_HZ` and the end of `BAND_HZ`: a raised voice has that
much of its formants there; many barks, sneezes and instruments have less."""
NEARLY_BEST = 0.9
"""The shortest lag counts whose peak is this share of the highest: later ones are its multiples."""
MIN_RMS = 10 ** (-60 / 20)
"""Quieter frames are not examined: what matters has been raised to about -30 dBFS."""

_WINDOW = np.hanning(2 * FRAME_LENGTH).astype(np.float32)
_SHORTEST_LAG = 6  # 2.7 kHz: a whistle is not taken for the voice of one of its subharmonics
_LONGEST_LAG = 59  # 270 Hz: lower voices have a peak of their own, too
_FFT_LENGTH = 1152  # two frames, and zeros for more than the longest lag
_BAND = slice(*(round(hz * _FFT_LENGTH / SAMPLE_RATE_HZ) for hz in BAND_HZ))
_BRIGHT = slice(round(BRIGHT_HZ * _FFT_LENGTH / SAMPLE_RATE_HZ) - _BAND.start, None)
_LAGS = np.arange(_SHORTEST_LAG - 1, _LONGEST_LAG + 2)
_WINDOW_CORRELATION = np.array(
    [np.dot(_WINDOW[lag:], _WINDOW[: len(_WINDOW) - lag]) for lag in _LAGS]
) / np.dot(_WINDOW, _WINDOW)
_TO_CORRELATION = (
    2
    * np.cos(2 * np.pi * np.outer(np.arange(_FFT_LENGTH)[_BAND], _LAGS) / _FFT_LENGTH)
    / (_FFT_LENGTH * _WINDOW_CORRELATION)
).astype(np.float32)
_TIMES = np.arange(1, FRAME_LENGTH + 1) / SAMPLE_RATE_HZ


class HighVoice:
    """Lowers the frames of a stream whose pitch is high by an octave.

    Attributes:
        lowered: whether the last frame was lowered.
    """

    def __init__(self) -> None:
        self._before = np.zeros(FRAME_LENGTH, np.float32)
        self._phase = 0.0
        self.lowered = False

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return the frame (512,) float32, lowered or unchanged."""
        pitch_hz = high_pitch(np.concatenate([self._before, frame]))
        self._before = frame
        self.lowered = pitch_hz > 0
        if not self.lowered:
            return frame
        phases = self._phase + np.pi * pitch_hz * _TIMES
        self._phase = float(phases[-1]) % (2 * math.pi)  # the next frame goes on from here
        # The factor keeps the level, on average.
        return frame * (math.sqrt(2 / 3) * (1 + np.cos(phases))).astype(np.float32)


def high_pitch(samples: np.ndarray) -> Hertz:
    """Return the pitch of samples (1024,) at 16 kHz where it is high, else 0.

    It is the highest peak of the autocorrelation (Boersma, "Accurate short-term analysis of the
    fundamental frequency", 1993: divided by that of the window, and interpolated).
    """
    if np.dot(samples, samples) < len(samples) * MIN_RMS**2:
        return 0.0
    windowed = samples * _WINDOW
    spectrum = np.fft.rfft(windowed, _FFT_LENGTH)[_BAND]
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    energy = float(np.dot(windowed, windowed))
    if 2 * float(power[_BRIGHT].sum()) < MIN_BRIGHTNESS * energy * _FFT_LENGTH:
        return 0.0
    correlation = power @ _TO_CORRELATION / energy
    inner = correlation[1:-1]
    is_peak = (inner >= correlation[:-2]) & (inner >= correlation[2:])
    peaks = np.flatnonzero(is_peak & (inner >= max(MIN_PERIODICITY, NEARLY_BEST * inner.max())))
    if not len(peaks):
        return 0.0
    before, best, after = correlation[peaks[0] : peaks[0] + 3].astype(float)
    curvature = 2 * best - before - after
    offset = 0.5 * (after - before) / curvature if curvature > 0 else 0.0
    pitch_hz = SAMPLE_RATE_HZ / (_SHORTEST_LAG + int(peaks[0]) + offset)
    return pitch_hz if LOWEST_PITCH_HZ <= pitch_hz <= HIGHEST_PITCH_HZ else 0.0
