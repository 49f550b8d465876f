"""A user's own clips: a CSV table of sound files, their emotions and their speakers."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from ser_stream.corpora.base import Utterance, label_at, table_rows
from ser_stream.errors import InputError, shown
from ser_stream.text import valid_text

TABLE = "labels.csv"
LAYOUT = (
    "own clips are listed in a CSV file with the columns path (from the file's folder, or "
    "absolute), label and, if there are several, speaker"
)


@dataclasses.dataclass(frozen=True)
class OwnClips:
    """The clips that a table lists.

    Attributes:
        utterances: clips that can be used, in the order of the table.
        unknown_labels: one message per clip whose label is no known emotion.
        missing_files: one message per clip whose sound file does not exist.
    """

    utterances: list[Utterance]
    unknown_labels: list[str]
    missing_files: list[str]


def table_of(path: Path) -> Path:
    """Return the table itself, or `labels.csv` of a folder."""
    return path / TABLE if path.is_dir() else path


def read(path: Path) -> list[Utterance]:
    """Return the utterances of a table, or of `labels.csv` in a folder, in its order.

    Raises:
        InputError: the table cannot be read or lacks a column, a sound file does not exist, or a
            label is not known.
    """
    clips = read_usable(path)
    for problem in clips.unknown_labels + clips.missing_files:
        raise InputError(problem)
    return clips.utterances


def read_usable(path: Path) -> OwnClips:
    """Return the usable utterances of a table, and one message for each clip that is not usable.

    Raises:
        InputError: the table cannot be read, lacks a column, lists no clip or lists one twice.
    """
    table = table_of(path)
    rows = table_rows(table, ("path", "label"), LAYOUT, file_names=("path",))
    if not rows:
        raise InputError(f"{table}: it lists no clips; {LAYOUT}")
    clips = OwnClips([], [], [])
    listed: dict[str, str] = {}
    for where, row in rows:
        name = row["path"].strip()
        if (first := listed.setdefault(valid_text(name), where)) != where:
            raise InputError(f"{where}: path {name!r} is listed twice; the first is {first}")
        try:
            label = label_at(row["label"], where)
        except InputError as error:
            clips.unknown_labels.append(str(error))
            continue
        sound = table.parent / name
        if not os.path.isfile(sound):  # also where the name is too long
            problem = f"{where}: found path {shown(name)}, where no file is; {LAYOUT}"
            clips.missing_files.append(problem)
            continue
        clips.utterances.append(
            Utterance(
                path=sound,
                corpus="own",
                speaker=(row.get("speaker") or "").strip(),
                gender="",
                label=label,
                language="",
                name=name,
            )
        )
    return clips
