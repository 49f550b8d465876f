"""Words as their character n-grams, so that a word that was never seen has a vector all the same.

Bojanowski, Grave, Joulin and Mikolov, "Enriching word vectors with subword information", TACL 5,
2017, section 3.2: a word between boundary symbols, `<where>`, is the bag of its n-grams, and
n-grams are hashed into a fixed number of buckets. Here n is 3 to 5 (the paper: 3 to 6), and the
hash is CRC-32 (the paper: FNV-1a), which Python has in C and which is the same in every process.
"""

from __future__ import annotations

import functools
import zlib

LENGTHS = (3, 4, 5)
MAX_LETTERS = 24
"""Of a word; what lies behind is not looked at, as in "noooooo...": a batch is as wide as the
longest word."""


def ngrams(word: str) -> list[str]:
    """Character n-grams of a word between its boundaries, shorter ones first.

    >>> ngrams("cat")
    ['<ca', 'cat', 'at>', '<cat', 'cat>', '<cat>']
    """
    bounded = f"<{word[:MAX_LETTERS]}>"
    return [bounded[i : i + n] for n in LENGTHS for i in range(len(bounded) - n + 1)]


@functools.lru_cache(maxsize=100_000)
def ngram_numbers(word: str, buckets: int) -> tuple[int, ...]:
    """Buckets of a word's n-grams, numbered from 1 on: 0 stands for none. "" has none.

    Args:
        word: as `ser_stream.features.vocabulary.spelling` gives it.
    """
    return tuple(1 + zlib.crc32(ngram.encode()) % buckets for ngram in ngrams(word) if word)
