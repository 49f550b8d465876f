import numpy as np
import pytest
import scipy.special

from ser_stream.features.speaker_memory import PRIOR_S
from ser_stream.models.calibration import (
    KNOWN_VOICE_S,
    Calibration,
    LabelSets,
    log_softmax,
)

LOGITS = np.array([2.0, 0.0, -1.0])
BY_VOICE = Calibration(temperature=1.5, new_voice_temperature=4.0)


def test_log_softmax_is_scipys():
    logits = np.random.default_rng(0).normal(0, 50, (4, 7))
    np.testing.assert_allclose(log_softmax(logits), scipy.special.log_softmax(logits, axis=-1))


def test_temperature_flattens_and_one_changes_nothing():
    np.testing.assert_allclose(Calibration().probabilities(LOGITS), scipy.special.softmax(LOGITS))
    assert (
        Calibration(temperature=3.0).probabilities(LOGITS).max()
        < scipy.special.softmax(LOGITS).max()
    )


def test_one_temperature_does_not_depend_on_the_voice():
    one = Calibration(temperature=2.0)
    np.testing.assert_array_equal(one.probabilities(LOGITS, 20.0), one.probabilities(LOGITS))


def test_the_temperature_falls_from_that_of_a_new_voice_to_that_of_a_known_one():
    np.testing.assert_allclose(
        BY_VOICE.probabilities(LOGITS, 0.0), scipy.special.softmax(LOGITS / 4)
    )
    np.testing.assert_allclose(
        BY_VOICE.probabilities(LOGITS, 1e9), scipy.special.softmax(LOGITS / 1.5), rtol=1e-6
    )
    halfway = scipy.special.softmax(LOGITS / 2.75)
    np.testing.assert_allclose(BY_VOICE.probabilities(LOGITS, PRIOR_S), halfway)
    confidences = [BY_VOICE.probabilities(LOGITS, known_s).max() for known_s in range(21)]
    assert confidences == sorted(confidences)


def test_many_estimates_at_once_are_calibrated_like_each_alone():
    logits = np.random.default_rng(1).normal(0, 3, (5, 3))
    known_s = np.array([0.0, 1.0, 5.0, 10.0, 20.0])
    at_once = BY_VOICE.probabilities(logits, known_s)
    for row, each, seconds in zip(at_once, logits, known_s, strict=True):
        np.testing.assert_array_equal(row, BY_VOICE.probabilities(each, seconds))


def test_a_person_that_the_model_was_adapted_to_is_known_from_the_first_turn():
    known = Calibration(
        1.5, new_voice_temperature=4.0, label_sets=LabelSets(0.9, 0.02, 0.08)
    ).for_known_voice()
    np.testing.assert_allclose(known.probabilities(LOGITS), scipy.special.softmax(LOGITS / 1.5))
    assert known.label_sets.threshold(0.0) == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("probabilities", "known_s", "expected"),
    [
        ([0.3, 0.6, 0.1], 0.0, ("happy", "neutral", "sad")),
        ([0.3, 0.6, 0.1], KNOWN_VOICE_S, ("happy", "neutral")),
        ([0.1, 0.1, 0.8], KNOWN_VOICE_S, ("sad",)),
        ([0.15, 0.16, 0.14], 20.0, ("happy",)),  # never empty
    ],
)
def test_a_label_set_has_the_labels_that_reach_the_threshold(probabilities, known_s, expected):
    calibration = Calibration(label_sets=LabelSets(0.9, new_voice=0.05, known_voice=0.2))
    labels = ("neutral", "happy", "sad")
    assert calibration.label_set(labels, np.array(probabilities), known_s) == expected
    assert Calibration().label_set(labels, np.array(probabilities), known_s) == ()
