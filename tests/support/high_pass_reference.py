"""The high-pass filter of the conditioner as SciPy designs and runs it."""

from __future__ import annotations

import numpy as np
import pytest


def high_pass_sections() -> np.ndarray:
    """Second-order sections (3, 6): zeros at 0 (twice), 50 and 60 Hz, poles at 35 and 68 Hz."""
    signal = pytest.importorskip("scipy.signal")
    per_hz = 2 * np.pi / 16_000
    zeros = np.exp(1j * per_hz * np.array([0, 0, 50, -50, 60, -60]))
    poles = np.exp(per_hz * np.array([-47 + 35j, -20 + 68j, -20 + 68j]))
    poles = np.concatenate([poles, poles.conj()])
    gain = abs(np.prod(-1 - poles) / np.prod(-1 - zeros))
    return signal.zpk2sos(zeros, poles, gain)


def high_passed(samples: np.ndarray) -> np.ndarray:
    """Return samples (n,) at 16 kHz, filtered from rest, (n,) float64."""
    signal = pytest.importorskip("scipy.signal")
    return signal.sosfilt(high_pass_sections(), samples.astype(np.float64))
