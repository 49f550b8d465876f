import numpy as np
import pytest

from ser_stream.data.feature_cache import (
    FeatureStore,
)
from ser_stream.models.checkpoint import load_model
from ser_stream.training.distillation import teacher_probabilities
from training_data import FRAMES


@pytest.fixture
def store():
    """Four utterances of 200 frames."""
    starts = np.arange(4) * 200
    return FeatureStore(np.tile(FRAMES, (4, 1)), starts, starts + 200, np.full(4, 200))


def test_soft_targets_lie_between_labels_and_teachers(store, distillation_recipe, run_folder):
    targets = np.array([0, 1, 2, 3])
    _, info = load_model(run_folder / "out" / "model")
    stores = {info.features: store}  # a teacher is given its own features
    answers = teacher_probabilities(
        distillation_recipe, [run_folder / "out" / "model"], stores.__getitem__, targets
    )
    np.testing.assert_allclose(answers.sum(axis=1), 1.0, rtol=1e-5)
    assert np.all(answers[range(4), targets] >= 0.3 - 1e-6)
