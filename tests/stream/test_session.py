"""The state of one stream: what it computes ahead."""

import numpy as np
import pytest

from ser_stream.audio.block import AudioBlock
from ser_stream.audio.turns import TurnSettings
from ser_stream.engines.choose import open_network
from ser_stream.models.calibration import Calibration
from ser_stream.stream.pushed import PushedSamples
from ser_stream.stream.scoring import ScoringSettings, WindowScorer
from ser_stream.stream.session import StreamSession
from ser_stream.stream.window import WindowSettings
from ser_stream.stream.windowing import StreamWindower
from ser_stream.units import SAMPLE_RATE_HZ


@pytest.fixture(scope="module")
def network():
    return open_network("default", "onnx")[0]


def scored(network, speech, ahead):
    """Scores of all parts of a stream, and how many frames each of them had encoded for it."""
    framing = network.framing
    windows = WindowSettings(network.features, framing.window_frames, framing.hop_frames, 0.7)
    calibration = {"interval": Calibration(), "utterance": Calibration()}
    settings = ScoringSettings(framing.window_steps, 0.0, calibration, 0.7)
    session = StreamSession(
        PushedSamples(),
        StreamWindower(windows, TurnSettings()),
        WindowScorer(network, "", settings),
    )
    encoded, encode = [], network.encode
    network.encode = lambda frames, state: encoded.append(frames.shape[1]) or encode(frames, state)
    found = []
    try:
        for end in range(512, len(speech) + 1, 512):
            block = AudioBlock(
                speech[end - 512 : end, None], SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ, 0
            )
            for part in session.push(block):
                encoded.clear()
                found.append((list(session.score(part).scores.values()), sum(encoded)))
            if ahead and (turn := session.take_progress()) is not None:
                session.encode_ahead(turn)
    finally:
        del network.encode
    return [scores for scores, _ in found], [frames for _, frames in found]


def test_steps_are_computed_ahead_of_the_window_that_needs_them(network, speech):
    scores, frames = scored(network, speech, ahead=False)
    again, ahead = scored(network, speech, ahead=True)
    np.testing.assert_allclose(again, scores, atol=1e-5)
    assert max(frames) >= network.framing.hop_frames
    assert max(ahead) <= 2 * network.framing.frames_per_step
