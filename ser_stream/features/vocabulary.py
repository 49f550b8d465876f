"""The mapping of words to numbers, and word vectors read from a file."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from ser_stream.errors import InputError, shown
from ser_stream.features.subwords import ngram_numbers

PADDING, UNKNOWN = 0, 1
"""Numbers of padding after the last word, and of words that are not in the vocabulary."""

MARKS = ("?", "!")
"""The only punctuation that may be a word, for networks trained with it."""

_AROUND = re.compile(r"^[^\w']+|[^\w']+$")
_PRONUNCIATION = re.compile(r"\(\d+\)$")


@functools.lru_cache(maxsize=100_000)
def spelling(text: str) -> str:
    """Return a word's spelling in vocabularies and word vectors: lower case, no outer punctuation.

    The number that Sphinx, and with it IEMOCAP's alignments, appends to further pronunciations of a
    word is removed. `MARKS` on their own are kept.

    >>> [spelling(word) for word in ("I'M", "Apple,", "the(2)", "...", "why?", "?")]
    ["i'm", 'apple', 'the', '', 'why', '?']
    """
    if text in MARKS:
        return text
    return _AROUND.sub("", _PRONUNCIATION.sub("", text.lower().replace("\u2019", "'")))


class Vocabulary:
    """The words that a network knows, numbered from 2; all others share the number `UNKNOWN`.

    >>> vocabulary = Vocabulary(["like", "apple"])
    >>> vocabulary.numbers(["I", "like", "Apple."]).tolist(), len(vocabulary)
    ([1, 2, 3], 4)

    Args:
        words: words as spelt by `spelling`.
        ngram_buckets: buckets of `ser_stream.features.subwords`; 0 for a network without n-grams.

    Raises:
        InputError: a word occurs twice, or is not spelt as by `spelling`.
    """

    def __init__(self, words: Iterable[str], ngram_buckets: int = 0):
        self.words = tuple(words)
        self.ngram_buckets = ngram_buckets
        self._numbers = {word: number for number, word in enumerate(self.words, UNKNOWN + 1)}
        if len(self._numbers) < len(self.words):
            twice = next(word for word, n in Counter(self.words).items() if n > 1)
            raise InputError(
                f"vocabulary: found {shown(twice)} twice; accepted are different words"
            )
        for word in self.words:
            if not word or spelling(word) != word:
                raise InputError(f"vocabulary: found {shown(word)}, expected {spelling(word)!r}")

    def __len__(self) -> int:
        """Return the number of numbers, including those of padding and unknown words."""
        return UNKNOWN + 1 + len(self.words)

    def numbers(self, words: Iterable[str]) -> np.ndarray:
        """Return the numbers (words,) int64 of words in any spelling."""
        numbers = [self._numbers.get(spelling(word), UNKNOWN) for word in words]
        return np.array(numbers, np.int64)

    def ngrams(self, words: Iterable[str]) -> np.ndarray:
        """Return the buckets of the n-grams (words, ngrams) int64 of words in any spelling.

        Rows are padded with 0; there is at least one column.
        """
        found = [ngram_numbers(spelling(word), self.ngram_buckets) for word in words]
        numbers = np.zeros((len(found), max([1, *map(len, found)])), np.int64)
        for row, ngrams in zip(numbers, found, strict=True):
            row[: len(ngrams)] = ngrams
        return numbers

    def encode(self, words: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Return the arrays of an utterance's words for `ser_stream.models.segment_batch`.

        They are the words' numbers and, with `ngram_buckets`, the buckets of their n-grams.
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
    """Return the vocabulary of a training set, the most frequent word first.

    Args:
        sentences: the words of each sentence.
        min_count: rarer words stay unknown. They train the vector of unknown words, which would
            never be trained with 1.
        max_words: number of most frequent words to keep; None keeps all.
        ngram_buckets: see `Vocabulary`.
    """
    counts = Counter(spelling(word) for sentence in sentences for word in sentence)
    known = [word for word, n in counts.items() if n >= min_count and word]
    known = sorted(known, key=lambda word: (-counts[word], word))[:max_words]
    return Vocabulary(known, ngram_buckets)


def read_word_vectors(
    path: Path, words: Collection[str], dimension: int = 300
) -> dict[str, np.ndarray]:
    """Read the vectors (dimension,) float32 of those words that a text file in GloVe's format has.

    A line holds a word and its values, separated by single spaces (glove.6B.300d.txt,
    glove.840B.300d.txt).

    Args:
        path: the text file.
        words: words whose vectors are wanted.
        dimension: values of a vector.

    Raises:
        InputError: the file cannot be read, or a line has another number of values.
    """
    vectors = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                # Split from the right: some of GloVe's words contain spaces.
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
