"""CREMA-D: 91 actors, twelve sentences, six emotions.

Cao et al., IEEE Transactions on Affective Computing 5(4), 2014. ODbL 1.0. File names are actor,
sentence, emotion, intensity.
"""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.corpora.base import Utterance, audio_files, gender_of, table_rows, unique
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

LAYOUT = "CREMA-D is read from AudioWAV/1001_DFA_ANG_XX.wav, or from a flat folder of such files"
EMOTION_CODES = {
    "NEU": "neutral", "HAP": "happy", "SAD": "sad", "ANG": "angry", "FEA": "fear", "DIS": "disgust",
}  # fmt: skip
STATEMENTS = {
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
NAME = re.compile(r"(\d{4})_([A-Z]{3})_(NEU|HAP|SAD|ANG|FEA|DIS)_(XX|X|LO|MD|HI)$")
INTENSITIES = {"LO": "low", "MD": "normal", "HI": "strong"}


def speaker_name(actor: int) -> str:
    """Return `Utterance.speaker` of an actor's number."""
    return f"cremad-{actor}"


@register(
    "cremad",
    title="CREMA-D",
    speaker_name=speaker_name,
    licence="ODbL 1.0",
    commercial_use=True,
    speech="acted, English",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of a CREMA-D folder.

    Raises:
        InputError: the layout is not CREMA-D's, or a recording is found twice.
    """
    genders = _genders(root / "VideoDemographics.csv")
    utterances = []
    for path in audio_files(root, ("AudioWAV", "."), LAYOUT):
        match = NAME.match(path.stem)
        if match is None:
            raise InputError(f"{path}: not a CREMA-D file name; {LAYOUT}")
        actor, statement, emotion, intensity = match.groups()
        utterances.append(
            Utterance(
                path=path,
                corpus="cremad",
                speaker=speaker_name(int(actor)),
                gender=genders.get(actor, ""),
                label=EMOTION_CODES[emotion],
                language="en",
                intensity=INTENSITIES.get(intensity, ""),
                text=STATEMENTS.get(statement, ""),
            )
        )
    return unique(utterances)


def _genders(table: Path) -> dict[str, str]:
    """Return actor -> "f" or "m" from the corpus's own table; empty where the table is missing."""
    if not table.is_file():
        return {}
    rows = table_rows(table, ("ActorID", "Sex"), LAYOUT)
    return {row["ActorID"]: gender_of(row["Sex"]) for _, row in rows}
