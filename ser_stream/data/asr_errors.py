"""Mistakes of a speech recogniser, made in texts that nobody spoke.

Sixty of a hundred mistakes are substitutions, 25 deletions and 15 insertions: a choice, by what is
usual in conversation. A word is taken for one that sounds or is spelt alike; a recogniser writes
words only, so these are words of the texts. What is made here is milder than a recogniser in one
way, that its mistakes do not come in runs, and harsher in another, that they ignore what a language
model would.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from ser_stream.features.vocabulary import MARKS

SUBSTITUTION, DELETION, INSERTION = 0.60, 0.25, 0.15
MOST_ALIKE = 12
"""Words that one may be taken for: the most frequent ones of those that are alike."""
INSERTED = 50
"""Words that may be inserted: the most frequent ones, which are short, as what is inserted is."""

_SOUNDS = (
    ("'", ""), ("^kn", "n"), ("^wr", "r"), ("^ps", "s"), ("mb$", "m"), ("gh(?=t|$)", ""),
    ("gh", "g"), ("ph", "f"), ("tch|ch|sh|[cst]i(?=o|a)", "x"), ("dg|j", "z"), ("c(?=[eiy])", "s"),
    ("ck|c|q", "k"), ("th|d", "t"), ("z", "s"), ("v", "f"), ("b", "p"), ("g", "k"),
    ("^[aeiouy]+", "a"), ("(?<!^)[aeiouyhw]+", "."), ("\\.$", ""), (r"(\w)\1+", r"\1"),
)  # fmt: skip
_SOUNDS = tuple((re.compile(letters), sound) for letters, sound in _SOUNDS)


def sound_of(word: str) -> str:
    """Rough sound of an English word: its consonants, voiced as voiceless, vowels all the same.

    >>> [sound_of(word) for word in ("night", "knight", "card", "great", "bag", "easy", "is")]
    ['n.t', 'n.t', 'k.rt', 'kr.t', 'p.k', 'as', 'as']
    """
    for letters, sound in _SOUNDS:
        word = letters.sub(sound, word)
    return word


class RecognitionErrors:
    """Draws mistakes.

    Args:
        counts: words of the training texts -> how often they occur.
    """

    def __init__(self, counts: Mapping[str, int]):
        words = sorted(counts.keys() - {"", *MARKS}, key=lambda word: (-counts[word], word))
        self._frequent = words[:INSERTED]
        self._common = words[:1000]
        self._alike = _alike(words)

    def alike(self, word: str) -> list[str]:
        """What the word may be taken for, the most frequent first; none for a word without like."""
        return self._alike.get(word, [])

    def make(self, words: list[str], rate: float, rng: np.random.Generator) -> list[str]:
        """The words with mistakes, `rate` of them per word on average; one word at least is left.

        A word that is like no other is taken for any common one. A mark is not a word: it is lost
        at that rate, and never made.
        """
        heard = []
        for word, chance in zip(words, rng.random((len(words), 2)), strict=True):
            if word in MARKS:
                heard += [word] if chance[0] >= rate else []
                continue
            if chance[0] < rate * DELETION:
                pass
            elif chance[0] < rate * (DELETION + SUBSTITUTION):
                alike = self.alike(word) or self._common
                heard.append(alike[rng.integers(len(alike))])
            else:
                heard.append(word)
            if chance[1] < rate * INSERTION:
                heard.append(self._frequent[rng.integers(len(self._frequent))])
        return heard or [words[rng.integers(len(words))]]


def _alike(words: Sequence[str]) -> dict[str, list[str]]:
    """Word -> words of the same sound, or that become the same when each loses a letter or none."""
    groups = defaultdict(list)
    for word in words:
        for key in {f"={sound_of(word)}", *_shortened(word)}:
            groups[key].append(word)
    alike: dict[str, set[str]] = defaultdict(set)
    for group in groups.values():
        for word in group:
            alike[word].update(group[: MOST_ALIKE + 1])
    rank = {word: place for place, word in enumerate(words)}
    return {
        word: sorted(others - {word}, key=rank.get)[:MOST_ALIKE] for word, others in alike.items()
    }


def _shortened(word: str) -> set[str]:
    """The word, and the word without one of its letters; of a short word nothing is left out."""
    if len(word) < 4:
        return {word}
    return {word} | {word[:i] + word[i + 1 :] for i in range(len(word))}
