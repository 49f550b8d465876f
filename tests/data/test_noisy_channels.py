"""Channels with noise for an encoder that runs once per version of a recording."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from paths import SPOKEN
from ser_stream.audio.speech import read_samples
from ser_stream.corpora.base import Utterance
from ser_stream.data.acoustics import BackgroundSounds
from ser_stream.data.augmentation import SimulatedNoise
from ser_stream.data.channel_simulation import simulate_channel
from ser_stream.data.noisy_channels import NoisyChannels

FILES = sorted(SPOKEN.glob("*.flac"))
SPEECH = 0.1 * read_samples(FILES[0])[:32_000]
QUIET = SimulatedNoise(share=0.0, gain_db=(0, 0))


def utterance(speaker="a", name="1"):
    return Utterance(Path(name), "ravdess", speaker, "f", "sad", "en")


def channels(settings):
    return NoisyChannels(settings, None, BackgroundSounds(FILES[1:]))


def power(samples):
    return float(np.mean(np.square(samples, dtype=np.float64)))


def test_without_noise_and_gain_it_is_the_simulated_channel_of_the_speaker():
    found = channels(QUIET)(SPEECH, utterance("a"), 1)
    np.testing.assert_allclose(found, simulate_channel(SPEECH, "a", 1), atol=1e-7)


@pytest.mark.parametrize("motors", [0.0, 1.0])
def test_noise_is_as_far_below_the_speech_as_asked_for(motors):
    settings = dataclasses.replace(QUIET, share=1.0, motors=motors, snr_db=(12, 12))
    noise = channels(settings)(SPEECH, utterance(), 0) - channels(QUIET)(SPEECH, utterance(), 0)
    assert 10 * np.log10(power(SPEECH) / power(noise)) == pytest.approx(12, abs=0.1)


def test_the_level_changes_as_asked_for():
    louder = dataclasses.replace(QUIET, gain_db=(6, 6))
    found, before = (channels(each)(SPEECH, utterance(), 0) for each in (louder, QUIET))
    assert 10 * np.log10(power(found) / power(before)) == pytest.approx(6, abs=0.1)


def test_turns_of_a_speaker_share_a_channel_and_versions_differ():
    record = channels(dataclasses.replace(QUIET, share=1.0, snr_db=(0, 20), gain_db=(-9, 9)))
    first = record(SPEECH, utterance("a", "1"), 0)
    np.testing.assert_array_equal(record(SPEECH, utterance("a", "2"), 0), first)
    for other in (record(SPEECH, utterance("a"), 1), record(SPEECH, utterance("b"), 0)):
        assert np.abs(other - first).max() > 0.01


def test_silence_stays_silent():
    silence = np.zeros(16_000, np.float32)
    record = channels(dataclasses.replace(QUIET, share=1.0))
    assert max(np.abs(record(silence, utterance(), version)).max() for version in range(3)) < 1e-3


def test_the_key_changes_with_the_settings():
    assert channels(QUIET).key == channels(QUIET).key
    assert channels(QUIET).key != channels(dataclasses.replace(QUIET, share=0.1)).key
