"""MELD: conversations of the television series Friends, seven emotions, with transcripts.

Poria et al., "MELD: a multimodal multi-party dataset for emotion recognition in conversations",
ACL 2019. Labels and texts, in a table per part of the official split, are GPL 3.0; the sound is the
series'. Speakers are who the script names ("Joey", but also "All" and "Joey and Chandler"), and the
parts share the main ones: a split by speaker is not MELD's.
"""

from __future__ import annotations

from pathlib import Path

from ser_stream.corpora.base import (
    Utterance,
    check_folder,
    check_none_missing,
    label_at,
    sound_file,
    table_rows,
    unique,
)
from ser_stream.corpora.registry import register
from ser_stream.errors import InputError

FOLDERS = {
    "train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test",
}  # fmt: skip
"""Part of the official split -> folder of its recordings."""
LAYOUT = (
    "MELD is read from train_sent_emo.csv and train_splits/dia0_utt0.wav, dev_sent_emo.csv and "
    "dev_splits_complete/, test_sent_emo.csv and output_repeated_splits_test/, all in MELD.Raw, or "
    "each part in a folder train, dev or test of it"
)
EXTRACT = (
    "MELD comes as .mp4, whose sound must be extracted first, into the same folder: "
    "ffmpeg -i dia0_utt0.mp4 dia0_utt0.wav, and so on"
)
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
WITHOUT_SOUND = {"train/dia125_utt3", "dev/dia110_utt7"}
"""Gaps of the distribution: the first cannot be decoded, the second is missing
(github.com/declare-lab/MELD, issues 39 and 22). Both are neutral."""


def speaker_name(speaker: str) -> str:
    """Return `Utterance.speaker` of a name in the script."""
    return f"meld-{speaker}"


@register(
    "meld",
    title="MELD",
    speaker_name=speaker_name,
    licence="GPL 3.0; the sound is a television series'",
    commercial_use=False,
    speech="a television series, English",
)
def read(root: Path) -> list[Utterance]:
    """Return all utterances of a MELD folder that have sound; `session` is the part of the split.

    Raises:
        InputError: the layout is not MELD's, sound that the distribution has is missing, a label
            is not known, or an utterance is listed twice.
    """
    return unique([u for part in FOLDERS for u in _part(root, part)])


def labelled_rows(root: Path, part: str) -> list[tuple[dict[str, str], str]]:
    """Return the rows of a part's table, each with its canonical label; sound is not needed.

    Raises:
        InputError: the layout is not MELD's, or a label is not known.
    """
    table = _first(_raw(root), part, f"{part}_sent_emo.csv")
    rows = table_rows(table, COLUMNS, LAYOUT)
    return [(row, label_at(row["Emotion"], where)) for where, row in rows]


def _raw(root: Path) -> Path:
    check_folder(root, LAYOUT)
    return root / "MELD.Raw" if (root / "MELD.Raw").is_dir() else root


def _part(root: Path, part: str) -> list[Utterance]:
    rows = labelled_rows(root, part)
    folder = _first(_raw(root), part, FOLDERS[part])
    utterances, missing = [], []
    for row, label in rows:
        stem = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
        path = sound_file(folder, stem)
        if path is not None:
            utterances.append(
                Utterance(
                    path=path,
                    corpus="meld",
                    speaker=speaker_name(row["Speaker"].strip()),
                    gender="",
                    label=label,
                    language="en",
                    session=part,
                    text=row["Utterance"],
                    name=f"{part}/{stem}",
                )
            )
        elif f"{part}/{stem}" not in WITHOUT_SOUND:
            missing.append(stem)
    check_none_missing(missing, folder, EXTRACT)
    return utterances


def _first(raw: Path, part: str, name: str) -> Path:
    """Return the file or folder in `raw`, or in the folder that the part's archive unpacks to."""
    for path in (raw / name, raw / part / name):
        if path.exists():
            return path
    raise InputError(f"corpus folder {raw}: no {name}, nor {part}/{name}; {LAYOUT}")
