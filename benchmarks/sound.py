"""The sound that is measured: the test recordings, with pauses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from benchmarks.measuring import ROOT
from ser_stream.units import SAMPLE_RATE_HZ

BLOCK_LENGTH = 512
"""Samples of a block, 32 ms: what a microphone delivers at once."""

SPOKEN = sorted((ROOT / "tests" / "recordings").glob("*.flac"))


def recordings() -> list[np.ndarray]:
    """Return the test recordings, each (n,) float32 at 16 kHz."""
    found = []
    for path in SPOKEN:
        samples, rate_hz = soundfile.read(path, dtype="float32")
        assert rate_hz == SAMPLE_RATE_HZ, path
        found.append(samples)
    return found


def speech() -> np.ndarray:
    """Return all test recordings with a pause of 1 s after each, (n,) float32."""
    return np.concatenate([np.pad(samples, (0, SAMPLE_RATE_HZ)) for samples in recordings()])


def programme(seconds: float, silence_every: int = 12) -> np.ndarray:
    """Return speech with pauses of 0.7 to 4 s and silences of 20 s, (n,) float32.

    Args:
        seconds: length.
        silence_every: number of recordings between two silences.
    """
    rng = np.random.default_rng(0)
    clips, parts = recordings(), []
    n_samples, length = round(seconds * SAMPLE_RATE_HZ), 0
    while length < n_samples:
        silent = len(parts) % silence_every == silence_every - 1
        pause_s = 20.0 if silent else rng.uniform(0.7, 4.0)
        clip = clips[len(parts) % len(clips)]
        parts.append(np.pad(clip, (0, round(pause_s * SAMPLE_RATE_HZ))))
        length += len(parts[-1])
    return np.concatenate(parts)[:n_samples]


def blocks(samples: np.ndarray) -> list[np.ndarray]:
    """Return samples (n,) as blocks of `BLOCK_LENGTH`; an incomplete last one is left out."""
    ends = range(BLOCK_LENGTH, len(samples) + 1, BLOCK_LENGTH)
    return [samples[end - BLOCK_LENGTH : end] for end in ends]


def write_speech(path: Path, seconds: float) -> Path:
    """Write the test recordings, repeated with pauses of 1 s for that long, as a WAV file."""
    once = speech()
    n_samples = round(seconds * SAMPLE_RATE_HZ)
    soundfile.write(path, np.resize(once, n_samples), SAMPLE_RATE_HZ, subtype="PCM_16")
    return path
