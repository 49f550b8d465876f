"""SAVEE, the sound files: four men, fifteen sentences per emotion, six emotions and neutral.

Haq and Jackson, "Multimodal emotion recognition", in Machine Audition, IGI Global 2010. Free of
charge for research only. File names are emotion and number of the sentence, in a folder per
speaker. The sentences differ between emotions, and file names do not give them.
"""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.corpora.base import Utterance, audio_files, unique
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

LAYOUT = (
    "SAVEE is read from AudioData/DC/a01.wav and the same for JE, JK and KL, or from DC_a01.wav in "
    "a flat folder or in ALL"
)
EMOTION_CODES = {
    "a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad",
    "su": "surprise",
}  # fmt: skip
NAME = re.compile(rf"(DC|JE|JK|KL)_({'|'.join(EMOTION_CODES)})\d\d$")


def speaker_name(speaker: str) -> str:
    """Return `Utterance.speaker` of a speaker's initials."""
    return f"savee-{speaker}"


@register(
    "savee",
    title="SAVEE",
    speaker_name=speaker_name,
    licence="research only",
    commercial_use=False,
    speech="acted, English",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of a SAVEE folder.

    Raises:
        InputError: the layout is not SAVEE's, or a recording is found twice.
    """
    utterances = []
    for path in audio_files(root, ("AudioData/??", "ALL", "."), LAYOUT):
        name = path.stem if "_" in path.stem else f"{path.parent.name}_{path.stem}"
        match = NAME.match(name)
        if match is None:
            raise InputError(f"{path}: not a SAVEE file name; {LAYOUT}")
        speaker, emotion = match.groups()
        utterances.append(
            Utterance(
                path=path,
                corpus="savee",
                speaker=speaker_name(speaker),
                gender="m",
                label=EMOTION_CODES[emotion],
                language="en",
                name=name,
            )
        )
    return unique(utterances)
