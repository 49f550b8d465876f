"""RAVDESS, the speech part: 24 actors, two sentences, eight emotions, two intensities.

Livingstone and Russo, PLoS ONE 13(5), 2018. CC BY-NC-SA 4.0. File names are seven two-digit codes:
modality, vocal channel, emotion, intensity, statement, repetition, actor.
"""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.corpora.base import Utterance, audio_files, unique
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

LAYOUT = "RAVDESS is read from Actor_NN/03-01-EE-II-SS-RR-AA.wav (or .flac)"
EMOTION_CODES = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fear",
    "07": "disgust", "08": "surprise",
}  # fmt: skip
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
NAME = re.compile(r"03-01-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)$")

EMOBOX_FOLDS = (
    (1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18),
    (6, 13, 17, 22),
)  # fmt: skip
"""Actors of EmoBox's six speaker-independent folds (Ma et al., Interspeech 2024)."""


def speaker_name(actor: int) -> str:
    """Return `Utterance.speaker` of an actor's number."""
    return f"ravdess-{actor:02d}"


@register(
    "ravdess",
    title="RAVDESS",
    speaker_name=speaker_name,
    licence="CC BY-NC-SA 4.0",
    commercial_use=False,
    speech="acted, English",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of a RAVDESS folder.

    Raises:
        InputError: the layout is not RAVDESS's, or a recording is found twice.
    """
    utterances = []
    for path in audio_files(root, ("Actor_*", "."), LAYOUT):
        match = NAME.match(path.stem)
        if match is None:
            raise InputError(f"{path}: not a RAVDESS speech file name; {LAYOUT}")
        emotion, intensity, statement, _repetition, actor = match.groups()
        utterances.append(
            Utterance(
                path=path,
                corpus="ravdess",
                speaker=speaker_name(int(actor)),
                gender="m" if int(actor) % 2 else "f",
                label=EMOTION_CODES[emotion],
                language="en",
                intensity="normal" if intensity == "01" else "strong",
                text=STATEMENTS[statement],
            )
        )
    return unique(utterances)
