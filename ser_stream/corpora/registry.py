"""Corpora by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ser_stream.corpora import cremad, nemo, ravdess
from ser_stream.corpora.base import Utterance
from ser_stream.errors import InputError


@dataclasses.dataclass(frozen=True)
class Corpus:
    """How a corpus is read, and what its licence lets a model trained on it be used for."""

    title: str
    read: Callable[[Path], list[Utterance]]
    licence: str
    commercial_use: bool


CORPORA = {
    "ravdess": Corpus("RAVDESS", ravdess.read, "CC BY-NC-SA 4.0", commercial_use=False),
    "cremad": Corpus("CREMA-D", cremad.read, "ODbL 1.0", commercial_use=True),
    "nemo": Corpus("nEMO", nemo.read, "CC BY-NC-SA 4.0", commercial_use=False),
}


def get_corpus(name: str) -> Corpus:
    """Raises InputError for a name that is not known."""
    if name not in CORPORA:
        raise InputError(f"corpus: found {name!r}; accepted are {', '.join(CORPORA)}")
    return CORPORA[name]


def read_corpora(root: Path, names: list[str]) -> list[Utterance]:
    """Utterances of several corpora, each in the folder of its name under `root`."""
    return [utterance for name in names for utterance in get_corpus(name).read(root / name)]
