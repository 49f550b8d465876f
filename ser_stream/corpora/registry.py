"""Corpora by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ser_stream.corpora import cremad, emodb, iemocap, meld, nemo, ravdess, savee, tess
from ser_stream.corpora.base import Utterance
from ser_stream.errors import InputError


@dataclasses.dataclass(frozen=True)
class Corpus:
    """How a corpus is read, and what its licence lets a model trained on it be used for.

    Attributes:
        speaker_name: a speaker as the corpus, and a recipe, names them -> `Utterance.speaker`.
        speech: what kind, in which language, for model cards.
    """

    title: str
    read: Callable[[Path], list[Utterance]]
    speaker_name: Callable[[Any], str]
    licence: str
    commercial_use: bool
    speech: str


CORPORA = {
    "ravdess": Corpus(
        "RAVDESS", ravdess.read, ravdess.speaker_name, "CC BY-NC-SA 4.0", False, "acted, English"
    ),
    "cremad": Corpus(
        "CREMA-D", cremad.read, cremad.speaker_name, "ODbL 1.0", True, "acted, English"
    ),
    "nemo": Corpus("nEMO", nemo.read, nemo.speaker_name, "CC BY-NC-SA 4.0", False, "acted, Polish"),
    "iemocap": Corpus(
        "IEMOCAP", iemocap.read, iemocap.speaker_name, "IEMOCAP release form, research only", False,
        "acted dialogues, English",
    ),
    # CC0 is what audEERING's release says; the first distribution says nothing.
    "emodb": Corpus("EmoDB", emodb.read, emodb.speaker_name, "CC0 1.0", False, "acted, German"),
    "tess": Corpus(
        "TESS", tess.read, tess.speaker_name, "CC BY-NC-ND 4.0", False, "acted, English"
    ),
    "savee": Corpus(
        "SAVEE", savee.read, savee.speaker_name, "research only", False, "acted, English"
    ),
    "meld": Corpus(
        "MELD", meld.read, meld.speaker_name, "GPL 3.0; the sound is a television series'", False,
        "a television series, English",
    ),
}  # fmt: skip


def get_corpus(name: str) -> Corpus:
    """Raises InputError for a name that is not known."""
    if name not in CORPORA:
        raise InputError(f"corpus: found {name!r}; accepted are {', '.join(CORPORA)}")
    return CORPORA[name]


def read_corpora(root: Path, names: list[str]) -> list[Utterance]:
    """Utterances of several corpora, each in the folder of its name under `root`."""
    return [utterance for name in names for utterance in get_corpus(name).read(root / name)]
