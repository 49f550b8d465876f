"""Batches of texts without sound, for networks of words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.texts import LabelledText
from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.distributed import share_of_process
from ser_stream.features.vocabulary import MARKS, Vocabulary
from ser_stream.models.segment_batch import SegmentBatch

BATCHES_SORTED_TOGETHER = 20
"""Number of batches among which texts are sorted by length; more would be less random."""


@dataclasses.dataclass(frozen=True)
class TextAugmentation:
    """How training texts are changed, differently in each epoch.

    Attributes:
        errors, max_error_rate: simulated recognition errors; the rate of each text is drawn
            uniformly from 0 to `max_error_rate`.
        marked_share: share of the texts that keep their question and exclamation marks.
    """

    errors: RecognitionErrors
    max_error_rate: float
    marked_share: float = 0.0


class TrainingTexts:
    """Training batches of texts.

    Args:
        words: the words of each text, marks among them.
        targets: (texts, labels) float32 soft labels; their sum is the weight of the text in the
            loss.

    Attributes:
        steps: number of batches in an epoch.
    """

    def __init__(
        self,
        words: Sequence[list[str]],
        targets: np.ndarray,
        vocabulary: Vocabulary,
        batch_size: int,
        augmentation: TextAugmentation,
    ):
        self.words = words
        self.targets = torch.from_numpy(targets)
        self.vocabulary = vocabulary
        self.augmentation = augmentation
        self.steps = -(-len(words) // batch_size)

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[SegmentBatch], Tensor]]:
        """Yield batches of texts of similar length in random order; targets (batch, labels)."""
        texts = self._augmented(rng)
        lengths = np.array([len(words) for words in texts])
        batches: list[np.ndarray] = []
        pieces = -(-self.steps // BATCHES_SORTED_TOGETHER)
        for members in np.array_split(rng.permutation(len(texts)), pieces):
            members = members[np.argsort(lengths[members], kind="stable")]
            batches += np.array_split(members, -(-len(members) * self.steps // len(texts)))
        for number in rng.permutation(len(batches)):
            members = share_of_process(batches[number])
            yield _batch([texts[i] for i in members], self.vocabulary), self.targets[members]

    def _augmented(self, rng: np.random.Generator) -> list[list[str]]:
        settings = self.augmentation
        rates = settings.max_error_rate * rng.random(len(self.words))
        marked = rng.random(len(self.words)) < settings.marked_share
        return [
            settings.errors.apply(words if keep else without_marks(words), rate, rng)
            for words, rate, keep in zip(self.words, rates, marked, strict=True)
        ]


class EvaluationTexts:
    """Texts for evaluation.

    Args:
        targets: (texts,) indices of labels.
    """

    BATCH_SIZE = 256

    def __init__(self, words: Sequence[list[str]], targets: np.ndarray, vocabulary: Vocabulary):
        self.words = words
        self.targets = targets
        self.vocabulary = vocabulary

    def batches(self) -> Iterator[tuple[np.ndarray, tuple[SegmentBatch]]]:
        """Yield indices (batch,), and texts of similar length."""
        order = np.argsort([len(words) for words in self.words], kind="stable")
        for members in np.array_split(order, -(-len(order) // self.BATCH_SIZE)):
            yield members, _batch([self.words[i] for i in members], self.vocabulary)


def without_marks(words: Sequence[str]) -> list[str]:
    """Return the words without question and exclamation marks."""
    return [word for word in words if word not in MARKS]


def _batch(texts: Sequence[list[str]], vocabulary: Vocabulary) -> tuple[SegmentBatch]:
    return (SegmentBatch.of_words([vocabulary.encode(words) for words in texts]),)


def soft_targets(
    texts: Sequence[LabelledText],
    labels: tuple[str, ...],
    mix: dict[str, float],
    balance: float,
) -> np.ndarray:
    """Return soft labels (texts, labels) float32; a row's sum is the text's weight, 1 on average.

    Args:
        mix: corpus -> weight of each of its texts.
        balance: the weight of a label is its share of all labels to the power of -balance: 0 for
            weights of 1, 1 to make all labels count the same.
    """
    targets = np.array([text.shares(labels) for text in texts], np.float64)
    targets *= np.array([mix[text.corpus] for text in texts])[:, None]
    share = targets.sum(axis=0) / targets.sum()
    targets *= np.where(share > 0, share, 1.0) ** -balance
    return (targets / targets.sum() * len(targets)).astype(np.float32)
