"""Simulated errors of a speech recogniser, in texts without sound.

Of the errors, 60 % are substitutions, 25 % deletions and 15 % insertions, as is common in
conversation. A word is replaced by one of the texts' words that sounds or is spelt alike. Real
recognition errors come in runs and respect a language model; these do neither.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from ser_stream.features.vocabulary import MARKS

SUBSTITUTION, DELETION, INSERTION = 0.60, 0.25, 0.15
MAX_CONFUSIONS = 12
"""Maximum number of confusions of a word; the most frequent similar words are kept."""
N_INSERTED = 50
"""Size of the set that inserted words are drawn from: the most frequent words, which are short."""

_SPELLINGS = (
    ("'", ""), ("^kn", "n"), ("^wr", "r"), ("^ps", "s"), ("mb$", "m"), ("gh(?=t|$)", ""),
    ("gh", "g"), ("ph", "f"), ("tch|ch|sh|[cst]i(?=o|a)", "x"), ("dg|j", "z"), ("c(?=[eiy])", "s"),
    ("ck|c|q", "k"), ("th|d", "t"), ("z", "s"), ("v", "f"), ("b", "p"), ("g", "k"),
    ("^[aeiouy]+", "a"), ("(?<!^)[aeiouyhw]+", "."), ("\\.$", ""), (r"(\w)\1+", r"\1"),
)  # fmt: skip
_SOUNDS = tuple((re.compile(letters), sound) for letters, sound in _SPELLINGS)


def sound_of(word: str) -> str:
    """Return a rough sound of an English word: voiceless consonants, and one vowel for all.

    >>> [sound_of(word) for word in ("night", "knight", "card", "great", "bag", "easy", "is")]
    ['n.t', 'n.t', 'k.rt', 'kr.t', 'p.k', 'as', 'as']
    """
    for letters, sound in _SOUNDS:
        word = letters.sub(sound, word)
    return word


class RecognitionErrors:
    """Draws recognition errors.

    Args:
        counts: word of the training texts -> number of occurrences.
    """

    def __init__(self, counts: Mapping[str, int]):
        words = sorted(counts.keys() - {"", *MARKS}, key=lambda word: (-counts[word], word))
        self._frequent = words[:N_INSERTED]
        self._common = words[:1000]
        self._confusions = _confusions(words)

    def confusions(self, word: str) -> list[str]:
        """Return the words that a word may be confused with, the most frequent first."""
        return self._confusions.get(word, [])

    def apply(self, words: list[str], rate: float, rng: np.random.Generator) -> list[str]:
        """Return the words with `rate` errors per word on average, and at least one word.

        A word without similar words is replaced by any common one. Marks are deleted at the same
        rate, and never inserted.
        """
        recognised = []
        for word, chance in zip(words, rng.random((len(words), 2)), strict=True):
            if word in MARKS:
                recognised += [word] if chance[0] >= rate else []
                continue
            if chance[0] < rate * DELETION:
                pass
            elif chance[0] < rate * (DELETION + SUBSTITUTION):
                candidates = self.confusions(word) or self._common
                recognised.append(candidates[rng.integers(len(candidates))])
            else:
                recognised.append(word)
            if chance[1] < rate * INSERTION:
                recognised.append(self._frequent[rng.integers(len(self._frequent))])
        return recognised or [words[rng.integers(len(words))]]


def _confusions(words: Sequence[str]) -> dict[str, list[str]]:
    """Return word -> words of the same sound, or equal after leaving out a letter of each."""
    groups = defaultdict(list)
    for word in words:
        for key in {f"={sound_of(word)}", *_shortened(word)}:
            groups[key].append(word)
    alike: dict[str, set[str]] = defaultdict(set)
    for group in groups.values():
        for word in group:
            alike[word].update(group[: MAX_CONFUSIONS + 1])
    rank = {word: place for place, word in enumerate(words)}
    return {
        word: sorted(others - {word}, key=rank.__getitem__)[:MAX_CONFUSIONS]
        for word, others in alike.items()
    }


def _shortened(word: str) -> set[str]:
    """Return the word and, unless it is short, the word without each of its letters."""
    if len(word) < 4:
        return {word}
    return {word} | {word[:i] + word[i + 1 :] for i in range(len(word))}
