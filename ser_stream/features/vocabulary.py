"""Words as numbers, and word vectors from a file."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from ser_stream.errors import InputError
from ser_stream.features.subwords import ngram_numbers

PADDING, UNKNOWN = 0, 1
"""Numbers that stand for no word: behind the last word, and any word that is not known."""

MARKS = ("?", "!")
"""The only punctuation that can be a word of its own, for networks that are given it."""

_AROUND = re.compile(r"^[^\w']+|[^\w']+$")
_PRONUNCIATION = re.compile(r"\(\d+\)$")


@functools.lru_cache(maxsize=100_000)
def spelling(text: str) -> str:
    """The word as vocabulary and word vectors have it: lower case, no punctuation around it.

    The number that Sphinx, and with it IEMOCAP's alignments, puts behind a word's second and
    further pronunciations is left out. `MARKS` that stand alone stay.

    >>> [spelling(word) for word in ("I'M", "Apple,", "the(2)", "...", "why?", "?")]
    ["i'm", 'apple', 'the', '', 'why', '?']
    """
    if text in MARKS:
        return text
    return _AROUND.sub("", _PRONUNCIATION.sub("", text.lower().replace("\u2019", "'")))


class Vocabulary:
    """The words a network knows, numbered from 2 on; all others share one number, `UNKNOWN`.

    >>> vocabulary = Vocabulary(["like", "apple"])
    >>> vocabulary.numbers(["I", "like", "Apple."]).tolist(), len(vocabulary)
    ([1, 2, 3], 4)

    Args:
        words: as `spelling` gives them.
        ngram_buckets: of `ser_stream.features.subwords`, for a network that sees the n-grams of
            words too; 0 for one that does not.

    Raises:
        InputError: a word is there twice, or is spelt otherwise.
    """

    def __init__(self, words: Iterable[str], ngram_buckets: int = 0):
        self.words = tuple(words)
        self.ngram_buckets = ngram_buckets
        self._numbers = {word: number for number, word in enumerate(self.words, UNKNOWN + 1)}
        if len(self._numbers) < len(self.words):
            twice = next(word for word, n in Counter(self.words).items() if n > 1)
            raise InputError(f"vocabulary: {twice!r} is there twice")
        for word in self.words:
            if not word or spelling(word) != word:
                raise InputError(f"vocabulary: found {word!r}, expected {spelling(word)!r}")

    def __len__(self) -> int:
        """How many numbers there are, those of padding and unknown words among them."""
        return UNKNOWN + 1 + len(self.words)

    def numbers(self, words: Iterable[str]) -> np.ndarray:
        """Words in any spelling -> their numbers (words,), int64."""
        numbers = [self._numbers.get(spelling(word), UNKNOWN) for word in words]
        return np.array(numbers, np.int64)

    def ngrams(self, words: Iterable[str]) -> np.ndarray:
        """Words in any spelling -> the buckets of their n-grams (words, most), int64, 0 behind.

        There is one column at least, of words without letters too.
        """
        found = [ngram_numbers(spelling(word), self.ngram_buckets) for word in words]
        numbers = np.zeros((len(found), max([1, *map(len, found)])), np.int64)
        for row, ngrams in zip(numbers, found, strict=True):
            row[: len(ngrams)] = ngrams
        return numbers

    def encode(self, words: Sequence[str]) -> tuple[np.ndarray, ...]:
        """What `ser_stream.models.segment_batch.SegmentBatch` is given of an utterance's words.

        Their numbers, and the buckets of their n-grams where there are any.
        """
        if not self.ngram_buckets:
            return (self.numbers(words),)
        return self.numbers(words), self.ngrams(words)


def count_words(
    sentences: Iterable[Iterable[str]],
    min_count: int = 2,
    max_words: int | None = None,
    ngram_buckets: int = 0,
) -> Vocabulary:
    """The vocabulary of a training set, the most frequent word first.

    Words that are rarer than `min_count` stay unknown. It is they from which the network learns
    what an unknown word means: with 1, the vector of unknown words would never be trained.

    Args:
        max_words: keep the most frequent ones only; None keeps all.
        ngram_buckets: see `Vocabulary`.
    """
    counts = Counter(spelling(word) for sentence in sentences for word in sentence)
    known = [word for word, n in counts.items() if n >= min_count and word]
    known = sorted(known, key=lambda word: (-counts[word], word))[:max_words]
    return Vocabulary(known, ngram_buckets)


def read_word_vectors(
    path: Path, words: Collection[str], dimension: int = 300
) -> dict[str, np.ndarray]:
    """Vectors (dimension,) float32 of those words that a text file of GloVe's has.

    A line is a word and its values, between single spaces (glove.6B.300d.txt, glove.840B.300d.txt).

    Raises:
        InputError: the file cannot be read, or a line has another number of values.
    """
    vectors = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                # From the right: some of GloVe's words hold spaces.
                word, *values = line.rstrip("\n").rsplit(" ", dimension)
                if len(values) != dimension:
                    raise InputError(
                        f"{path}, line {number}: found {len(values)} values, expected a word and "
                        f"{dimension}"
                    )
                if word in words:
                    vectors[word] = np.array(values, np.float32)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a text file of word vectors: {error}") from error
    return vectors
