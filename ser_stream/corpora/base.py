"""`Utterance`, which every corpus reader returns, and the steps that readers share."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

from ser_stream.emotion import canonical_label
from ser_stream.errors import InputError
from ser_stream.file_checks import advice_on_content, placeholder_advice
from ser_stream.text import SURROGATE, valid_text
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
        intensity: "low", "normal", "strong", or "" where the corpus has none.
        session: recording session, whose speakers are in no other session, or ""; of MELD the part
            of its split, and parts share speakers.
        text: the words said, or "".
        words: times of the words, with special tokens of the alignment; () where the corpus gives
            none.
        name: unique in the corpus; "" where the file name is unique.
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
    name: str = ""

    @property
    def key(self) -> str:
        """Identifier across machines: corpus and name, or file name without its ending."""
        return valid_text(f"{self.corpus}/{self.name or self.path.stem}")


AUDIO_ENDINGS = (".wav", ".flac", ".opus", ".ogg", ".mp3")


def check_folder(root: Path, layout: str) -> None:
    """Raise InputError if the corpus folder does not exist."""
    if not root.is_dir():
        raise InputError(f"corpus folder {root}: no such folder; {layout}")


def audio_files(root: Path, folders: tuple[str, ...], layout: str) -> list[Path]:
    """Return the sound files of the first of `folders` under `root` that has any, sorted by name.

    Hidden files are skipped: archives made on a Mac hold a `._NAME.wav` beside each sound file.

    Args:
        folders: glob patterns relative to root, tried in order ("." is the root itself).
        layout: the expected layout, for the error message.

    Raises:
        InputError: the root does not exist, or none of the folders holds a sound file.
    """
    check_folder(root, layout)
    for pattern in folders:
        matches = [root] if pattern == "." else filter(Path.is_dir, sorted(root.glob(pattern)))
        files = [
            file
            for folder in matches
            for file in sorted(folder.iterdir())
            if file.suffix.lower() in AUDIO_ENDINGS and not file.name.startswith(".")
        ]
        if files:
            return files
    raise InputError(f"corpus folder {root}: no sound files in {' or '.join(folders)}; {layout}")


def sound_file(folder: Path, name: str) -> Path | None:
    """Return the sound file `name` in `folder`, whatever its ending; None if there is none."""
    candidates = (folder / f"{name}{ending}" for ending in AUDIO_ENDINGS)
    return next((path for path in candidates if path.is_file()), None)


def check_none_missing(missing: Sequence[str], folder: Path, advice: str) -> None:
    """Raise InputError if the corpus lists sound files that are not in `folder`."""
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise InputError(
            f"corpus folder {folder}: sound files listed but missing: {len(missing)} ({shown}); "
            f"{advice}"
        )


def unique(utterances: list[Utterance]) -> list[Utterance]:
    """Return the utterances, after checking that no two have the same key.

    Raises:
        InputError: two utterances have the same key.
    """
    by_key: dict[str, Utterance] = {}
    for utterance in utterances:
        first = by_key.setdefault(utterance.key, utterance)
        if first is not utterance:
            raise InputError(
                f"{utterance.path}: {utterance.key} is in the corpus twice, here and as "
                f"{first.path}; keep one"
            )
    return utterances


def read_text(path: Path, layout: str) -> str:
    """Return the content of a text file.

    Bytes that are not UTF-8 become U+FFFD: they occur in comments and texts of older corpora, not
    in labels and names.

    Raises:
        InputError: the file cannot be read.
    """
    return _read_text(path, layout, "replace")


def _read_text(path: Path, layout: str, errors: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = placeholder_advice(path) or error.strerror or error
        raise InputError(f"{path}: {reason}; {layout}") from error
    if advice := advice_on_content(content):
        raise InputError(f"{path}: {advice}")
    return content.decode("utf-8-sig", errors)


def table_rows(
    path: Path,
    columns: Sequence[str],
    layout: str,
    delimiter: str = ",",
    file_names: Sequence[str] = (),
) -> list[tuple[str, dict[str, str]]]:
    """Return the rows of a table, each with its position: "FILE, line N".

    Args:
        columns: required columns; others are kept.
        file_names: columns of file names, which may hold any bytes.

    Raises:
        InputError: the file cannot be read, is no table, lacks a column, or a row is too short.
    """
    # csv splits the lines: a quoted text may contain line ends.
    text = _read_text(path, layout, "surrogateescape")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        found = reader.fieldnames or []
        rows = [(f"{path}, line {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: not a table: {error}; {layout}") from error
    absent = [column for column in columns if column not in found]
    if absent:
        raise InputError(
            f"{path}: no column {', '.join(absent)}; found {', '.join(found) or 'none'}; {layout}"
        )
    for where, row in rows:
        for column, value in row.items():
            if isinstance(value, str) and column not in file_names:
                row[column] = SURROGATE.sub("\ufffd", value)
        short = [column for column in columns if row[column] is None]
        if short:
            raise InputError(f"{where}: nothing in column {', '.join(short)}; {layout}")
    return rows


INDEX = "index.csv"
"""Table of the clips of several corpora, one row each: path, corpus, speaker, text and others."""


def index_rows(root: Path, corpus: str) -> dict[str, dict[str, str]]:
    """Return file name without ending -> row of the index of clips, in the folder or beside it.

    It names what file names do not tell, such as speakers and texts. Without an index: {}.

    Raises:
        InputError: the index cannot be read, or lacks the column path or corpus.
    """
    for table in (root / INDEX, root.parent / INDEX):
        if table.is_file():
            rows = table_rows(table, ("path", "corpus"), "the index of clips has them")
            return {Path(row["path"]).stem: row for _, row in rows if row["corpus"] == corpus}
    return {}


def label_at(label: str, where: str) -> str:
    """Return `canonical_label`, with the label's position in the error message."""
    try:
        return canonical_label(label)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def gender_of(word: str) -> str:
    """Return "f" for female, "m" for male, "" for anything else.

    >>> gender_of("Female"), gender_of("male"), gender_of("")
    ('f', 'm', '')
    """
    return {"female": "f", "male": "m"}.get(word.strip().lower(), "")
