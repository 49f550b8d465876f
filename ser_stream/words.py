"""Words with times, which corpora, speech recognisers and segmentation share."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

from ser_stream.units import Seconds

SPECIAL_TOKEN = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
"""Tokens that are no words, of recognisers and IEMOCAP's alignments: <s>, <sil>, [NOISE],
++LAUGHTER++."""


@dataclasses.dataclass(frozen=True)
class Word:
    """A word, or a special token, that is spoken from `start_s` to `end_s`, exclusive.

    IEMOCAP's alignments count units of 10 ms and include the last one: a word from 52 to 75 is
    spoken from 0.52 s to 0.76 s.

    Attributes:
        probability: confidence of the recogniser; 1 for words that a person wrote.
    """

    text: str
    start_s: Seconds
    end_s: Seconds
    probability: float = 1.0

    @property
    def is_special(self) -> bool:
        """Whether this is a special token, such as a noise."""
        return SPECIAL_TOKEN.fullmatch(self.text) is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name, as in JSON and `EmotionEstimate.words`."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Speech:
    """The words recognised in a turn so far, or in the whole turn when it has ended.

    Attributes:
        words: with times on the stream's clock.
        stable: number of words, from the first one, that stay unchanged until the turn ends.
        final: whether the turn has ended. Final words are those of the turn recognised as a whole,
            and may differ from earlier ones.
        start_s, end_s: the time span that was recognised, from the beginning of the turn.
        latency_ms: milliseconds from the capture of the last sample to these words.
        language: code of the language, where the recogniser says it; else "".
        late: whether the words came after the estimate of their turn had been published without
            them.
    """

    words: tuple[Word, ...]
    stable: int
    final: bool
    start_s: Seconds
    end_s: Seconds
    latency_ms: float
    language: str = ""
    late: bool = False

    @property
    def text(self) -> str:
        """The words, separated by spaces."""
        return " ".join(word.text for word in self.words)

    @property
    def confidence(self) -> float:
        """Mean probability of the words; 0 where there are none."""
        if not self.words:
            return 0.0
        return sum(word.probability for word in self.words) / len(self.words)


def with_times(words: Sequence[Word], start_s: Seconds, end_s: Seconds) -> tuple[Word, ...]:
    """Return words ordered by their starts; if one has no time (NaN), all share the span equally.

    >>> words = with_times([Word("a", math.nan, 0), Word("b", 0, 0)], 2.0, 4.0)
    >>> [(word.start_s, word.end_s) for word in words]
    [(2.0, 3.0), (3.0, 4.0)]
    """
    if all(math.isfinite(word.start_s) and math.isfinite(word.end_s) for word in words):
        return tuple(sorted(words, key=lambda word: word.start_s))
    share = (end_s - start_s) / len(words)
    return tuple(
        dataclasses.replace(
            word, start_s=start_s + number * share, end_s=start_s + (number + 1) * share
        )
        for number, word in enumerate(words)
    )


def words_between(words: Sequence[Word], start_s: Seconds, end_s: Seconds) -> tuple[Word, ...]:
    """Return the words spoken in [start_s, end_s], cut to that span, without special tokens.

    >>> words_between([Word("so", 0.0, 0.9), Word("it", 0.9, 1.3), Word("is", 1.3, 1.5)], 1.0, 1.2)
    (Word(text='it', start_s=1.0, end_s=1.2, probability=1.0),)
    """
    return tuple(
        dataclasses.replace(word, start_s=max(word.start_s, start_s), end_s=min(word.end_s, end_s))
        for word in words
        if word.start_s < end_s and word.end_s > start_s and not word.is_special
    )
