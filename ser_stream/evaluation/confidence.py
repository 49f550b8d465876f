"""How far confidence may be believed: calibration error, reliability, coverage.

The expected calibration error (ECE) is the mean distance between confidence and accuracy over bins
of answers with similar confidence (Naeini, Cooper and Hauskrecht, AAAI 2015). The usual estimate,
with 15 bins of equal width, is too high where there are few answers: perfectly calibrated
confidence of 240 answers would be reported as 7.0 %, of 1000 as 3.5 %, because in each bin the
accuracy of a few answers differs from its expectation by chance. Here all bins hold the same number
of answers, and there are as many bins as the accuracy still rises from each to the next
(Roelofs, Cain, Shlens and Mozer, "Mitigating bias in calibration error estimation", AISTATS 2022):
5.0 % and 2.7 % for the same answers, and no difference for thousands of answers. There are always
`MIN_BINS`, so that confidence that does not rise with accuracy is not averaged away.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MIN_BINS = 5
MAX_BINS = 100

HISTOGRAM_BINS = 20
"""Bins of equal width of the histogram of confidence."""

COVERAGE_FLOORS = (0.0, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Confidence floors of the curve of accuracy against coverage."""


def confidence_scores(confidence: np.ndarray, right: np.ndarray, floor: float) -> dict[str, Any]:
    """Return how far the confidence of n answers may be believed, see `evaluation.report`.

    Args:
        confidence: (n,) in [0, 1].
        right: (n,) bool, whether the answer is correct.
        floor: answers with less confidence abstain.
    """
    answered = confidence >= floor
    bins = reliability(confidence, right)
    return {
        "calibration_error": round(calibration_error(confidence, right), 4),
        "answered": round(float(answered.mean()), 4),
        "wa_answered": round(float(right[answered].mean()), 4) if answered.any() else None,
        "coverage": coverage(confidence, right),
        "reliability": [{name: round(v, 4) for name, v in each.items()} for each in bins],
        "histogram": np.histogram(confidence, HISTOGRAM_BINS, (0, 1))[0].tolist(),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error of n answers: confidence (n,), right (n,) bool."""
    parts = reliability(confidence, right)
    gaps = [part["n"] * abs(part["confidence"] - part["accuracy"]) for part in parts]
    return float(sum(gaps) / len(confidence))


def reliability(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Return mean confidence, accuracy and n of each bin, in order of confidence.

    Args:
        confidence: (n,) in [0, 1].
        right: (n,) bool, whether the answer is correct.
    """
    order = np.argsort(confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    n = len(confidence)
    starts = _starts(confidence, min(MIN_BINS, n))
    for bins in range(MIN_BINS + 1, min(MAX_BINS, n) + 1):
        more = _starts(confidence, bins)
        accuracies = _means(right, more)
        if np.any(np.diff(accuracies) < 0):
            break
        starts = more
    return [
        {"confidence": float(mean), "accuracy": float(accuracy), "n": int(count)}
        for mean, accuracy, count in zip(
            _means(confidence, starts),
            _means(right, starts),
            np.diff(starts, append=n),
            strict=True,
        )
    ]


def _starts(ordered: np.ndarray, bins: int) -> np.ndarray:
    """Return the first index of each bin; equal confidences are in the same bin."""
    equal = np.arange(bins) * len(ordered) // bins
    return np.unique(np.searchsorted(ordered, ordered[equal]))


def _means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the mean of the values (n,) from each start to the next."""
    sums = np.add.reduceat(values.astype(np.float64), starts)
    means: np.ndarray = sums / np.diff(starts, append=len(values))
    return means


def coverage(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Return the coverage and its accuracy at each of `COVERAGE_FLOORS` that an answer reaches.

    Args:
        confidence: (n,) in [0, 1].
        right: (n,) bool, whether the answer is correct.
    """
    curve = []
    for floor in COVERAGE_FLOORS:
        sure = confidence >= floor
        if sure.any():
            answered, wa = float(sure.mean()), float(right[sure].mean())
            curve.append({"floor": floor, "answered": round(answered, 4), "wa": round(wa, 4)})
    return curve
