"""Fitting of temperatures, floors and label sets to synthetic predictions."""

import numpy as np
import pytest
import scipy.special

from ser_stream.evaluation.predictions import Predictions
from ser_stream.models.calibration import KNOWN_VOICE_S, Calibration
from ser_stream.training.fit_calibration import (
    fit_calibration,
    fit_floor,
    fit_label_sets,
    fit_temperature,
    mean_loss,
)

TRUTH = Calibration(temperature=1.6, new_voice_temperature=4.0)


def predictions(n, known_s, seed=0, truth=TRUTH, scale=4.0, labels=5):
    """Logits whose labels are drawn from the probabilities of the true calibration."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, scale, (n, labels))
    known = np.broadcast_to(known_s, n).astype(float)
    divisor = 1.6 + (4.0 - 1.6) * 2 / (2 + known) if truth is TRUTH else truth.temperature
    probabilities = scipy.special.softmax(logits / np.reshape(divisor, (-1, 1)), axis=1)
    targets = (rng.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return Predictions(logits, np.minimum(targets, labels - 1), known, np.full(n, 2.0))


def test_one_temperature_undoes_the_scaling_of_the_logits():
    group = predictions(20_000, 0.0, truth=Calibration(2.5))
    assert fit_temperature(group.logits, group.targets) == pytest.approx(2.5, rel=0.03)
    assert fit_calibration([group]).new_voice_temperature is None


def test_the_temperatures_of_new_and_known_voices_are_recovered():
    alone = predictions(10_000, 0.0)
    in_a_row = predictions(10_000, np.arange(10_000) % 20, seed=1)
    fitted = fit_calibration([alone, in_a_row])
    assert fitted.new_voice_temperature == pytest.approx(4.0, rel=0.05)
    assert fitted.temperature == pytest.approx(1.6, rel=0.05)


def test_a_known_voice_never_has_the_higher_temperature():
    """Where the logits say so, chance does: both are the same then."""
    alone = predictions(5000, 0.0, truth=Calibration(1.5))
    in_a_row = predictions(5000, 20.0, seed=1, truth=Calibration(3.0))
    fitted = fit_calibration([alone, in_a_row])
    assert fitted.new_voice_temperature == pytest.approx(fitted.temperature)
    assert 1.5 < fitted.temperature < 3.0


def test_groups_have_the_same_weight_however_large():
    few, many = predictions(200, 0.0, truth=Calibration(1.2)), predictions(200, 0.0, seed=5)
    repeated = Predictions(
        *(np.concatenate([values] * 20) for values in (
            many.logits, many.targets, many.voice_known_s, many.speech_s
        ))
    )  # fmt: skip
    assert fit_calibration([few, repeated]).temperature == pytest.approx(
        fit_calibration([few, many]).temperature, rel=1e-3
    )


def test_the_fit_has_less_loss_than_other_temperatures():
    groups = [predictions(2000, 0.0), predictions(2000, 15.0, seed=1)]
    fitted = fit_calibration(groups)
    best = mean_loss(groups, fitted)
    for known, new in ((0.9, 1.0), (1.1, 1.0), (1.0, 0.9), (1.0, 1.1)):
        assert fitted.new_voice_temperature is not None
        other = Calibration(
            known * fitted.temperature, new_voice_temperature=new * fitted.new_voice_temperature
        )
        assert mean_loss(groups, other) > best


@pytest.mark.parametrize("known_s", [0.0, 20.0])
def test_label_sets_hold_the_true_label_of_other_estimates_in_nine_of_ten_cases(known_s):
    shares = []
    for seed in range(40):
        group = predictions(400, known_s, seed=seed)
        sets = fit_label_sets([group], TRUTH)
        others = predictions(1000, known_s, seed=1000 + seed)
        chosen = sets.chosen(others.probabilities(TRUTH), others.voice_known_s)
        shares.append(chosen[np.arange(1000), others.targets].mean())
    assert 0.89 < np.mean(shares) < 0.925  # at least 0.9, and the best label is always in


def test_a_threshold_is_the_quantile_of_split_conformal_prediction():
    """Of 19 and the new one, one in ten may be missed: the second lowest is the threshold."""
    group = predictions(19, 0.0)
    true = np.sort(group.probabilities(TRUTH)[np.arange(19), group.targets])
    assert fit_label_sets([group], TRUTH).new_voice == pytest.approx(true[1], abs=1e-4)


def test_few_estimates_give_sets_of_all_labels():
    assert fit_label_sets([predictions(5, 0.0)], TRUTH).new_voice == 0.0


def test_label_sets_of_a_voice_that_was_never_known_are_those_of_a_new_one():
    sets = fit_label_sets([predictions(500, 0.0)], TRUTH)
    assert sets.known_voice == sets.new_voice
    both = fit_label_sets([predictions(500, 0.0), predictions(500, KNOWN_VOICE_S, 1)], TRUTH)
    assert both.known_voice != both.new_voice


def test_the_floor_is_the_least_at_which_enough_answers_are_right():
    groups = [predictions(20_000, 0.0)]
    probabilities = groups[0].probabilities(TRUTH)
    right = probabilities.argmax(axis=1) == groups[0].targets

    def share(floor):
        return right[probabilities.max(axis=1) >= floor].mean()

    floor = fit_floor(groups, TRUTH, 0.7)
    assert share(floor) >= 0.7 > share(floor - 0.01)
    assert fit_floor(groups, TRUTH, 0.1) == 0.0
    assert 0 < fit_floor(groups, TRUTH, 0.9999) < 1
