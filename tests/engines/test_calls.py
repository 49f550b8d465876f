import numpy as np
import pytest

from ser_stream.engines.calls import (
    Encode,
    Encoded,
    NoAnswerError,
    Score,
    answer,
    answer_together,
    answered,
)
from ser_stream.engines.choose import open_network

RNG = np.random.default_rng(0)


def frames(network, n):
    return RNG.normal(-30, 10, (n, network.features.dimension)).astype(np.float32)


@pytest.fixture(scope="module", params=["default", "tiny"])
def network(request):
    return open_network(request.param, "onnx")[0]


def test_calls_of_different_kinds_and_shapes_are_answered_in_their_order(network):
    steps = answer(network, Encode(frames(network, 200))).steps
    state = answer(network, Encode(frames(network, 50))).state
    calls = [
        Encode(frames(network, 100)),
        Score(steps),
        Encode(frames(network, 50), state),
        Encode(frames(network, 100)),
        Score(steps[:10]),
        Encode(frames(network, 50)),
        Score(steps[::-1].copy()),
    ]
    together = answer_together(network, calls)
    for call, found in zip(calls, together, strict=True):
        alone = answer(network, call)
        if isinstance(call, Encode):
            np.testing.assert_allclose(found.steps, alone.steps, atol=1e-5)
            for one, other in zip(found.state, alone.state, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-5)
        else:
            np.testing.assert_allclose(found.logits, alone.logits, atol=1e-5)


def test_an_offset_of_one_stream_does_not_reach_the_others():
    network = open_network("default", "onnx")[0]
    steps = answer(network, Encode(frames(network, 100))).steps
    offset = np.full_like(network.prior_statistics, 0.2)
    plain, shifted = answer_together(network, [Score(steps), Score(steps, offset)])
    np.testing.assert_allclose(plain.logits, answer(network, Score(steps)).logits, atol=1e-5)
    assert np.abs(plain.logits - shifted.logits).max() > 1e-3


def test_a_generator_is_sent_the_answers_of_its_calls(network):
    def asking():
        encoded = yield Encode(frames(network, 100))
        outputs = yield Score(encoded.steps)
        return encoded, outputs

    encoded, outputs = answered(network, asking())
    assert isinstance(encoded, Encoded)
    assert outputs.logits.shape == (len(network.labels),)


class Breaking:
    """The network, whose engine raises an error at batches with a bad frame."""

    def __init__(self, network):
        self._network = network

    def __getattr__(self, name):
        return getattr(self._network, name)

    def encode(self, frames, state):
        if np.isnan(frames).any():
            raise RuntimeError("one\n  line")
        return self._network.encode(frames, state)


def test_an_error_of_the_engine_is_the_answer_of_the_call_that_caused_it_alone(network):
    frames = np.zeros((network.framing.frames_per_step, network.features.dimension), np.float32)
    calls = [Encode(frames), Encode(np.full_like(frames, np.nan)), Encode(frames)]
    first, failed, last = answer_together(Breaking(network), calls)
    np.testing.assert_allclose(first.steps, last.steps, atol=1e-6)
    assert isinstance(failed, NoAnswerError) and str(failed) == "RuntimeError: one line"

    def asking():
        try:
            yield calls[1]
        except NoAnswerError as error:
            return str(error)

    assert answered(Breaking(network), asking()) == "RuntimeError: one line"
