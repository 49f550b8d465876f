"""Anybody's own clips: a table of sound files, their emotions and their speakers."""

from __future__ import annotations

from pathlib import Path

from ser_stream.corpora.base import Utterance, label_at, table_rows, unique
from ser_stream.errors import InputError

TABLE = "labels.csv"
LAYOUT = (
    "own clips are listed in a CSV file with the columns path (from the file's folder, or "
    "absolute), label and, if there are several, speaker"
)


def read(path: Path) -> list[Utterance]:
    """Utterances of a table, or of `labels.csv` in a folder, in its order.

    Raises:
        InputError: it cannot be read, lacks a column, lists a file that is not there or a label
            that is not known.
    """
    table = path / TABLE if path.is_dir() else path
    rows = table_rows(table, ("path", "label"), LAYOUT)
    if not rows:
        raise InputError(f"{table}: it lists no clips; {LAYOUT}")
    utterances = [
        Utterance(
            path=table.parent / row["path"].strip(),
            corpus="own",
            speaker=(row.get("speaker") or "").strip(),
            gender="",
            label=label_at(row["label"], where),
            language="",
            name=row["path"].strip(),
        )
        for where, row in rows
    ]
    for utterance, (where, _) in zip(utterances, rows, strict=True):
        if not utterance.path.is_file():
            raise InputError(f"{where}: found path {utterance.name!r}, where no file is; {LAYOUT}")
    return unique(utterances)
