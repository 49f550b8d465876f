"""Encoding shared by scorers with different speaker memories."""

import numpy as np

from ser_stream.engines.choose import open_network
from ser_stream.evaluation.encoded_once import EncodedOnce
from ser_stream.evaluation.streamed import stream_outputs, stream_outputs_per_memory
from ser_stream.stream.scoring import new_speaker_memory


class CountedCalls:
    """A network that counts the calls of its front end."""

    def __init__(self, network):
        self._network = network
        self.n_calls = 0

    def __getattr__(self, name):
        return getattr(self._network, name)

    def encode(self, frames, state):
        self.n_calls += 1
        return self._network.encode(frames, state)


def remembering(network, recording):
    """Return a speaker memory that holds the recording's turns."""
    memory = new_speaker_memory(network)
    list(stream_outputs(network, 0.0, recording, memory))
    return memory


def test_scorers_with_other_memories_share_the_encoder(speech_path):
    network, _ = open_network("default")
    alone = list(stream_outputs(network, 0.0, speech_path))
    in_a_row = list(stream_outputs(network, 0.0, speech_path, remembering(network, speech_path)))
    one = CountedCalls(network)
    list(stream_outputs(one, 0.0, speech_path))
    both = CountedCalls(network)
    memories = [None, remembering(network, speech_path)]
    found = list(stream_outputs_per_memory(both, 0.0, speech_path, memories))
    assert both.n_calls == one.n_calls > 1
    for place, expected in enumerate([alone, in_a_row]):
        assert len(found) == len(expected)
        for (_, outputs), (_, outputs_expected) in zip(found, expected, strict=True):
            np.testing.assert_array_equal(outputs[place].logits, outputs_expected.logits)
    assert not np.allclose(alone[-1][1].logits, in_a_row[-1][1].logits)


def test_frames_behind_another_state_are_encoded_again():
    network, _ = open_network("default")
    counted = CountedCalls(network)
    once = EncodedOnce(counted)
    rng = np.random.default_rng(0)
    n_frames = network.framing.block_steps * network.framing.frames_per_step
    first, second = rng.normal(-50, 10, (2, 1, n_frames, 80)).astype(np.float32)
    start = once.initial_state(1)
    _, after_first = once.encode(first, start)
    _, after_second = once.encode(second, start)
    steps_a, _ = once.encode(second, after_first)
    steps_b, _ = once.encode(second, after_second)
    assert counted.n_calls == 4
    assert np.abs(steps_a - steps_b).max() > 0.01
    once.encode(second, after_first)
    assert counted.n_calls == 4
