import numpy as np
import pytest

from pair_data import ENCODING, LABELS, TEXTS, VOCABULARY
from ser_stream.data.pairs import (
    EvaluationPairs,
)
from ser_stream.evaluation.pair_scores import score_pairs
from ser_stream.features.segments import SegmentConfig
from ser_stream.models.base import BimodalModel
from ser_stream.models.calibration import Calibration
from ser_stream.models.registry import build_model


def test_live_scores_are_the_mean_of_first_and_second_scores():
    """Neutral words in a happy voice stay happy where the first estimate is certain."""
    options = {"vocabulary": VOCABULARY.words, "word_dimension": 4, "hidden": 4}
    model = build_model("can", LABELS, SegmentConfig(), options, BimodalModel).eval()
    clips = [np.zeros((80, 128), np.float32)] * 4
    voices = ["happy", "sad", "sad", "neutral"]
    pairs = EvaluationPairs(clips, voices, TEXTS, ENCODING)
    first = [{"happy": 1.0, "sad": 0.0}, {"calm": 1.0}, None, {"neutral": 1.0}]
    found = score_pairs(model, pairs, Calibration(), first)["neutral words"]
    assert found["first"]["n"] == 3
    assert found["first"]["wa"] == pytest.approx(1 / 3, abs=1e-4)  # calm is another, None is wrong
    first = [{label: float(label == voice) for label in LABELS} for voice in voices]
    found = score_pairs(model, pairs, Calibration(), first)
    assert found["same emotion"]["live"]["wa"] == 1.0
