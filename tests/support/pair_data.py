"""Labels, words and texts that pairs of voice and text are made of."""

from __future__ import annotations

from ser_stream.data.pairs import (
    PairEncoding,
    Texts,
)
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary

LABELS = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
VOCABULARY = Vocabulary(["good", "bad", "door"])
ENCODING = PairEncoding(LABELS, VOCABULARY, SegmentConfig())
TEXTS = Texts([["good"], ["bad", "door"], ["door"]], ["happy", "sad", "neutral"])
