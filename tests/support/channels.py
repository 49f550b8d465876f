"""Sound of several channels, of which some hold speech."""

from __future__ import annotations

import numpy as np

RATE_HZ = 16_000


def noise(length, dbfs, seed=0):
    """White noise (n,) float32 of an RMS level."""
    samples = np.random.default_rng(seed).standard_normal(length) * 10 ** (dbfs / 20)
    return samples.astype(np.float32)


def hum(length, dbfs):
    """Mains hum with harmonics (n,) float32, of an RMS level."""
    time_s = np.arange(length) / RATE_HZ
    samples = sum(np.sin(2 * np.pi * 50 * k * time_s + k) / k for k in range(1, 10))
    return (samples / np.std(samples) * 10 ** (dbfs / 20)).astype(np.float32)


def array_sound(channels):
    """Channels (n,) as samples (n, channels)."""
    return np.stack(channels, axis=1).astype(np.float32)


def with_noise(speech, place, seed=0):
    """Speech on one of six channels, the others noise of different kinds, loud and quiet."""
    n = len(speech)
    others = [
        noise(n, -20, seed + 1),
        hum(n, -20),
        np.zeros(n, np.float32),
        noise(n, -60, seed + 2),
        np.full(n, 0.3, np.float32),  # a constant voltage
    ]
    return array_sound([*others[:place], speech + noise(n, -65, seed), *others[place:]])
