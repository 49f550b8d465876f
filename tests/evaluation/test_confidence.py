"""Calibration error, reliability and coverage of confidence."""

import numpy as np
import pytest

from ser_stream.evaluation.confidence import (
    MIN_BINS,
    calibration_error,
    confidence_scores,
    coverage,
    reliability,
)


def answers(n, bias=0.0, seed=0):
    """Confidences of n answers, and whether they are right, with a probability `bias` lower."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.3, 1.0, n)
    return confidence, rng.random(n) < confidence - bias


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    right = np.arange(1000) < 700
    assert calibration_error(np.full(1000, 0.7), right) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(np.full(1000, 1.0), right) == pytest.approx(0.3)


def test_a_constant_bias_is_found_with_few_answers_and_with_many():
    for n, tolerance in ((250, 0.06), (100_000, 0.006)):
        assert calibration_error(*answers(n, bias=0.2)) == pytest.approx(0.2, abs=tolerance)


def test_perfect_confidence_of_few_answers_has_less_error_than_in_bins_of_equal_width():
    def equal_width(confidence, right, bins=15):
        index = np.minimum((confidence * bins).astype(int), bins - 1)
        gaps = np.bincount(index, confidence - right)
        return np.abs(gaps).sum() / len(confidence)

    found = [answers(240, seed=seed) for seed in range(100)]
    ours = np.mean([calibration_error(*each) for each in found])
    usual = np.mean([equal_width(*each) for each in found])
    assert ours < 0.75 * usual


def test_bins_hold_as_many_answers_and_their_accuracy_rises():
    bins = reliability(*answers(4000))
    assert len(bins) > MIN_BINS
    counts = [each["n"] for each in bins]
    assert sum(counts) == 4000 and max(counts) - min(counts) <= 1
    accuracies = [each["accuracy"] for each in bins]
    assert accuracies == sorted(accuracies)


def test_confidence_that_falls_with_accuracy_is_not_averaged_away():
    """The mean confidence equals the mean accuracy, which one bin would take for perfect."""
    confidence = np.repeat([0.2, 0.4, 0.6, 0.8], 100) + np.linspace(0, 1e-6, 400)
    right = np.concatenate([np.arange(100) < wins for wins in (80, 60, 40, 20)])
    assert calibration_error(confidence, right) > 0.3


def test_equal_confidences_share_a_bin():
    confidence = np.array([0.91, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.0])
    right = np.array([True, True, False, True, False, False, False, True])
    bins = reliability(confidence, right)
    assert {"confidence": 0.5, "accuracy": pytest.approx(1 / 3), "n": 6} in bins
    assert sum(each["n"] for each in bins) == 8


def test_the_histogram_counts_the_answers_by_confidence():
    scores = confidence_scores(np.array([0.31, 0.33, 1.0]), np.array([True, False, True]), 0.32)
    assert scores["histogram"][6] == 2 and scores["histogram"][-1] == 1
    assert sum(scores["histogram"]) == 3
    assert scores["answered"] == pytest.approx(2 / 3, abs=1e-4)
    assert scores["wa_answered"] == 0.5


def test_a_higher_confidence_floor_lowers_the_coverage():
    confidence = np.array([0.3, 0.45, 0.55, 0.95])
    right = np.array([False, True, False, True])
    assert coverage(confidence, right) == [
        {"floor": 0.0, "answered": 1.0, "wa": 0.5},
        {"floor": 0.35, "answered": 0.75, "wa": 0.6667},
        {"floor": 0.4, "answered": 0.75, "wa": 0.6667},
        {"floor": 0.5, "answered": 0.5, "wa": 0.5},
        *({"floor": floor, "answered": 0.25, "wa": 1.0} for floor in (0.6, 0.7, 0.8, 0.9)),
    ]
    assert coverage(np.array([0.2]), np.array([True])) == [
        {"floor": 0.0, "answered": 1.0, "wa": 1.0}
    ]
