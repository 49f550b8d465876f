"""WA, UA, macro-F1, weighted F1 and the confusion matrix.

WA (weighted accuracy) is the share of all utterances that are right; UA (unweighted accuracy) is
the mean of the per-class recalls, over the classes that occur. Both as the field uses them.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scores:
    """Figures of one evaluation.

    Attributes:
        confusion: (labels, labels) counts; row = true label, column = predicted label.
        no_speech: (labels,) counts of those that got no answer at all: they count as wrong.
    """

    labels: tuple[str, ...]
    confusion: np.ndarray
    no_speech: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(labels,) how often each label occurs."""
        return self.confusion.sum(axis=1) + self.no_speech

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def recalls(self) -> np.ndarray:
        """(labels,) recall of each label, NaN for one that never occurs."""
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
        """Mean F1 over the labels, each weighted by how often it occurs: MELD's usual figure."""
        occurs = self.counts > 0
        return float(np.average(self._f1[occurs], weights=self.counts[occurs]))

    @property
    def _f1(self) -> np.ndarray:
        """(labels,), NaN for one that neither occurs nor is predicted."""
        claimed = self.confusion.sum(axis=0) + self.counts
        right = np.diag(self.confusion)
        return np.divide(2 * right, claimed, out=np.full(len(right), np.nan), where=claimed > 0)

    @property
    def one_against_rest(self) -> tuple[float, float]:
        """Accuracy, and mean of the two recalls, of each label against all others; their means.

        Jalal et al., eq. 10, which calls the first UA and the second WA, the reverse of the field's
        use. True negatives count, so that guessing among four labels gives 0.625 and 0.5.
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

    def to_dict(self) -> dict:
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


def score(
    labels: tuple[str, ...],
    truth: np.ndarray,
    predicted: np.ndarray,
    no_speech: np.ndarray | None = None,
) -> Scores:
    """Compare label indices, both (n,). `no_speech`: see `Scores`."""
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    if no_speech is None:
        no_speech = np.zeros(len(labels), np.int64)
    return Scores(tuple(labels), confusion, no_speech)


def score_answers(labels: tuple[str, ...], truth: np.ndarray, answers: np.ndarray) -> Scores:
    """As `score`, of answers of which -1 is none at all."""
    heard = answers >= 0
    no_speech = np.bincount(truth[~heard], minlength=len(labels))
    return score(labels, truth[heard], answers[heard], no_speech)


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of n answers: confidence (n,), right (n,) bool.

    Naeini, Cooper and Hauskrecht, AAAI 2015; bins of equal width.
    """
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for number in np.unique(index):
        members = index == number
        error += members.mean() * abs(confidence[members].mean() - right[members].mean())
    return float(error)
