"""A word and when it is spoken: what corpora, recognisers and segmentation share."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence

from ser_stream.units import Seconds

SPECIAL_TOKEN = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
"""What recognisers and IEMOCAP's alignments write where no word is: <s>, <sil>, [NOISE],
++LAUGHTER++."""


@dataclasses.dataclass(frozen=True)
class Word:
    """A word, or a special token, and when it is spoken: from start_s to end_s, exclusive.

    IEMOCAP's alignments count units of 10 ms and include the last one: a word from 52 to 75 is
    spoken from 0.52 s to 0.76 s.

    Attributes:
        probability: how sure a recogniser is of it; 1 where a person wrote it.
    """

    text: str
    start_s: Seconds
    end_s: Seconds
    probability: float = 1.0

    @property
    def is_special(self) -> bool:
        return SPECIAL_TOKEN.fullmatch(self.text) is not None

    def to_dict(self) -> dict:
        """Its attributes by name, as JSON and `EmotionEstimate.words` have them."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Speech:
    """What was understood of a turn: its beginning while it goes on, all of it at its end.

    Attributes:
        words: with times on the stream's clock.
        stable: so many of the first words stay as they are while the turn goes on.
        final: the turn has ended. Its words may differ from those before: they are of the whole.
        start_s, end_s: the sound in which they were heard, from the turn's beginning on.
        latency_ms: from the capture of the last sample to these words.
    """

    words: tuple[Word, ...]
    stable: int
    final: bool
    start_s: Seconds
    end_s: Seconds
    latency_ms: float

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def confidence(self) -> float:
        """Mean probability of the words, 0 where there are none."""
        if not self.words:
            return 0.0
        return sum(word.probability for word in self.words) / len(self.words)


def timed(words: Sequence[Word], start_s: Seconds, end_s: Seconds) -> tuple[Word, ...]:
    """Words in the order of their starts; where one has no time (NaN), all share the time equally.

    >>> [(w.start_s, w.end_s) for w in timed([Word("a", math.nan, 0), Word("b", 0, 0)], 2.0, 4.0)]
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


def clipped(words: Sequence[Word], start_s: Seconds, end_s: Seconds) -> tuple[Word, ...]:
    """The words that are spoken in [start_s, end_s], each cut to it; special tokens left out.

    >>> clipped([Word("so", 0.0, 0.9), Word("it", 0.9, 1.3), Word("is", 1.3, 1.5)], 1.0, 1.2)
    (Word(text='it', start_s=1.0, end_s=1.2, probability=1.0),)
    """
    return tuple(
        dataclasses.replace(word, start_s=max(word.start_s, start_s), end_s=min(word.end_s, end_s))
        for word in words
        if word.start_s < end_s and word.end_s > start_s and not word.is_special
    )
