"""What every corpus reader returns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ser_stream.errors import InputError
from ser_stream.words import Word


@dataclasses.dataclass(frozen=True)
class Utterance:
    """One labelled recording.

    Attributes:
        path: the sound file.
        corpus: name of the corpus, as in `ser_stream.corpora.registry`.
        speaker: unique over all corpora.
        gender: "f" or "m", or "" where the corpus does not say.
        label: one of `ser_stream.emotion.EMOTIONS`.
        language: ISO 639-1 code.
        intensity: "normal", "strong", or "" where the corpus has none.
        session: recording session, whose speakers are heard in no other one, or "".
        text: the words said, or "".
        words: when each word is spoken, special tokens of the alignment among them; () where the
            corpus does not say.
    """

    path: Path
    corpus: str
    speaker: str
    gender: str
    label: str
    language: str
    intensity: str = ""
    session: str = ""
    text: str = ""
    words: tuple[Word, ...] = ()

    @property
    def key(self) -> str:
        """Identifies the recording across machines: corpus and file name without its ending."""
        return f"{self.corpus}/{self.path.stem}"


AUDIO_ENDINGS = (".wav", ".flac", ".opus", ".ogg", ".mp3")


def audio_files(root: Path, folders: tuple[str, ...], what: str) -> list[Path]:
    """Sound files in the first of `folders` under `root` that holds any, sorted by name.

    Args:
        folders: glob patterns relative to root, tried in order ("." is the root itself).
        what: the layout that is looked for, for the error.

    Raises:
        InputError: the root does not exist, or none of the folders holds a sound file.
    """
    if not root.is_dir():
        raise InputError(f"corpus folder {root}: no such folder; {what}")
    for pattern in folders:
        matches = [root] if pattern == "." else filter(Path.is_dir, sorted(root.glob(pattern)))
        files = [
            file
            for folder in matches
            for file in sorted(folder.iterdir())
            if file.suffix.lower() in AUDIO_ENDINGS
        ]
        if files:
            return files
    raise InputError(f"corpus folder {root}: no sound files in {' or '.join(folders)}; {what}")
