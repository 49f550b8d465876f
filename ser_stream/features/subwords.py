"""Character n-grams of words, which give vectors to words that were not in training.

Bojanowski, Grave, Joulin and Mikolov, "Enriching word vectors with subword information", TACL 5,
2017, section 3.2: a word between boundary symbols, `<where>`, is the bag of its n-grams, and
n-grams are hashed into a fixed number of buckets. Here n is 3 to 5 (the paper: 3 to 6), and the
hash is CRC-32 (the paper: FNV-1a), which Python has in C and which is the same in every process.
"""

from __future__ import annotations

import functools
import zlib

LENGTHS = (3, 4, 5)
"""Lengths n of the n-grams."""
MAX_LETTERS = 24
"""Letters of a word that are used, since a batch is as wide as its longest word ("noooooo...")."""


def ngrams(word: str) -> list[str]:
    """Return the character n-grams of a word with its boundary symbols, shorter ones first.

    >>> ngrams("cat")
    ['<ca', 'cat', 'at>', '<cat', 'cat>', '<cat>']
    """
    bounded = f"<{word[:MAX_LETTERS]}>"
    return [bounded[i : i + n] for n in LENGTHS for i in range(len(bounded) - n + 1)]


@functools.lru_cache(maxsize=100_000)
def ngram_numbers(word: str, buckets: int) -> tuple[int, ...]:
    """Return the buckets of a word's n-grams, numbered from 1; 0 is padding. "" has none.

    Args:
        word: a word as spelt by `ser_stream.features.vocabulary.spelling`.
        buckets: number of buckets.
    """
    return tuple(1 + zlib.crc32(ngram.encode()) % buckets for ngram in ngrams(word) if word)
