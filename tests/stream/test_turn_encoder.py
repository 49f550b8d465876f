"""Steps that are computed ahead of the windows that need them."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.engines.calls import Encode, answer, answered
from ser_stream.engines.choose import open_network
from ser_stream.stream.turn_encoder import TurnEncoder, WholeTurn


def noise(network, n_frames):
    rng = np.random.default_rng(0)
    return WholeTurn(rng.normal(-40, 15, (n_frames, network.features.dimension)).astype(np.float32))


def encoder_of(network):
    return TurnEncoder(network, noise(network, 1_000), network.framing.window_steps)


def answered_shapes(network, asking):
    """Run a generator and return the shapes of the frames that it had encoded."""
    shapes, found = [], None
    try:
        while True:
            call = asking.send(found)
            if isinstance(call, Encode):
                shapes.append(call.frames.shape[0])
            found = answer(network, call)
    except StopIteration:
        return shapes


@pytest.mark.parametrize("model", ["default", "small", "moma-streaming", "tiny"])
def test_a_window_is_the_same_where_its_steps_were_computed_ahead(model):
    network, _ = open_network(model)
    ahead, late = encoder_of(network), encoder_of(network)
    for n_frames in range(13, 900, 13):  # as the frames of a stream come
        answered(network, ahead.encode_ahead(n_frames))
        if n_frames % 65 == 0:
            found = answered(network, ahead.outputs(n_frames))
            expected = answered(network, late.outputs(n_frames))
            np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)


def test_calls_ahead_have_one_shape_and_leave_little_for_the_window():
    network, _ = open_network("small")
    encoder = encoder_of(network)
    assert answered_shapes(network, encoder.encode_ahead(9)) == []
    assert answered_shapes(network, encoder.encode_ahead(57)) == [10] * 5
    assert answered_shapes(network, encoder.encode_ahead(59)) == []
    assert answered_shapes(network, encoder.outputs(60)) == [10]


def test_blocks_are_computed_ahead_as_a_whole_and_a_cut_one_for_its_window_alone():
    network, _ = open_network("default")
    encoder = encoder_of(network)
    assert answered_shapes(network, encoder.encode_ahead(49)) == []
    assert answered_shapes(network, encoder.encode_ahead(157)) == [50] * 3
    assert answered_shapes(network, encoder.outputs(170)) == [20]
    assert answered_shapes(network, encoder.encode_ahead(200)) == [50]
    assert answered_shapes(network, encoder.outputs(200)) == []


@pytest.mark.parametrize("model", ["default", "small", "moma-streaming", "tiny"])
def test_after_an_overload_the_steps_are_computed_in_calls_of_bounded_length(model):
    network, _ = open_network(model)
    late, steady = encoder_of(network), encoder_of(network)
    context = network.framing.context_frames or 0
    assert max(answered_shapes(network, late.outputs(990))) <= 500 + context
    for n_frames in range(50, 1_000, 50):
        answered(network, steady.outputs(n_frames))
    found = answered(network, late.outputs(1_000))
    expected = answered(network, steady.outputs(1_000))
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)


def test_nothing_is_computed_ahead_where_each_call_would_compute_its_context_anew():
    network, _ = open_network("tiny")
    assert network.framing.context_frames
    assert answered_shapes(network, encoder_of(network).encode_ahead(500)) == []
