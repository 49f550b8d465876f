"""Predictions of a model for labels that are not quite its own."""

import numpy as np
import pytest

from ser_stream.errors import InputError
from ser_stream.evaluation.predictions import LabelProjection


def test_probabilities_of_the_models_own_labels_stay_as_they_are():
    probabilities = np.array([0.2, 0.8])
    assert LabelProjection(("sad", "happy"), ("sad", "happy"))(probabilities) is probabilities


def test_finer_labels_are_merged_and_others_dropped():
    project = LabelProjection(("neutral", "calm", "sad", "fear"), ("sad", "neutral"))
    projected = project(np.array([0.2, 0.1, 0.2, 0.5]))
    np.testing.assert_allclose(projected, [0.4, 0.6])


def test_a_model_without_any_scored_label_is_refused():
    with pytest.raises(InputError, match="none of them is among the scored ones, sad"):
        LabelProjection(("happy", "fear"), ("sad",))
