"""Encoders of words and of segments of sound (Lee, Yoon and Jung, Interspeech 2020, Figure 1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.features.vocabulary import PADDING, Vocabulary, read_word_vectors
from ser_stream.models.recurrent import hidden_states
from ser_stream.models.segment_batch import SegmentBatch


class Blstm(nn.Module):
    """Bidirectional LSTM and dropout (eqs. 1-3).

    Args:
        hidden: units per direction.
    """

    def __init__(self, dimension: int, hidden: int, dropout: float):
        super().__init__()
        self.lstm = nn.LSTM(dimension, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.dimension = 2 * hidden
        """Dimension of a state."""

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(batch, steps, dimension), lengths (batch,) -> states, zero after each item's length."""
        return self.dropout(hidden_states(self.lstm, steps, lengths))


class TextEncoder(nn.Module):
    """Word vectors and a BLSTM over an utterance's words (section 3.2.1).

    Vectors are initialised at random, with a length of about 1, or by `set_word_vectors`; all are
    trained. With buckets for n-grams, which the paper does not have, the mean of a word's n-gram
    vectors is added to its vector, so that unknown words, which share one vector, differ
    (Bojanowski et al., TACL 2017; fastText uses the mean, too).

    Args:
        vocabulary: known words.
        dimension: dimension of a word's vector.
        hidden: LSTM units per direction.
        dropout: dropout after the BLSTM.
        word_dropout: dropout of word vectors in front of the BLSTM; 0, as in the paper, for none.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        dimension: int,
        hidden: int,
        dropout: float,
        word_dropout: float = 0.0,
    ):
        super().__init__()
        self.vocabulary = vocabulary
        self.embedding = _vectors(len(vocabulary), dimension)
        if vocabulary.ngram_buckets:
            self.ngrams = _vectors(1 + vocabulary.ngram_buckets, dimension)
        self.word_dropout = nn.Dropout(word_dropout)
        self.blstm = Blstm(dimension, hidden, dropout)
        self.dimension = self.blstm.dimension

    def load_word_vectors(self, path: Path) -> None:
        """Set the vectors of those known words that a text file in GloVe's format has.

        Raises:
            InputError: see `read_word_vectors`.
        """
        words = set(self.vocabulary.words)
        self.set_word_vectors(read_word_vectors(path, words, self.embedding.embedding_dim))

    def set_word_vectors(self, vectors: Mapping[str, np.ndarray]) -> None:
        """Set vectors (dimension,) of known words; other words keep theirs."""
        with torch.no_grad():
            for word, number in zip(
                self.vocabulary.words, self.vocabulary.numbers(self.vocabulary.words), strict=True
            ):
                if word in vectors:
                    self.embedding.weight[number] = torch.as_tensor(vectors[word])

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Return the states (batch, words, 2 * hidden)."""
        return self.blstm(self.word_dropout(self.word_vectors(batch)), batch.n_words)

    def word_vectors(self, batch: SegmentBatch) -> Tensor:
        """Return the input of the BLSTM, (batch, words, dimension).

        Raises:
            ValueError: the vocabulary has buckets for n-grams, but the batch has no n-grams.
        """
        vectors = self.embedding(batch.words)
        if not self.vocabulary.ngram_buckets:
            return vectors
        if batch.ngrams is None:
            raise ValueError("the batch has no n-grams; fill it with Vocabulary.encode")
        return vectors + self._mean_ngram_vectors(batch.ngrams)

    def _mean_ngram_vectors(self, ngrams: Tensor) -> Tensor:
        """(batch, words, ngrams) -> mean of each word's vectors, (batch, words, dimension)."""
        if not self.training:  # ONNX has no operator for bags
            count = (ngrams != PADDING).sum(dim=2, keepdim=True).clamp(min=1)
            return self.ngrams(ngrams).sum(dim=2) / count
        means = F.embedding_bag(
            ngrams.flatten(0, 1), self.ngrams.weight, mode="mean", padding_idx=PADDING
        )
        return means.view(*ngrams.shape[:2], -1)


def _vectors(n: int, dimension: int) -> nn.Embedding:
    """Return n vectors of deviation 1 / sqrt(dimension) in each value; that of `PADDING` is 0."""
    embedding = nn.Embedding(n, dimension, padding_idx=PADDING)
    with torch.no_grad():
        embedding.weight *= dimension**-0.5  # torch's deviation is 1
    return embedding


class AudioEncoder(nn.Module):
    """Two BLSTMs: one over each segment's frames, one over the segments (section 3.2.2).

    The first runs over each segment separately; its states are averaged over the segment's own
    frames, without padding.
    """

    SEGMENTS_AT_ONCE = 128
    """Segments of similar length that the first BLSTM processes together, with little padding."""

    def __init__(self, dimension: int, hidden: int, dropout: float):
        super().__init__()
        self.within = Blstm(dimension, hidden, dropout)
        self.across = Blstm(self.within.dimension, hidden, dropout)
        self.dimension = self.across.dimension

    def forward(self, frames: Tensor, batch: SegmentBatch) -> Tensor:
        """Return the states (batch, segments, 2 * hidden).

        Args:
            frames: the batch's normalised frames.
            batch: lengths of the segments.
        """
        return self.across(self.pooled(frames, batch), batch.n_segments)

    def pooled(self, frames: Tensor, batch: SegmentBatch) -> Tensor:
        """Return a vector per segment (batch, segments, 2 * hidden), zero for padding."""
        if batch.frame_lengths.shape[0] == 1:  # one utterance: no segment is padding
            return self._means(frames[0], batch.frame_lengths[0])[None]
        there = batch.frame_lengths > 0
        segments, lengths = frames[there], batch.frame_lengths[there]
        order = lengths.argsort()
        means = torch.cat(
            [
                self._means(segments[i, : int(lengths[i].max())], lengths[i])
                for i in order.split(self.SEGMENTS_AT_ONCE)
            ]
        )
        vectors = means.new_zeros(*there.shape, self.within.dimension)
        vectors[there] = means[order.argsort()]
        return vectors

    def _means(self, segments: Tensor, lengths: Tensor) -> Tensor:
        """Return each segment's mean state: (segments, frames, n) -> (segments, 2 * hidden)."""
        return self.within(segments, lengths).sum(dim=1) / lengths[:, None]
