"""Answers to sound as robots' microphones deliver it: with an offset, hum, or swapped wires.

Each is compared with the answers to the same recording without the fault.
"""

from __future__ import annotations

import numpy as np
import pytest

from channels import array_sound, noise
from paths import ROOT
from ser_stream.emotion import UTTERANCE
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.sources import SampleBlocks

RATE_HZ = 16_000
CASES = ROOT.parent / "shared" / "cases"


@pytest.fixture(scope="module")
def answers():
    """Return the answers to samples, (n,) or (n, channels), at the end of each turn."""
    recognizer = Recognizer("tiny")

    def answer(samples, rate_hz=RATE_HZ):
        estimates = recognizer.stream(SampleBlocks([samples.astype(np.float32)], rate_hz))
        return [e for e in estimates if e.trigger == UTTERANCE]

    return answer


@pytest.fixture(scope="module")
def control(answers, speech):
    (estimate,) = answers(speech)
    return estimate


def assert_same(estimates, control, tolerance):
    (estimate,) = estimates
    assert estimate.expression == control.expression
    assert estimate.scores == pytest.approx(control.scores, abs=tolerance)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dbfs", [-60, -50, -40, -30, -20, -12, -6])
def test_an_offset_does_not_change_the_answers(answers, control, speech, dbfs, sign):
    assert_same(answers(speech + sign * 10 ** (dbfs / 20)), control, 1e-3)


def test_the_level_of_an_estimate_is_that_of_the_voice(answers, control, speech):
    (estimate,) = answers(speech + 0.1)
    assert estimate.level_dbfs == pytest.approx(control.level_dbfs, abs=0.1)


@pytest.mark.parametrize("hz", [49.8, 50, 50.2, 59.8, 60, 60.2])
@pytest.mark.parametrize("dbfs", [-40, -30])
def test_hum_does_not_change_the_emotion(answers, control, speech, hz, dbfs):
    """-30 dBFS is about the level of the speech itself."""
    time_s = np.arange(len(speech)) / RATE_HZ
    hum = np.sqrt(2) * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * time_s + 1)
    assert_same(answers(speech + hum), control, 0.05)


@pytest.mark.parametrize(
    "gains",
    [[1], [1, 1], [1, -1], [-1, 1], [1, 0], [0, 1], [1, 1, 1, -1], [1, -1, 1, -1],
     [1, 1, 1, 1, 1, -1], [1, -1, 1, -1, 1, -1]],
)  # fmt: skip
@pytest.mark.parametrize("noise_dbfs", [None, -75])
def test_channels_in_any_phase_give_the_answers_of_one(answers, control, speech, gains, noise_dbfs):
    channels = [gain * speech for gain in gains]
    if noise_dbfs is not None:
        channels = [c + noise(len(c), noise_dbfs, seed) for seed, c in enumerate(channels)]
    (estimate,) = answers(array_sound(channels))
    assert estimate.expression == control.expression
    assert estimate.turn == control.turn
    assert estimate.end_s == pytest.approx(control.end_s, abs=0.1)


@pytest.mark.parametrize("seconds", [0.7, 2, 10])
def test_zeros_around_the_speech_give_no_answers_of_their_own(answers, speech, seconds):
    zeros = np.zeros(round(seconds * RATE_HZ), np.float32)
    (estimate,) = answers(np.concatenate([zeros, speech + 0.1, zeros]))
    assert estimate.start_s > seconds


@pytest.mark.parametrize("dbfs", [-40, -20, -6])
def test_an_offset_without_speech_gives_no_answer(answers, dbfs):
    for start in (0, RATE_HZ):  # from the first sample on, and a step
        samples = noise(5 * RATE_HZ, -70)
        samples[start:] += np.float32(10 ** (dbfs / 20))
        assert answers(samples) == []


@pytest.mark.corpora
@pytest.mark.skipif(not CASES.is_dir(), reason=f"no folder {CASES}")
@pytest.mark.parametrize(
    ("name", "control_name", "tolerance"),
    [
        ("dc-20_05_5.wav", "dc0_05_5.wav", 0.01),
        ("dc-30_05_5.wav", "dc0_05_5.wav", 0.01),
        ("antiphase.flac", "b.wav", 0.15),
    ],
)
def test_recordings_with_such_faults(name, control_name, tolerance):
    recognizer = Recognizer("small")  # whose answers to these are far from a tie
    found, expected = (
        [e for e in recognizer.stream(CASES / path) if e.trigger == UTTERANCE]
        for path in (name, control_name)
    )
    assert [e.expression for e in found] == [e.expression for e in expected]
    for estimate, other in zip(found, expected, strict=True):
        assert estimate.scores == pytest.approx(other.scores, abs=tolerance)
