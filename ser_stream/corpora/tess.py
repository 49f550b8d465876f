"""TESS: two actresses, one aged 64 (OAF) and one 26 (YAF), 200 words, six emotions and neutral.

Pichora-Fuller and Dupuis, "Toronto emotional speech set (TESS)", 2010. CC BY-NC-ND 4.0. File names
are actress, word, emotion. Every sentence is "Say the word ...".
"""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.corpora.base import Utterance, audio_files, unique
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

LAYOUT = (
    "TESS is read from OAF_angry/OAF_back_angry.wav and the other OAF_* and YAF_* folders, or from "
    "a flat folder of such files"
)
EMOTION_CODES = {
    "angry": "angry", "disgust": "disgust", "fear": "fear", "happy": "happy", "neutral": "neutral",
    "ps": "surprise", "sad": "sad",
}  # fmt: skip
"""ps is pleasant surprise."""
# One file is misnamed in the distribution: OA_bite_neutral.wav.
NAME = re.compile(rf"(OAF?|YAF)_([A-Za-z]+)_({'|'.join(EMOTION_CODES)})$")


def speaker_name(actress: str) -> str:
    """Return `Utterance.speaker` of an actress."""
    return f"tess-{actress}"


@register(
    "tess",
    title="TESS",
    speaker_name=speaker_name,
    licence="CC BY-NC-ND 4.0",
    commercial_use=False,
    speech="acted, English",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of a TESS folder.

    Raises:
        InputError: the layout is not TESS's, or a recording is found twice.
    """
    utterances = []
    for path in audio_files(root, ("[OY]AF_*", "."), LAYOUT):
        match = NAME.match(path.stem)
        if match is None:
            raise InputError(f"{path}: not a TESS file name; {LAYOUT}")
        actress, word, emotion = match.groups()
        actress = "YAF" if actress == "YAF" else "OAF"
        utterances.append(
            Utterance(
                path=path,
                corpus="tess",
                speaker=speaker_name(actress),
                gender="f",
                label=EMOTION_CODES[emotion],
                language="en",
                text=f"Say the word {word}",
                name=f"{actress}_{word}_{emotion}",
            )
        )
    return unique(utterances)
