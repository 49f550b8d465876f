"""Speaker memory in training: earlier turns of the speaker of an utterance."""

import numpy as np
import pytest

from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.speaker_history import SpeakerHistory
from training_data import FRAMES, small_sources, small_windows
from turns import PLAIN


@pytest.fixture
def store():
    """Four utterances of 200 frames, whose levels differ."""
    starts = np.arange(4) * 200
    frames = np.concatenate([FRAMES + level for level in (-6, -2, 2, 6)])
    return FeatureStore(frames, starts, starts + 200, np.full(4, 200))


class FixedHistory:
    """Earlier turns that are always the same; a `SpeakerHistory` of one store."""

    def __init__(self, store, mean, length_s):
        self._store, self._mean, self._length_s = store, mean, length_s

    def mean(self, index, speed):
        return self._store.utterance(index).mean(axis=0)

    def draw(self, index, speed, rng):
        return self._mean, self._length_s


def test_speaker_history_in_training_uses_turns_of_the_same_speaker(store):
    sources = small_sources(store)
    history = SpeakerHistory(sources.utterances, sources.stores, 0.01)
    means = [store.utterance(i).mean(axis=0) for i in range(4)]
    for seed in range(20):
        mean, length_s = history.draw(1, 0, np.random.default_rng(seed))
        assert np.all((means[0] - 1e-3 <= mean) & (mean <= means[3] + 1e-3))
        assert 2 <= length_s <= 8


def test_the_history_of_a_turn_in_training_is_subtracted(store):
    mean = store.utterance(3).mean(axis=0)
    windows = small_windows(
        store, history=FixedHistory(store, mean, 6.0), memory_mean=np.full(64, -200.0), **PLAIN
    )
    frames, _ = windows.augmented(1, np.random.default_rng(0))
    np.testing.assert_allclose(frames, store.utterance(1) - 0.75 * (mean + 200), rtol=1e-4)


def test_the_history_in_training_has_the_simulated_channel_of_the_turn(store):
    dull = FeatureStore(store.frames - 20, store.starts, store.ends, store.speech_frames)
    mean = store.utterance(2).mean(axis=0)
    windows = small_windows(
        store, simulated=dull, history=FixedHistory(store, mean, 6.0),
        memory_mean=np.full(64, -50.0), simulated_channel=1.0, **PLAIN,
    )  # fmt: skip
    frames, _ = windows.augmented(1, np.random.default_rng(0))
    expected = dull.utterance(1) - 0.75 * (mean - 20 + 50)
    np.testing.assert_allclose(frames, expected, rtol=1e-4)


def test_the_history_in_training_has_the_level_of_the_turn(store):
    """After 2 to 8 s of history, a microphone's gain leaves a half to a fifth of itself."""
    quiet = small_windows(store, **PLAIN)
    loud = small_windows(store, **{**PLAIN, "gain_db": (11, 11)})
    for seed in range(10):
        one, _ = quiet.augmented(0, np.random.default_rng(seed))
        other, _ = loud.augmented(0, np.random.default_rng(seed))
        left = np.unique(np.round(other - one, 2))
        assert len(left) == 1
        assert 11 * 2 / 10 - 0.01 <= left[0] <= 11 * 2 / 4 + 0.01
