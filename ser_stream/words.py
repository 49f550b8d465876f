"""A word and when it is spoken: what corpora, recognisers and segmentation share."""

from __future__ import annotations

import dataclasses
import re

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
