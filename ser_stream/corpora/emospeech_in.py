"""Indian EmoSpeech Command Dataset: single words, recorded on phones and laptops in India.

Banga et al., arXiv:1910.13801, 2019. CC BY-NC-SA 4.0. Five words are English, bacho (help) is
Hindi. File names are word, environment, emotion, time and a hash of the speaker. Recordings of
unknown speakers, who share one hash, and of no speech are left out: the parts of a recipe must not
share a speaker.

Words and emotions go together: of the known speakers, 154 recordings of "help" are angry and 62
happy, 54 of "yes" are angry and 94 happy. Training therefore draws each word equally often with
each emotion. There is almost digital silence around the words: train
with noise.
"""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.corpora.base import Utterance, audio_files, index_rows, unique
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

LAYOUT = (
    "EmoSpeech is read from webservice/bacho-safe-angry-TIME-HASH.wav and folders of other places, "
    "or from a flat folder of files as bacho_safe_angry_TIME_ID.opus whose speakers an index.csv "
    "in it or beside it names"
)
EMOTIONS = {"angry": "angry", "happy": "happy", "fearful": "fear", "calm": "calm"}
LANGUAGES = {"help": "en", "stop": "en", "no": "en", "go": "en", "yes": "en", "bacho": "hi"}
"""Word -> its language."""
UNKNOWN_SPEAKER = "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"
"""Hash of all speakers who did not say who they are."""
SPEAKER_DIGITS = 8
"""Digits of a speaker's hash that tell the speakers apart."""
NAME = re.compile(
    r"(?P<word>[a-z]+)[-_](?P<place>[a-z ]+)[-_](?P<emotion>[a-z]+)[-_](?P<time>[^-_]+)[-_]"
    r"(?P<id>[0-9a-f]+)$",
    re.IGNORECASE,
)
NO_SPEECH = ("background", "none")
"""Word and emotion of recordings in which nobody speaks."""


def speaker_name(speaker: int | str) -> str:
    """Return `Utterance.speaker` of the first digits of a speaker's hash.

    YAML reads digits alone as a number.
    """
    return f"emospeech_in-{speaker:0>{SPEAKER_DIGITS}}"


@register(
    "emospeech_in",
    title="EmoSpeech",
    speaker_name=speaker_name,
    licence="CC BY-NC-SA 4.0",
    commercial_use=False,
    speech="acted single words, Indian English and Hindi",
    balanced_by_word=True,
)
def read(root: Path) -> list[Utterance]:
    """Return the utterances of known speakers of an EmoSpeech folder.

    Raises:
        InputError: the layout is not that of EmoSpeech, a recording is found twice, or no index
            names the speaker of a recording whose name does not.
    """
    rows = index_rows(root, "emospeech_in")
    utterances = []
    for path in audio_files(root, ("*", "."), LAYOUT):
        match = NAME.match(path.stem)
        emotion = match["emotion"].lower() if match else ""
        if match is None or emotion not in (*EMOTIONS, *NO_SPEECH):
            raise InputError(f"{path}: not an EmoSpeech file name; {LAYOUT}")
        word = match["word"].lower()
        if match["id"] == UNKNOWN_SPEAKER or word in NO_SPEECH or emotion in NO_SPEECH:
            continue
        utterances.append(
            Utterance(
                path=path,
                corpus="emospeech_in",
                speaker=speaker_name(_speaker(path, match["id"], rows)),
                gender="",
                label=EMOTIONS[emotion],
                language=LANGUAGES.get(word, ""),
                text=word if word in LANGUAGES else "",
                name="" if path.parent == root else f"{path.parent.name}/{path.stem}",
            )
        )
    return unique(utterances)


def _speaker(path: Path, identifier: str, rows: dict[str, dict[str, str]]) -> str:
    """Return the first digits of the hash of a recording's speaker."""
    if len(identifier) == len(UNKNOWN_SPEAKER):
        return identifier[:SPEAKER_DIGITS]
    speaker = (rows.get(path.stem) or {}).get("speaker") or ""
    if not speaker:
        raise InputError(f"{path}: no index.csv names its speaker; {LAYOUT}")
    return speaker.removeprefix("ies_")
