import numpy as np
import scipy.special

from ser_stream.models.calibration import Calibration, log_softmax

LOGITS = np.array([2.0, 0.0, -1.0])


def test_log_softmax_is_scipys():
    logits = np.random.default_rng(0).normal(0, 50, (4, 7))
    np.testing.assert_allclose(log_softmax(logits), scipy.special.log_softmax(logits, axis=-1))


def test_temperature_flattens_and_one_changes_nothing():
    np.testing.assert_allclose(Calibration().probabilities(LOGITS), scipy.special.softmax(LOGITS))
    assert (
        Calibration(temperature=3.0).probabilities(LOGITS).max()
        < scipy.special.softmax(LOGITS).max()
    )
