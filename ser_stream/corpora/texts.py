"""Corpora of written text with emotions: GoEmotions and MELD, without sound.

Both are mapped onto `ser_stream.emotion.BASIC_EMOTIONS`:

    ========  ============================================================================
    here      GoEmotions
    ========  ============================================================================
    neutral   neutral
    happy     admiration, amusement, approval, caring, desire, excitement, gratitude, joy,
              love, optimism, pride, relief
    sad       sadness, disappointment, embarrassment, grief, remorse
    angry     anger, annoyance, disapproval
    fear      fear, nervousness
    disgust   disgust
    surprise  surprise, confusion, curiosity, realization
    ========  ============================================================================

This is its authors' own grouping by Ekman's emotions (Demszky et al., "GoEmotions: a dataset of
fine-grained emotions", ACL 2020, appendix). MELD has these seven already. The official splits are
used: train, dev, test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ser_stream.corpora.base import check_folder, read_text
from ser_stream.errors import InputError, shown
from ser_stream.features.spoken import spoken_words

PARTS = ("train", "dev", "test")
EKMAN = {
    "neutral": "neutral",
    "happy": (
        "admiration amusement approval caring desire excitement gratitude joy love optimism pride "
        "relief"
    ),
    "sad": "sadness disappointment embarrassment grief remorse",
    "angry": "anger annoyance disapproval",
    "fear": "fear nervousness",
    "disgust": "disgust",
    "surprise": "surprise confusion curiosity realization",
}
GOEMOTIONS = {name: label for label, names in EKMAN.items() for name in names.split()}
"""GoEmotions label, of its 28 or of its 7 -> one of `BASIC_EMOTIONS`."""
GOEMOTIONS_LAYOUT = (
    "GoEmotions is read from train.tsv, dev.tsv and test.tsv (text, numbers of its emotions with "
    "commas between them, id; tabs between these three) and labels.txt or emotions.txt (a label a "
    "line, number 0 first), all in one folder, or in its folder data"
)


@dataclasses.dataclass(frozen=True)
class LabelledText:
    """A written text, or a transcript, and its emotions.

    Attributes:
        text: as the corpus has it.
        emotions: one of `BASIC_EMOTIONS` for each label of the text, nearly always one; several
            count equally, see `shares`.
        part: part of the official split, one of `PARTS`.
        corpus: a key of `TEXT_CORPORA`.
    """

    text: str
    emotions: tuple[str, ...]
    part: str
    corpus: str

    def words(self, marks: bool = False) -> list[str]:
        """Return the words as a recogniser gives them (`spoken_words`); [""] if there are none."""
        return spoken_words(self.text, marks) or [""]

    @property
    def label(self) -> str | None:
        """The emotion; None for a text with several different ones."""
        return self.emotions[0] if len(set(self.emotions)) == 1 else None

    def shares(self, labels: tuple[str, ...]) -> list[float]:
        """Return the soft label: the share of each emotion, in the order of `labels`.

        >>> text = LabelledText("Wow, thanks!", ("happy", "happy", "surprise"), "train", "")
        >>> [round(share, 2) for share in text.shares(("happy", "surprise", "sad"))]
        [0.67, 0.33, 0.0]
        """
        return [self.emotions.count(label) / len(self.emotions) for label in labels]


def read_goemotions(root: Path) -> list[LabelledText]:
    """Return all comments of GoEmotions, in the layout with 28 labels or with Ekman's seven.

    A sixth of the comments has several of the 28 labels, a tenth several of the seven. They are
    kept, each label with an equal share: the raters saw both emotions. An evaluation that needs one
    label per text takes those whose `label` is not None.

    Raises:
        InputError: the layout is not GoEmotions', or a label is not known.
    """
    check_folder(root, GOEMOTIONS_LAYOUT)
    folder = root / "data" if (root / "data").is_dir() else root
    names = next(
        (n for n in ("labels.txt", "emotions.txt") if (folder / n).is_file()), "labels.txt"
    )
    labels = read_text(folder / names, GOEMOTIONS_LAYOUT).split()
    unknown = [label for label in labels if label not in GOEMOTIONS]
    if unknown or not labels:
        raise InputError(
            f"{folder / names}: found {', '.join(unknown) or 'no label'}; accepted are "
            f"{', '.join(GOEMOTIONS)}"
        )
    emotions = [GOEMOTIONS[label] for label in labels]
    return [text for part in PARTS for text in _comments(folder / f"{part}.tsv", part, emotions)]


def _comments(path: Path, part: str, emotions: list[str]) -> list[LabelledText]:
    comments = []
    for number, line in enumerate(read_text(path, GOEMOTIONS_LAYOUT).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        columns = line.rstrip("\r").split("\t")
        if len(columns) != 3:
            raise InputError(f"{where}: found {len(columns)} columns; {GOEMOTIONS_LAYOUT}")
        text, numbers, _ = columns
        try:
            given = [int(number) for number in numbers.split(",")]
        except ValueError:
            given = [-1]
        if not all(0 <= number < len(emotions) for number in given):
            raise InputError(
                f"{where}: found labels {numbers!r}; accepted are numbers from 0 to "
                f"{len(emotions) - 1}, with commas between them"
            )
        comments.append(
            LabelledText(text, tuple(emotions[number] for number in given), part, "goemotions")
        )
    return comments


def read_meld(root: Path) -> list[LabelledText]:
    """Return all utterances of MELD's three tables, in the layout of `ser_stream.corpora.meld`.

    Sound files are not needed, so the two utterances without sound are included.

    Raises:
        InputError: the layout is not MELD's, or a label is not known.
    """
    from ser_stream.corpora import meld

    return [
        LabelledText(row["Utterance"], (label,), part, "meld")
        for part in PARTS
        for row, label in meld.labelled_rows(root, part)
    ]


@dataclasses.dataclass(frozen=True)
class TextCorpus:
    """How a corpus of texts is read, and what its licence permits; see `registry.Corpus`."""

    title: str
    read: Callable[[Path], list[LabelledText]]
    licence: str
    commercial_use: bool


TEXT_CORPORA = {
    "goemotions": TextCorpus("GoEmotions", read_goemotions, "Apache 2.0", commercial_use=True),
    "meld": TextCorpus("MELD", read_meld, "GPL 3.0", commercial_use=False),
}


def read_texts(root: Path, names: list[str]) -> list[LabelledText]:
    """Return the texts of several corpora, each in the folder of its name under `root`.

    Raises:
        InputError: a name is not known, or a corpus cannot be read.
    """
    for name in names:
        if name not in TEXT_CORPORA:
            raise InputError(
                f"corpus of texts: found {shown(name)}; accepted are {', '.join(TEXT_CORPORA)}"
            )
    return [text for name in names for text in TEXT_CORPORA[name].read(root / name)]
