"""Batches of several turns of one speaker."""

import numpy as np
import pytest

from ser_stream.corpora.base import Utterance
from ser_stream.data.augmentation import Augmentation
from ser_stream.data.conversations import MAX_TURNS, conversation_batches
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.training_sources import TrainingSetSettings, TrainingSources
from turns import PLAIN

LABELS = ("neutral", "happy", "sad")
RNG = np.random.default_rng(0)
FRAMES = RNG.normal(-30, 15, (900, 40)).astype(np.float32)


def small_conversations(**augmentation):
    """Batches of three speakers, with 20, 20 and 1 utterances of 90 frames."""
    speakers = ["a"] * 20 + ["b"] * 20 + ["c"]
    utterances = [
        Utterance(f"{i}.wav", "ravdess", speaker, "f", ("neutral", "sad")[i % 2], "en")
        for i, speaker in enumerate(speakers)
    ]
    starts = np.arange(len(speakers)) * 90
    frames = np.random.default_rng(1).normal(-30, 10, (90 * len(speakers), 40))
    store = FeatureStore(frames.astype(np.float32), starts, starts + 90, np.full(len(speakers), 90))
    settings = dict(PLAIN, time_masks=0, band_masks=0, mixup=0.0) | augmentation
    return conversation_batches(
        TrainingSources(utterances, [store]),
        TrainingSetSettings(
            ("neutral", "sad"), {"ravdess": 1.0}, Augmentation(**settings), 64, 16, 500
        ),
    )


def test_earlier_turns_are_of_the_same_speaker_and_weigh_by_their_length():
    conversations = [[0, 1, 2, 3], [20, 21, 22], [40]]
    weights = small_conversations().history_weights(
        conversations, np.full(8, 0.9), np.random.default_rng(0)
    )
    speaker = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    assert np.all((weights > 0) <= (speaker[:, None] == speaker))
    assert np.all(np.diag(weights) == 0)
    for row in weights[:7]:
        history_s = 0.9 * np.count_nonzero(row)
        assert row.sum() == pytest.approx(history_s / (history_s + 2), abs=1e-6)
    assert not weights[7].any()
    seldom = small_conversations(speaker_history=0.3).history_weights(
        conversations * 50, np.full(400, 0.9), np.random.default_rng(0)
    )
    assert 0.2 < np.mean(seldom.any(axis=1)) < 0.35


def test_batches_hold_several_utterances_of_each_of_their_speakers():
    batches = list(small_conversations().epoch(np.random.default_rng(0)))
    assert len(batches) <= 4
    for (features, lengths, past), targets in batches:
        assert features.shape == (len(lengths), 90, 40)
        assert past.shape == (len(lengths), len(lengths))
        assert len(targets) == len(lengths) >= 16
        assert np.count_nonzero(past.numpy().any(axis=1)) > len(lengths) // 2


def test_a_conversation_is_mostly_in_one_environment():
    quiet = small_conversations(speaker_history=1.0)
    moved = small_conversations(
        gain_db=(-20, 20), noise=1.0, snr_db=(10, 30), tilt_db=6, low_pass=0.5
    )
    same = 0
    for seed in range(40):
        turns = list(range(MAX_TURNS))
        one = quiet.augmented_turns(turns, np.random.default_rng(seed))
        other = moved.augmented_turns(turns, np.random.default_rng(seed))
        gains = [np.median(b - a) for (a, _), (b, _) in zip(one, other, strict=True)]
        same += np.std(gains) < 1.0
    assert 25 <= same < 40
