import numpy as np
import pytest

from ser_stream.models.calibration import Calibration
from ser_stream.stream.decoding import TurnDecoder

scipy_special = pytest.importorskip("scipy.special")

A, B = np.array([2.0, 0.0, -1.0]), np.array([-1.0, 1.0, 0.5])


def test_without_smoothing_logits_of_a_window_are_unchanged():
    decoder = TurnDecoder()
    decoder.add(A, 1.0)
    np.testing.assert_array_equal(decoder.add(B, 1.0), B)


def test_smoothing_is_a_moving_average_that_starts_with_the_first_window():
    decoder = TurnDecoder(smoothing=0.75)
    np.testing.assert_allclose(decoder.add(A, 1.0), A)
    np.testing.assert_allclose(decoder.add(B, 1.0), 0.75 * A + 0.25 * B)


def test_the_utterance_is_the_speech_weighted_mean_of_log_probabilities():
    decoder = TurnDecoder(smoothing=0.5)
    decoder.add(A, 1.0)
    decoder.add(B, 3.0)
    expected = (scipy_special.log_softmax(A) + 3 * scipy_special.log_softmax(B)) / 4
    np.testing.assert_allclose(decoder.mean(), expected)


def test_a_window_that_covers_the_turn_replaces_earlier_windows():
    decoder = TurnDecoder()
    decoder.add(A, 1.0, covers_turn=True)
    decoder.add(B, 2.0, covers_turn=True)
    np.testing.assert_allclose(decoder.mean(), scipy_special.log_softmax(B))
    decoder.add(A, 2.0)
    expected = (scipy_special.log_softmax(A) + scipy_special.log_softmax(B)) / 2
    np.testing.assert_allclose(decoder.mean(), expected)


def test_the_utterance_of_equal_windows_equals_each_window():
    decoder = TurnDecoder()
    for _ in range(5):
        decoder.add(B, 0.7)
    probabilities = Calibration().probabilities(decoder.mean())
    assert probabilities == pytest.approx(scipy_special.softmax(B))
