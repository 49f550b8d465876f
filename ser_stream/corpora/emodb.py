"""EmoDB: German, ten actors, ten sentences, six emotions and neutral.

Burkhardt et al., "A database of German emotional speech", Interspeech 2005. CC0 1.0 as its first
author published it with audEERING; the site it was first distributed from states no licence. File
names are speaker, sentence, emotion and version. Bored recordings (81 of the 535) are left out:
none of `ser_stream.emotion.EMOTIONS` stands for boredom, and to count it as neutral or sad would
teach a network that bored people are calm or unhappy.
"""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.corpora.base import Utterance, audio_files, unique
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

LAYOUT = "EmoDB is read from wav/03a01Fa.wav, or from a flat folder of such files"
EMOTION_CODES = {
    "W": "angry", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral",
}  # fmt: skip
"""First letters of German words: Wut, Ekel, Angst, Freude, Trauer; L is Langeweile, boredom."""
GENDERS = {
    "03": "m", "08": "f", "09": "f", "10": "m", "11": "m", "12": "m", "13": "f", "14": "f",
    "15": "m", "16": "f",
}  # fmt: skip
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
NAME = re.compile(rf"({'|'.join(GENDERS)})({'|'.join(SENTENCES)})([WLEAFTN])[a-z]?$")


def speaker_name(speaker: int | str) -> str:
    """Return `Utterance.speaker` of a speaker's number.

    YAML reads 03 as a number, but 08, which is no octal number, as text: both are accepted.
    """
    return f"emodb-{int(speaker):02d}"


@register(
    "emodb",
    title="EmoDB",
    speaker_name=speaker_name,
    licence="CC0 1.0",
    # Of audEERING's release; the first distribution states no licence, and asks to be cited.
    commercial_use=True,
    speech="acted, German",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of an EmoDB folder except the bored ones.

    Raises:
        InputError: the layout is not EmoDB's, or a recording is found twice.
    """
    utterances = []
    for path in audio_files(root, ("wav", "."), LAYOUT):
        match = NAME.match(path.stem)
        if match is None:
            raise InputError(f"{path}: not an EmoDB file name; {LAYOUT}")
        speaker, sentence, emotion = match.groups()
        if emotion not in EMOTION_CODES:
            continue
        utterances.append(
            Utterance(
                path=path,
                corpus="emodb",
                speaker=speaker_name(speaker),
                gender=GENDERS[speaker],
                label=EMOTION_CODES[emotion],
                language="de",
                text=SENTENCES[sentence],
            )
        )
    return unique(utterances)
