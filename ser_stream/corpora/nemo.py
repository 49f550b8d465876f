"""nEMO: Polish, nine actors, ninety sentences, six emotions, with transcripts.

Christop, LREC-COLING 2024. CC BY-NC-SA 4.0. Labels and texts are in data.tsv.
"""

from __future__ import annotations

import csv
from pathlib import Path

from ser_stream.corpora.base import Utterance, audio_files
from ser_stream.emotion import canonical_label
from ser_stream.errors import InputError

LAYOUT = "nEMO is read from data.tsv and samples/*.wav, or the same files in one flat folder"


def read(root: Path) -> list[Utterance]:
    """All utterances of an nEMO folder.

    Raises:
        InputError: the layout is not nEMO's, or a sound file is not in the table.
    """
    files = audio_files(root, ("samples", "."), LAYOUT)
    table = root / "data.tsv"
    if not table.is_file():
        raise InputError(f"corpus folder {root}: no data.tsv; {LAYOUT}")
    with table.open(newline="", encoding="utf-8") as lines:
        rows = {Path(row["file_id"]).stem: row for row in csv.DictReader(lines, delimiter="\t")}
    utterances = []
    for path in files:
        row = rows.get(path.stem)
        if row is None:
            raise InputError(f"{path}: not listed in {table}; {LAYOUT}")
        utterances.append(
            Utterance(
                path=path,
                corpus="nemo",
                speaker="nemo-" + row["speaker_id"].strip(),
                gender=row["gender"].strip()[0],
                label=canonical_label(row["emotion"]),
                language="pl",
                text=row["raw_text"],
            )
        )
    return utterances
