import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from ser_stream.evaluation.metrics import (
    score,
    ua_interval,
    wilson_interval,
)

LABELS = ("neutral", "happy", "sad", "angry")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_scores_equal_those_of_scikit_learn(pairs):
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


def test_recordings_without_detected_speech_count_as_wrong():
    truth, predicted = np.array([0, 0, 1]), np.array([0, 0, 1])
    scores = score(LABELS, truth, predicted, no_speech=np.array([2, 0, 0, 0]))
    assert scores.wa == pytest.approx(3 / 5)
    assert scores.ua == pytest.approx((2 / 4 + 1) / 2)


@pytest.mark.parametrize("right", [0, 1, 6, 16, 17])
def test_wilsons_interval_solves_its_equation(right):
    """At each end of the interval, the observed share is 1.96 standard errors away."""
    low, high = wilson_interval(right, 17)
    for end in (low, high):
        if 0 < end < 1:
            distance = abs(right / 17 - end) / np.sqrt(end * (1 - end) / 17)
            assert distance == pytest.approx(1.959964, rel=1e-5)
    assert 0 <= low <= right / 17 <= high <= 1


def test_wilsons_interval_of_nothing_is_refused():
    with pytest.raises(ValueError, match="found 1 of 0"):
        wilson_interval(1, 0)


def test_the_interval_of_ua_is_that_of_an_explicit_bootstrap():
    truth = np.repeat([0, 1, 3], [40, 20, 30])
    predicted = np.where(np.arange(90) % 3 == 0, 2, truth)
    scores = score(LABELS, truth, predicted)
    rng = np.random.default_rng(1)
    uas = []
    for _ in range(3000):
        drawn = np.concatenate([rng.choice(np.flatnonzero(truth == t), sum(truth == t))
                                for t in (0, 1, 3)])  # fmt: skip
        uas.append(score(LABELS, truth[drawn], predicted[drawn]).ua)
    assert ua_interval(scores) == pytest.approx(np.quantile(uas, (0.025, 0.975)), abs=0.01)
    assert ua_interval(scores) == ua_interval(scores)


def test_few_correct_utterances_give_a_wide_interval_of_ua():
    truth = np.array([0, 0, 1, 1])
    low, high = ua_interval(score(LABELS, truth, truth))
    assert low < 0.8
    assert high == 1.0
