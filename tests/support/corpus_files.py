"""Miniatures of corpora: sound files of one millisecond, if nobody asks for more."""

from collections.abc import Sequence
from pathlib import Path

import soundfile


def sound(path: Path, samples: Sequence[float] = (0.0,) * 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, 16_000)
    return path


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
