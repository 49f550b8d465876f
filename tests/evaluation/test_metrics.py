import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from ser_stream.evaluation.metrics import calibration_error, score
from ser_stream.training.calibrate import fit_temperature

LABELS = ("neutral", "happy", "sad", "angry")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_figures_are_scikit_learns(pairs):
    truth, predicted = np.array(pairs).T
    scores = score(LABELS, truth, predicted)
    occurring = np.unique(truth)
    assert scores.n == len(pairs)
    assert scores.wa == pytest.approx(accuracy_score(truth, predicted))
    recalls = [np.mean(predicted[truth == label] == label) for label in occurring]
    assert scores.ua == pytest.approx(np.mean(recalls))
    if set(predicted) <= set(truth):  # else scikit-learn warns
        assert scores.ua == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert scores.macro_f1 == pytest.approx(
        f1_score(truth, predicted, labels=occurring, average="macro", zero_division=0)
    )
    assert scores.weighted_f1 == pytest.approx(
        f1_score(truth, predicted, labels=occurring, average="weighted", zero_division=0)
    )
    np.testing.assert_array_equal(
        scores.confusion, confusion_matrix(truth, predicted, labels=range(4))
    )


def test_what_was_not_heard_counts_as_wrong():
    truth, predicted = np.array([0, 0, 1]), np.array([0, 0, 1])
    scores = score(LABELS, truth, predicted, no_speech=np.array([2, 0, 0, 0]))
    assert scores.wa == pytest.approx(3 / 5)
    assert scores.ua == pytest.approx((2 / 4 + 1) / 2)


def test_the_fitted_temperature_is_the_one_that_spoiled_the_logits():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 5))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.array([rng.choice(5, p=p) for p in probabilities])
    assert fit_temperature(2.5 * logits, targets) == pytest.approx(2.5, rel=0.05)


def test_calibration_error_of_the_honest_and_of_the_boaster():
    right = np.arange(1000) < 700
    assert calibration_error(np.full(1000, 0.7), right) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(np.full(1000, 1.0), right) == pytest.approx(0.3)
