"""Forced alignment: times of words for corpora that have texts only, cached on disk."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import cache_path, read_or_write
from ser_stream.data.reading import read_utterances, recording_stamps
from ser_stream.errors import InputError, shown
from ser_stream.files import replacing
from ser_stream.units import SAMPLE_RATE_HZ, Seconds
from ser_stream.words import Word

ALIGNERS = ("pocketsphinx",)

log = logging.getLogger("ser_stream.training")


def align(utterances: Sequence[Utterance], folder: Path) -> list[Utterance]:
    """Add the times of words, found by PocketSphinx, to utterances that have none.

    If a word is not found in the sound, as in one sentence of ten in CREMA-D, all words of the
    utterance get equal shares of its duration. The number of such utterances is logged.

    Raises:
        InputError: an utterance has no text, or it is not English; or PocketSphinx is missing.
    """
    for utterance in utterances:
        if not utterance.words and (not utterance.text or utterance.language != "en"):
            raise InputError(
                f"{utterance.key}: found {shown(utterance.text)} in "
                f"{utterance.language!r} to align; "
                "accepted are English texts. For others set features: segmentation: equal"
            )
    key = ["alignment", recording_stamps(utterances), [u.text for u in utterances]]
    path = cache_path(folder, key, ".words.json")

    def read() -> list[Utterance]:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [
            dataclasses.replace(utterance, words=tuple(Word(*word) for word in words))
            for utterance, words in zip(utterances, content, strict=True)
        ]

    def write() -> None:
        found = [[dataclasses.astuple(word) for word in words] for words in _align(utterances)]
        with replacing(path, private=True) as file:
            file.write(json.dumps(found).encode())

    return read_or_write(path, read, write)


def _align(utterances: Sequence[Utterance]) -> list[tuple[Word, ...]]:
    from ser_stream.asr.pocketsphinx import Aligner

    aligner = Aligner()
    found, incomplete = {u.key: u.words for u in utterances}, 0
    without_times = [u for u in utterances if not u.words]
    for utterance, samples in read_utterances(without_times, "aligning words"):
        alignment = aligner.align(samples, utterance.text)
        found[utterance.key] = alignment.words
        if not alignment.complete:
            incomplete += 1
            duration_s = len(samples) / SAMPLE_RATE_HZ
            found[utterance.key] = equal_words(utterance.text, duration_s)
    if incomplete:
        log.info(
            "alignment: in %d of %d utterances not every word was found; their words divide the "
            "time equally", incomplete, len(utterances),
        )  # fmt: skip
    return [found[utterance.key] for utterance in utterances]


def equal_words(text: str, duration_s: Seconds) -> tuple[Word, ...]:
    """Divide a duration equally among the words of a text.

    >>> [(word.start_s, word.end_s) for word in equal_words("so it is", 3.0)]
    [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    """
    words = text.split()
    bounds = np.linspace(0.0, duration_s, len(words) + 1).tolist()
    return tuple(map(Word, words, bounds[:-1], bounds[1:]))
