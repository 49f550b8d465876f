"""ESC-10: environmental sounds, used as noise. Piczak, ACM Multimedia 2015. CC BY 3.0."""

from __future__ import annotations

from pathlib import Path

from ser_stream.corpora.base import audio_files

LAYOUT = "ESC-10 is read from CLASS/F-NNNNN-T.wav (or .opus), where F is the fold, 1 to 5"
TITLE, LICENCE = "ESC-10", "CC BY 3.0"
VOICES = ("baby_cry", "crying_baby")
"""Endings of the names of classes that are human voices, which are no noise."""


def noise_files(root: Path, folds: tuple[int, ...]) -> list[Path]:
    """Return the recordings of these folds that hold no human voice.

    Raises:
        InputError: there are no sound files.
    """
    wanted = tuple(f"{fold}-" for fold in folds)
    return [
        path
        for path in audio_files(root, ("*",), LAYOUT)
        if path.name.startswith(wanted) and not path.parent.name.endswith(VOICES)
    ]
