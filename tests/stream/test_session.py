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


def new_session(network):
    framing = network.framing
    windows = WindowSettings(network.features, framing.window_frames, framing.hop_frames, 0.7)
    calibration = {"interval": Calibration(), "utterance": Calibration()}
    settings = ScoringSettings(framing.window_steps, 0.0, calibration, 0.7)
    windower, scorer = StreamWindower(windows, TurnSettings()), WindowScorer(network, "", settings)
    return StreamSession(PushedSamples(), windower, scorer)


def blocks(samples, start_s=0.0):
    for end in range(512, len(samples) + 1, 512):
        end_s = start_s + end / SAMPLE_RATE_HZ
        yield AudioBlock(samples[end - 512 : end, None], SAMPLE_RATE_HZ, end_s, captured_at=0.0)


def encode_ahead(session):
    if (turn := session.take_progress()) is not None:
        session.encode_ahead(turn)


def scored(network, speech, ahead):
    """Scores of all parts of a stream, and how many frames each of them had encoded for it."""
    session = new_session(network)
    encoded, encode = [], network.encode
    network.encode = lambda frames, state: encoded.append(frames.shape[1]) or encode(frames, state)
    found = []
    try:
        for block in blocks(speech):
            for part in session.push(block):
                encoded.clear()
                found.append((list(session.score(part).scores.values()), sum(encoded)))
            if ahead:
                encode_ahead(session)
    finally:
        del network.encode
    return [scores for scores, _ in found], [frames for _, frames in found]


def test_steps_are_computed_ahead_of_the_window_that_needs_them(network, speech):
    scores, frames = scored(network, speech, ahead=False)
    again, ahead = scored(network, speech, ahead=True)
    np.testing.assert_allclose(again, scores, atol=1e-5)
    assert max(frames) >= network.framing.hop_frames
    assert max(ahead) <= network.framing.frames_per_step * max(2, network.framing.block_steps)


def test_after_a_long_interruption_the_voice_of_before_is_forgotten(network, speech):
    """Also where the new turn begins with the first sample after the gap."""
    new = speech[6_000:]

    def last_scores(*parts):
        session, scores = new_session(network), []
        for samples, start_s in parts:
            for block in (*blocks(samples, start_s), None):
                scores += [session.score(part) for part in session.push(block)]
                encode_ahead(session)
        return list(scores[-1].scores.values())

    alone = last_scores((new, 3600.0))
    assert last_scores((speech, 0.0), (new, 3600.0)) == pytest.approx(alone, abs=1e-4)
    assert last_scores((speech, 0.0), (new, 10.0)) != pytest.approx(alone, abs=1e-2)


def test_the_status_says_what_the_sound_is_like(network, speech):
    session = new_session(network)
    for block in blocks(speech + np.float32(0.1)):
        session.push(block)
    status = session.status()
    assert status.sound.startswith("large DC offset: -20 dBFS")
    assert not status.no_signal
    assert status.level_dbfs == pytest.approx(-20, abs=0.5)  # of the silence after the sentence
    for block in blocks(np.zeros(6 * SAMPLE_RATE_HZ, np.float32), len(speech) / SAMPLE_RATE_HZ):
        session.push(block)
    assert session.status().no_signal
    assert session.status().level_dbfs == -120.0
