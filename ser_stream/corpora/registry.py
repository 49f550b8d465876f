"""Speech corpora by name.

A reader registers itself with `register`. Its module is imported when its corpus is asked for, so
importing this module imports no reader.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ser_stream.corpora.base import Utterance
from ser_stream.errors import InputError, shown

READERS = (
    "ravdess", "cremad", "nemo", "iemocap", "emodb", "tess", "savee", "meld", "emotiontts_kr",
    "emospeech_in",
)  # fmt: skip
"""Names of the corpora; each is also the name of its reader's module in this folder."""

Reader = Callable[[Path], list[Utterance]]


@dataclasses.dataclass(frozen=True)
class Corpus:
    """How a corpus is read, and what its licence permits.

    Attributes:
        title: name of the corpus as people write it.
        read: corpus folder -> its labelled utterances.
        speaker_name: a speaker as the corpus and recipes name them -> `Utterance.speaker`.
        licence: as a person would cite it.
        commercial_use: whether a model trained on it may be used commercially.
        speech: kind of speech and its language, for model cards.
        balanced_by_word: whether training draws each word equally often with each label, since the
            words alone tell much of the labels.
    """

    title: str
    read: Reader
    speaker_name: Callable[[Any], str]
    licence: str
    commercial_use: bool
    speech: str
    balanced_by_word: bool = False


_registered: dict[str, Corpus] = {}


def register(
    name: str,
    *,
    title: str,
    speaker_name: Callable[[Any], str],
    licence: str,
    commercial_use: bool,
    speech: str,
    balanced_by_word: bool = False,
) -> Callable[[Reader], Reader]:
    """Return a decorator that registers a reader; for the arguments see `Corpus`."""

    def decorate(read: Reader) -> Reader:
        _registered[name] = Corpus(
            title, read, speaker_name, licence, commercial_use, speech, balanced_by_word
        )
        return read

    return decorate


class _Corpora(Mapping[str, Corpus]):
    """Name -> corpus, in the order of `READERS`; a lookup imports the reader."""

    def __getitem__(self, name: str) -> Corpus:
        if name not in READERS:
            raise KeyError(name)
        if name not in _registered:
            importlib.import_module(f"ser_stream.corpora.{name}")
        return _registered[name]

    def __contains__(self, name: object) -> bool:
        return name in READERS

    def __iter__(self) -> Iterator[str]:
        return iter(READERS)

    def __len__(self) -> int:
        return len(READERS)


CORPORA: Mapping[str, Corpus] = _Corpora()


def get_corpus(name: str) -> Corpus:
    """Return the corpus of that name.

    Raises:
        InputError: the name is not known.
    """
    if name not in CORPORA:
        raise InputError(f"corpus: found {shown(name)}; accepted are {', '.join(CORPORA)}")
    return CORPORA[name]


def read_corpora(root: Path, names: list[str]) -> list[Utterance]:
    """Return the utterances of several corpora, each in the folder of its name under `root`.

    Raises:
        InputError: a name is not known, or a corpus cannot be read.
    """
    return [utterance for name in names for utterance in get_corpus(name).read(root / name)]
