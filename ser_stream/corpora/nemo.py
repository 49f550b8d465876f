"""nEMO: Polish, nine actors, ninety sentences, six emotions, with transcripts.

Christop, LREC-COLING 2024. CC BY-NC-SA 4.0. Labels and texts are in data.tsv.
"""

from __future__ import annotations

from pathlib import Path

from ser_stream.corpora.base import (
    Utterance,
    audio_files,
    check_none_missing,
    gender_of,
    label_at,
    table_rows,
    unique,
)
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

LAYOUT = "nEMO is read from data.tsv and samples/*.wav, or the same files in one flat folder"
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender")


def speaker_name(speaker: str) -> str:
    """Return `Utterance.speaker` of a speaker's code."""
    return f"nemo-{speaker}"


@register(
    "nemo",
    title="nEMO",
    speaker_name=speaker_name,
    licence="CC BY-NC-SA 4.0",
    commercial_use=False,
    speech="acted, Polish",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of an nEMO folder.

    Raises:
        InputError: the layout is not nEMO's, a sound file is not in the table, the table lists one
            that is missing, a label is not known, or a recording is found or listed twice.
    """
    files = audio_files(root, ("samples", "."), LAYOUT)
    table = root / "data.tsv"
    if not table.is_file():
        raise InputError(f"corpus folder {root}: no data.tsv; {LAYOUT}")
    rows = {}
    for where, row in table_rows(table, COLUMNS, LAYOUT, delimiter="\t"):
        name = Path(row["file_id"]).stem
        if name in rows:
            raise InputError(f"{where}: {name} is in the table twice")
        rows[name] = (where, row)
    utterances = []
    for path in files:
        if path.stem not in rows:
            raise InputError(f"{path}: not listed in {table}; {LAYOUT}")
        where, row = rows[path.stem]
        utterances.append(
            Utterance(
                path=path,
                corpus="nemo",
                speaker=speaker_name(row["speaker_id"].strip()),
                gender=gender_of(row["gender"]),
                label=label_at(row["emotion"], where),
                language="pl",
                text=row["raw_text"],
            )
        )
    missing = sorted(rows.keys() - {path.stem for path in files})
    check_none_missing(missing, files[0].parent, LAYOUT)
    return unique(utterances)
