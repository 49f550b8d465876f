"""WA, UA, F1, confusion matrix, and confidence intervals.

WA (weighted accuracy) is the share of all utterances that are recognised correctly; UA (unweighted
accuracy) is the mean of the per-class recalls, over the classes that occur. Both as in the
literature on speech emotion recognition.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Z_95 = 1.959963984540054
"""Quantile 0.975 of the standard normal distribution."""

BOOTSTRAP_SAMPLES = 10_000


@dataclasses.dataclass(frozen=True)
class Scores:
    """Confusion matrix of one evaluation, and the metrics that follow from it.

    Attributes:
        confusion: (labels, labels) counts; row = true label, column = predicted label.
        no_speech: (labels,) counts of utterances in which no speech was found. They have no
            prediction and count as wrong.
    """

    labels: tuple[str, ...]
    confusion: np.ndarray
    no_speech: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(labels,) number of utterances of each label."""
        return self.confusion.sum(axis=1) + self.no_speech

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def recalls(self) -> np.ndarray:
        """(labels,) recall of each label, NaN for a label that does not occur."""
        counts, right = self.counts, np.diag(self.confusion)
        return np.divide(right, counts, out=np.full(len(counts), np.nan), where=counts > 0)

    @property
    def wa(self) -> float:
        return float(np.trace(self.confusion) / self.n)

    @property
    def ua(self) -> float:
        return float(np.nanmean(self.recalls))

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the labels that occur."""
        return float(np.mean(self._f1[self.counts > 0]))

    @property
    def weighted_f1(self) -> float:
        """Mean F1 over the labels, weighted by their counts: the metric of most work on MELD."""
        occurs = self.counts > 0
        return float(np.average(self._f1[occurs], weights=self.counts[occurs]))

    @property
    def _f1(self) -> np.ndarray:
        """(labels,), NaN for a label that neither occurs nor is predicted."""
        predicted_or_true = self.confusion.sum(axis=0) + self.counts
        right = np.diag(self.confusion)
        undefined = np.full(len(right), np.nan)
        return np.divide(2 * right, predicted_or_true, out=undefined, where=predicted_or_true > 0)

    @property
    def one_against_rest(self) -> tuple[float, float]:
        """Mean over the labels of one-against-rest accuracy, and of one-against-rest mean recall.

        Jalal et al., eq. 10, call the first UA and the second WA; elsewhere the names are reversed.
        True negatives count, so guessing among four labels gives 0.625 and 0.5.
        """
        positives, n = self.counts, self.n
        true_positives = np.diag(self.confusion)
        false_positives = self.confusion.sum(axis=0) - true_positives
        negatives = n - positives
        true_negatives = negatives - false_positives
        accuracy = (true_positives + true_negatives) / n
        with np.errstate(invalid="ignore"):
            recalls = (true_positives / positives + true_negatives / negatives) / 2
        return float(np.mean(accuracy)), float(np.nanmean(recalls))

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics under the keys that `evaluation.report` documents."""
        return {
            "n": self.n,
            "wa": round(self.wa, 4),
            "ua": round(self.ua, 4),
            "macro_f1": round(self.macro_f1, 4),
            "weighted_f1": round(self.weighted_f1, 4),
            "labels": list(self.labels),
            "confusion": self.confusion.tolist(),
            "no_speech": self.no_speech.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Scores:
        """Return the scores whose `to_dict`, perhaps with further keys, is `content`."""
        counts = (np.array(content[name], np.int64) for name in ("confusion", "no_speech"))
        return cls(tuple(content["labels"]), *counts)


def pool(scores: Sequence[Scores]) -> Scores:
    """Return the scores of the answers of several evaluations together, all of the same labels."""
    return Scores(
        scores[0].labels,
        np.sum([each.confusion for each in scores], axis=0),
        np.sum([each.no_speech for each in scores], axis=0),
    )


def score(
    labels: tuple[str, ...],
    truth: np.ndarray,
    predicted: np.ndarray,
    no_speech: np.ndarray | None = None,
) -> Scores:
    """Return the scores of predicted label indices (n,) against the true ones (n,).

    Args:
        no_speech: see `Scores`; None: none.
    """
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    if no_speech is None:
        no_speech = np.zeros(len(labels), np.int64)
    return Scores(tuple(labels), confusion, no_speech)


def score_answers(labels: tuple[str, ...], truth: np.ndarray, answers: np.ndarray) -> Scores:
    """Return `score` of predictions (n,) among which -1 stands for "no speech found"."""
    has_answer = answers >= 0
    no_speech = np.bincount(truth[~has_answer], minlength=len(labels))
    return score(labels, truth[has_answer], answers[has_answer], no_speech)


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share, from `right` successes in `n` trials.

    Wilson, JASA 22(158), 1927. Stays within 0 and 1, and is sound for few trials; assumes that the
    trials are independent.

    Raises:
        ValueError: n is not positive, or right is not between 0 and n.

    >>> [round(end, 3) for end in wilson_interval(6, 17)]
    [0.173, 0.587]
    """
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"wilson_interval: found {right} of {n}; accepted are 0 to n of n > 0")
    share = right / n
    centre = share + Z_95**2 / (2 * n)
    margin = Z_95 * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n * n))
    scale = 1 + Z_95**2 / n
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)


def ua_interval(scores: Scores, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % confidence interval of UA: stratified percentile bootstrap over utterances.

    Each label keeps its count n, and its utterances are drawn again with replacement; the number of
    correct ones is then binomial. Recalls of 0 and 1 are replaced by 0.5 / (n + 1) and its
    complement, or a label with few utterances would look certain. As Wilson's interval does, it
    assumes independent utterances: recordings of few speakers are not, and another set of speakers
    can differ by more.
    """
    counts = scores.counts[scores.counts > 0]
    nearly_zero = 0.5 / (counts + 1)
    recalls = np.clip(scores.recalls[scores.counts > 0], nearly_zero, 1 - nearly_zero)
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(counts, recalls, (BOOTSTRAP_SAMPLES, len(counts))) / counts
    low, high = np.quantile(drawn.mean(axis=1), (0.025, 0.975))
    return min(float(low), scores.ua), max(float(high), scores.ua)
