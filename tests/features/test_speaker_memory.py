import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from scored import judge, make_model, whole_window
from ser_stream.engines.torch import TorchNetwork
from ser_stream.evaluation.streamed import stream_outputs
from ser_stream.features.speaker_memory import FORGET_S, MEMORY_S, SpeakerMemory
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.scoring import new_speaker_memory
from turns import two_turns

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
            np.testing.assert_allclose(ask.outputs(window).logits, expected, atol=1e-4)
        ask.outputs(turn[-1])


def test_the_memory_is_reset_after_a_minute_without_speech(remembering, speech):
    _, second = two_turns(speech, FORGET_S + 5)
    ask, fresh = judge(remembering), judge(remembering)
    for window in two_turns(speech)[0]:
        ask.outputs(window)
    np.testing.assert_array_equal(ask.outputs(second[0]).logits, fresh.outputs(second[0]).logits)


def test_without_speaker_memory_each_turn_is_scored_by_itself(speech):
    first, second = two_turns(speech)
    model = make_model("causal_crnn")
    ask, fresh = judge(model), judge(model)
    for window in first:
        ask.outputs(window)
    np.testing.assert_array_equal(ask.outputs(second[0]).logits, fresh.outputs(second[0]).logits)


def test_a_turn_with_too_little_speech_is_not_remembered(remembering, speech):
    first, second = two_turns(speech)
    ask, fresh = judge(remembering, min_speech=60.0), judge(remembering)
    for window in first:
        ask.outputs(window)
    np.testing.assert_array_equal(ask.outputs(second[0]).logits, fresh.outputs(second[0]).logits)


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
    (_, alone), *_ = stream_outputs(TorchNetwork(remembering), 0.0, speech_path, memory)
    assert np.any(memory.offset)
    (_, after), *_ = stream_outputs(TorchNetwork(remembering), 0.0, speech_path, memory)
    assert not np.allclose(alone.logits, after.logits)


def test_any_network_can_have_a_memory_of_frames():
    model = make_model("cnn_blstm_attention")
    model.has_speaker_memory = True
    assert new_speaker_memory(TorchNetwork(model)).offset.shape == (model.features.dimension,)
