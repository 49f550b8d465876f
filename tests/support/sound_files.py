"""Sound files as bytes, to be cut, damaged and appended to one another, and their reading."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError

FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
"""Ending of a file's name -> libsndfile's names of the container and the codec."""


def noise(seconds: float, rate_hz: int = 16_000, channels: int = 1) -> np.ndarray:
    """Noise that differs in every second, (n, channels)."""
    rng = np.random.default_rng(round(seconds * 10))
    samples = rng.uniform(-0.05, 0.05, (round(seconds * rate_hz), channels))
    return samples + 0.3 * np.sin(0.03 * np.arange(len(samples)))[:, np.newaxis]


def encoded(samples: np.ndarray, rate_hz: int, ending: str, subtype: str | None = None) -> bytes:
    """The bytes of a file with that ending."""
    container, codec = FORMATS[ending]
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=container, subtype=subtype or codec)
    return file.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """The samples of one undamaged file, as libsndfile alone decodes it."""
    return soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0]


def read(path: Path, content: bytes) -> tuple[list[np.ndarray], str]:
    """Write bytes, read them as a recording, and return the sound and the error.

    Returns:
        One array for all blocks that have the same rate and channels; the error without the file's
        name, "" where all was read.
    """
    path.write_bytes(content)
    parts: list[list[np.ndarray]] = []
    last = None
    error = ""
    try:
        for block in Recording(path).blocks():
            kind = block.sample_rate_hz, block.samples.shape[1]
            if kind != last:
                parts.append([])
            last = kind
            parts[-1].append(block.samples)
    except InputError as failure:
        assert str(failure).startswith(f"{path}: ")
        assert "\n" not in str(failure)
        error = str(failure).removeprefix(f"{path}: ")
    return [np.concatenate(part) for part in parts], error
