"""Emotional part of EmotionTTS: Korean, fifteen speakers in a studio, four emotions.

Selvas AI and KAIST, github.com/emotiontts/emotiontts_open_db. CC BY-NC-SA 4.0, for research only.
File names are speaker and sentence; hundreds of sentence numbers stand for emotions. The README of
the distribution swaps sad and angry; the order here is the right one.
"""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.corpora.base import Utterance, audio_files, index_rows, read_text, unique
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

LAYOUT = (
    "EmotionTTS is read from ema/wav/ema00001.wav and ema/script/ema00001.txt, or from a flat "
    "folder of such sound files"
)
EMOTIONS = ("neutral", "happy", "sad", "angry")
"""Emotion of the sentences 1 to 100, 101 to 200, 201 to 300, 301 to 400."""
SENTENCES_PER_EMOTION = 100
GENDERS = {
    "ema": "f", "emb": "f", "emf": "m", "emg": "m", "emh": "m",
    "nea": "f", "neb": "f", "nec": "f", "ned": "f", "nee": "f",
    "nek": "m", "nel": "m", "nem": "m", "nen": "m", "neo": "m",
}  # fmt: skip
NAME = re.compile(rf"({'|'.join(GENDERS)})(\d{{5}})$")


def speaker_name(speaker: str) -> str:
    """Return `Utterance.speaker` of a speaker's code."""
    return f"emotiontts_kr-{speaker}"


@register(
    "emotiontts_kr",
    title="EmotionTTS",
    speaker_name=speaker_name,
    licence="CC BY-NC-SA 4.0",
    commercial_use=False,
    speech="acted, Korean",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of an EmotionTTS folder.

    The text is that of `script/`, else of an `index.csv` in the folder or beside it, else "".

    Raises:
        InputError: the layout is not that of EmotionTTS, or a recording is found twice.
    """
    files = audio_files(root, ("*/wav", "."), LAYOUT)
    texts = {name: row.get("text") or "" for name, row in index_rows(root, "emotiontts_kr").items()}
    utterances = []
    for path in files:
        match = NAME.match(path.stem)
        sentence = int(match[2]) if match else 0
        if match is None or not 0 < sentence <= SENTENCES_PER_EMOTION * len(EMOTIONS):
            raise InputError(f"{path}: not an EmotionTTS file name; {LAYOUT}")
        utterances.append(
            Utterance(
                path=path,
                corpus="emotiontts_kr",
                speaker=speaker_name(match[1]),
                gender=GENDERS[match[1]],
                label=EMOTIONS[(sentence - 1) // SENTENCES_PER_EMOTION],
                language="ko",
                text=_script(path) or texts.get(path.stem, ""),
            )
        )
    return unique(utterances)


def _script(path: Path) -> str:
    """Return the text that the distribution has of a recording; "" where it is not there."""
    script = path.parent.parent / "script" / f"{path.stem}.txt"
    return read_text(script, LAYOUT).strip() if script.is_file() else ""
