"""Features of speech, cached on disk."""

import numpy as np

from ser_stream.audio.speech import speech_span
from ser_stream.corpora import ravdess
from ser_stream.data.feature_cache import load_features
from ser_stream.features.log_mel import LogMelConfig


def test_a_recording_without_detected_speech_is_not_cut():
    assert speech_span(np.zeros(8000, np.float32)) == (0, 8000)


def test_features_are_cached_and_read_back(corpora, tmp_path):
    utterances = ravdess.read(corpora / "ravdess")[:3]
    first = load_features(utterances, LogMelConfig(), 1.0, tmp_path)
    again = load_features(utterances, LogMelConfig(), 1.0, tmp_path)
    assert len(first) == 3
    np.testing.assert_array_equal(first.utterance(1), again.utterance(1))
    assert len(first.utterance(1, tail=True)) >= len(first.utterance(1))
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy"}  # nothing half written
