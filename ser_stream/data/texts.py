"""Texts as batches: what networks that see words are trained on where there is no sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.texts import LabelledText
from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.distributed import own_part
from ser_stream.features.vocabulary import MARKS, Vocabulary
from ser_stream.models.segment_batch import SegmentBatch

SORTED_TOGETHER = 20
"""Batches among which texts are sorted by length: longer runs would be less random."""


class TrainingTexts:
    """Texts to train on, with other mistakes of recognition in each epoch.

    Args:
        words: of each text, marks among them.
        targets: (texts, labels) float32 soft labels. What they sum to is the text's weight in the
            loss.
        errors, max_rate: mistakes; the rate of each text is drawn evenly from 0 to `max_rate`.
        marked: share of the texts that keep their marks, others in each epoch.
    """

    def __init__(
        self,
        words: Sequence[list[str]],
        targets: np.ndarray,
        vocabulary: Vocabulary,
        batch_size: int,
        errors: RecognitionErrors,
        max_rate: float,
        marked: float = 0.0,
    ):
        self.words = words
        self.targets = torch.from_numpy(targets)
        self.vocabulary = vocabulary
        self.errors = errors
        self.max_rate = max_rate
        self.marked = marked
        self.steps = -(-len(words) // batch_size)

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[SegmentBatch], Tensor]]:
        """Batches of texts of like length, in random order, and targets (batch, labels)."""
        rates = self.max_rate * rng.random(len(self.words))
        marked = rng.random(len(self.words)) < self.marked
        heard = [
            self.errors.make(words if keep else without_marks(words), rate, rng)
            for words, rate, keep in zip(self.words, rates, marked, strict=True)
        ]
        lengths = np.array([len(words) for words in heard])
        batches = []
        pieces = -(-self.steps // SORTED_TOGETHER)
        for members in np.array_split(rng.permutation(len(heard)), pieces):
            members = members[np.argsort(lengths[members], kind="stable")]
            batches += np.array_split(members, -(-len(members) * self.steps // len(heard)))
        for number in rng.permutation(len(batches)):
            members = own_part(batches[number])
            yield _batch([heard[i] for i in members], self.vocabulary), self.targets[members]


class EvaluationTexts:
    """Texts to be judged.

    Args:
        targets: (texts,) indices of labels.
    """

    BATCH_SIZE = 256

    def __init__(self, words: Sequence[list[str]], targets: np.ndarray, vocabulary: Vocabulary):
        self.words = words
        self.targets = targets
        self.vocabulary = vocabulary

    def batches(self) -> Iterator[tuple[np.ndarray, tuple[SegmentBatch]]]:
        """Indices (batch,), and texts of like length."""
        order = np.argsort([len(words) for words in self.words], kind="stable")
        for members in np.array_split(order, -(-len(order) // self.BATCH_SIZE)):
            yield members, _batch([self.words[i] for i in members], self.vocabulary)


def without_marks(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in MARKS]


def _batch(texts: Sequence[list[str]], vocabulary: Vocabulary) -> tuple[SegmentBatch]:
    return (SegmentBatch.of_words([vocabulary.encode(words) for words in texts]),)


def soft_targets(
    texts: Sequence[LabelledText],
    labels: tuple[str, ...],
    mix: dict[str, float],
    balance: float,
) -> np.ndarray:
    """Soft labels (texts, labels) float32, whose sums are the texts' weights, 1 on average.

    Args:
        mix: corpus -> weight of each of its texts.
        balance: a label's weight is its share of all to the power of -balance: 0 for none, 1 to
            make all labels count the same.
    """
    targets = np.array([text.shares(labels) for text in texts], np.float64)
    targets *= np.array([mix[text.corpus] for text in texts])[:, None]
    share = targets.sum(axis=0) / targets.sum()
    targets *= np.where(share > 0, share, 1.0) ** -balance
    return (targets / targets.sum() * len(targets)).astype(np.float32)
