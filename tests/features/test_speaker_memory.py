import dataclasses

import numpy as np
import pytest
import torch

import ser_stream.training.calibrate as calibrate_module
from scored import judge, make_model, whole_window
from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.speaker_history import SpeakerHistory
from ser_stream.evaluation.streamed import stream_logits
from ser_stream.features.speaker_memory import FORGET_S, MEMORY_S, SpeakerMemory
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.scoring import new_speaker_memory
from training_data import FRAMES, small_sources, small_windows
from turns import PLAIN, two_turns

PRIOR = np.array([-40.0, -60.0])


def test_the_offset_is_zero_before_the_first_turn():
    memory = SpeakerMemory(PRIOR)
    assert memory.offset.tolist() == [0.0, 0.0]


def test_the_offset_grows_with_the_length_of_earlier_turns():
    memory = SpeakerMemory(PRIOR)
    memory.update(np.array([-30.0, -60.0]), 2.0)
    np.testing.assert_allclose(memory.offset, [5.0, 0.0])
    memory.update(np.array([-30.0, -60.0]), 4.0)
    np.testing.assert_allclose(memory.offset, [7.5, 0.0])


def test_old_turns_fade_from_the_memory():
    memory = SpeakerMemory(PRIOR)
    memory.update(np.array([-20.0, -20.0]), 600.0)
    for _ in range(20):
        memory.update(np.array([-30.0, -60.0]), 10.0)
    np.testing.assert_allclose(memory.offset, [10 * MEMORY_S / (MEMORY_S + 2), 0.0], atol=0.02)
    memory.reset()
    assert memory.offset.tolist() == [0.0, 0.0]


@pytest.fixture
def remembering():
    model = make_model("causal_crnn")
    model.set_normalisation(torch.full((64,), -50.0), torch.full((64,), 15.0))
    model.has_speaker_memory = True
    return model


def test_the_mean_frame_of_the_earlier_turn_is_subtracted(remembering, speech):
    first, second = two_turns(speech)
    ask = judge(remembering)
    for turn, heard in ((first, []), (second, first)):
        memory = SpeakerMemory(remembering.mean.numpy())
        for window in heard[-1:]:
            frames = window.features.read(0, window.n_frames)
            memory.update(frames.mean(axis=0), window.n_frames * 0.01)
        assert bool(np.any(memory.offset)) == bool(heard)
        for window in turn[:-1]:
            frames = window.features.read(0, window.n_frames) - memory.offset
            expected = whole_window(remembering, frames, window.n_frames)
            np.testing.assert_allclose(ask.logits(window), expected, atol=1e-4)
        ask.logits(turn[-1])


def test_the_memory_is_reset_after_a_minute_without_speech(remembering, speech):
    _, second = two_turns(speech, FORGET_S + 5)
    ask, fresh = judge(remembering), judge(remembering)
    for window in two_turns(speech)[0]:
        ask.logits(window)
    np.testing.assert_array_equal(ask.logits(second[0]), fresh.logits(second[0]))


def test_without_speaker_memory_each_turn_is_scored_by_itself(speech):
    first, second = two_turns(speech)
    model = make_model("causal_crnn")
    ask, fresh = judge(model), judge(model)
    for window in first:
        ask.logits(window)
    np.testing.assert_array_equal(ask.logits(second[0]), fresh.logits(second[0]))


def test_a_turn_with_too_little_speech_is_not_remembered(remembering, speech):
    first, second = two_turns(speech)
    ask, fresh = judge(remembering, min_speech=60.0), judge(remembering)
    for window in first:
        ask.logits(window)
    np.testing.assert_array_equal(ask.logits(second[0]), fresh.logits(second[0]))


def test_a_new_stream_starts_with_an_empty_memory(tiny_model, speech_path, tmp_path):
    network, info = load_model(tiny_model)
    save_model(tmp_path, network, dataclasses.replace(info, speaker_memory=True))
    recognizer = Recognizer(tmp_path)
    once, again = (
        [estimate.scores for estimate in recognizer.stream(speech_path)] for _ in range(2)
    )
    assert once == again


def test_a_recording_is_added_to_the_memory_of_earlier_ones(remembering, speech_path):
    memory = SpeakerMemory(remembering.mean.numpy())
    (_, alone), *_ = stream_logits(remembering, 0.0, speech_path, memory)
    assert np.any(memory.offset)
    (_, after), *_ = stream_logits(remembering, 0.0, speech_path, memory)
    assert not np.allclose(alone, after)


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


def test_the_history_of_a_turn_in_training_is_of_its_speaker(store):
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


def test_confidence_is_fitted_to_conversations_too(tiny_model, speech_path, monkeypatch):
    network, info = load_model(tiny_model)
    network.has_speaker_memory = True
    said = [
        Utterance(speech_path, "own", speaker, "", info.labels[i % 2], "")
        for i, speaker in enumerate("aabb")
    ]
    with_memories = []
    original = calibrate_module.stream_logits_per_memory

    def spy(model, smoothing, path, memories):
        with_memories.append(memories)
        yield from original(model, smoothing, path, memories)

    monkeypatch.setattr(calibrate_module, "stream_logits_per_memory", spy)
    calibrate_module.calibrate(network, info, said, 0.3)
    assert [alone for alone, _ in with_memories] == [None] * 4
    assert len({id(memory) for _, memory in with_memories}) == 2
    assert all(np.any(memory.offset) for _, memory in with_memories)


def test_any_network_can_have_a_memory_of_frames():
    model = make_model("cnn_blstm_attention")
    model.has_speaker_memory = True
    assert new_speaker_memory(model).offset.shape == (model.features.dimension,)
