"""Speech in sound that is there as a whole, found by the detector that listens on the robot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ser_stream.audio.conditioner import Conditioner
from ser_stream.audio.recording import Recording
from ser_stream.audio.turns import Turn, TurnDetector, TurnSettings
from ser_stream.audio.voice_activity import FRAME_LENGTH


def read_samples(path: str | Path) -> np.ndarray:
    """A whole recording at 16 kHz mono, (n,) float32, as the recogniser would hear it.

    Raises:
        InputError: see `Recording`.
    """
    conditioner = Conditioner()
    chunks = [conditioner(block) for block in Recording(path).blocks()]
    return np.concatenate([*chunks, conditioner.flush()])


def find_turns(samples: np.ndarray) -> list[Turn]:
    """All turns of samples (n,), in order."""
    detector = TurnDetector(TurnSettings())
    turns = []
    for start in range(0, len(samples) - FRAME_LENGTH + 1, FRAME_LENGTH):
        turns += detector(samples[start : start + FRAME_LENGTH])
    return turns + detector.flush()


def speech_span(samples: np.ndarray) -> tuple[int, int]:
    """Start of the first turn and end of the last; everything, where no speech is found."""
    turns = find_turns(samples)
    return (turns[0].start, turns[-1].end) if turns else (0, len(samples))
