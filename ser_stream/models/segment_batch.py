"""Batches of utterances: segments of sound, and words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser_stream.features.vocabulary import PADDING

_NO_SOUND = [np.zeros((1, 1), np.float32)]
"""Segments of an utterance without sound: one segment of one frame."""


@dataclasses.dataclass(frozen=True)
class SegmentBatch:
    """Input of a network that takes sound and words.

    Padding follows a segment's frames, an utterance's segments and an utterance's words. Its
    values have no influence.

    Attributes:
        frames: (batch, segments, frames, dimension) float.
        frame_lengths: (batch, segments) valid frames of each segment; 0 for padding.
        words: (batch, words) numbers of a `Vocabulary`; `PADDING` for padding.
        ngrams: (batch, words, ngrams) buckets of the words' n-grams, 0 for padding; None for a
            network without n-grams.
    """

    frames: Tensor
    frame_lengths: Tensor
    words: Tensor
    ngrams: Tensor | None = None

    @classmethod
    def pad(cls, utterances: Sequence[tuple[Any, ...]]) -> SegmentBatch:
        """Pad utterances to a batch.

        Args:
            utterances: tuples of segments, each (frames, dimension); word numbers (words,); and, in
                all utterances or in none, the buckets of the words' n-grams (words, ngrams). The
                last two come from `Vocabulary.encode`.

        Raises:
            ValueError: an utterance has no segment or no word, or a segment has no frame.
        """
        for segments, words, *_ in utterances:
            if not segments or not len(words) or not all(map(len, segments)):
                raise ValueError("an utterance needs one segment, frame and word at least")
        lengths = [[len(frames) for frames in segments] for segments, *_ in utterances]
        n_segments = max(map(len, lengths))
        n_frames = max(map(max, lengths))
        n_words = max(len(words) for _, words, *_ in utterances)
        batch = cls(
            torch.zeros(len(lengths), n_segments, n_frames, utterances[0][0][0].shape[1]),
            torch.zeros(len(lengths), n_segments, dtype=torch.int64),
            torch.full((len(lengths), n_words), PADDING),
            _padded_ngrams([ngrams for _, _, *rest in utterances for ngrams in rest], n_words),
        )
        for row, (segments, words, *_) in enumerate(utterances):
            for column, frames in enumerate(segments):
                batch.frames[row, column, : len(frames)] = torch.from_numpy(frames)
            batch.frame_lengths[row, : len(segments)] = torch.tensor(lengths[row])
            batch.words[row, : len(words)] = torch.from_numpy(words)
        return batch

    @classmethod
    def of_words(cls, texts: Sequence[tuple[np.ndarray, ...]]) -> SegmentBatch:
        """Make a batch of words without sound, for a network that takes words only.

        Args:
            texts: the words of each, from `Vocabulary.encode`.
        """
        return cls.pad([(_NO_SOUND, *words) for words in texts])

    @property
    def n_segments(self) -> Tensor:
        """Number of segments of each utterance, (batch,)."""
        return (self.frame_lengths > 0).sum(dim=1)

    @property
    def n_words(self) -> Tensor:
        """Number of words of each utterance, (batch,)."""
        return (self.words != PADDING).sum(dim=1)

    def to(self, device: str | torch.device) -> SegmentBatch:
        """Return the batch on that device."""
        return SegmentBatch(
            self.frames.to(device),
            self.frame_lengths.to(device),
            self.words.to(device),
            None if self.ngrams is None else self.ngrams.to(device),
        )


def _padded_ngrams(ngrams: Sequence[np.ndarray], n_words: int) -> Tensor | None:
    """Pad (words, ngrams) of each utterance to (batch, n_words, ngrams); None without any."""
    if not ngrams:
        return None
    padded = torch.zeros(len(ngrams), n_words, max(a.shape[1] for a in ngrams), dtype=torch.int64)
    for row, own in zip(padded, ngrams, strict=True):
        row[: own.shape[0], : own.shape[1]] = torch.from_numpy(own)
    return padded
