"""Detection of turns in whole recordings, by the same detector as in a stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ser_stream.audio.conditioner import Conditioner
from ser_stream.audio.recording import Recording
from ser_stream.audio.turns import Turn, TurnDetector, TurnSettings
from ser_stream.audio.voice_activity import FRAME_LENGTH
from ser_stream.errors import InputError


def read_samples(path: str | Path) -> np.ndarray:
    """Read a whole recording as the recogniser hears it: 16 kHz mono, filtered, (n,) float32.

    Raises:
        InputError: see `Recording`.
    """
    return _whole(*read_what_can_be_read(path))


def read_unfiltered(path: str | Path) -> np.ndarray:
    """Read a whole recording as `read_samples` does, for a stream that will filter it.

    Raises:
        InputError: see `Recording`.
    """
    return _whole(*_read(path, Conditioner(high_pass=False)))


def read_what_can_be_read(path: str | Path) -> tuple[np.ndarray, InputError | None]:
    """Return the samples of `read_samples`, and the error that says what was skipped.

    Raises:
        InputError: nothing can be read.
    """
    return _read(path, Conditioner())


def _whole(samples: np.ndarray, error: InputError | None) -> np.ndarray:
    """Return the samples of a recording.

    Raises:
        InputError: something was skipped.
    """
    if error is not None:
        raise error
    return samples


def _read(path: str | Path, conditioner: Conditioner) -> tuple[np.ndarray, InputError | None]:
    chunks, error = [], None
    try:
        for block in Recording(path).blocks():
            chunks.append(conditioner(block))
    except InputError as failure:
        if not chunks:
            raise
        error = failure
    return np.concatenate([*chunks, conditioner.flush()]), error


def find_turns(samples: np.ndarray) -> list[Turn]:
    """Return all turns of samples (n,) at 16 kHz, in order; each has its `end`."""
    detector = TurnDetector(TurnSettings())
    turns = []
    for start in range(0, len(samples) - FRAME_LENGTH + 1, FRAME_LENGTH):
        turns += detector(samples[start : start + FRAME_LENGTH])
    return turns + detector.flush()


def turn_spans(samples: np.ndarray) -> list[tuple[int, int]]:
    """Return the start and end of all turns, in samples."""
    return [(turn.start, turn.end) for turn in find_turns(samples) if turn.end is not None]


def speech_span(samples: np.ndarray) -> tuple[int, int]:
    """Return the start of the first turn and the end of the last, in samples.

    Where no speech is found, it is the span of all samples.
    """
    spans = turn_spans(samples)
    return (spans[0][0], spans[-1][1]) if spans else (0, len(samples))
