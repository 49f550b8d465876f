"""Shouts, cut from the angry demo recording."""

from __future__ import annotations

import numpy as np

from paths import DEMO
from ser_stream.audio.speech import read_samples
from short_turns import loudest, repeated


def shouts(duration_s: float, pause_s: float, times: int = 4) -> np.ndarray:
    """Return the loudest part of the recording several times, with pauses."""
    return repeated(loudest(read_samples(DEMO / "4-angry.flac"), duration_s), pause_s, times)
