"""Acoustic conditions that robustness is measured in."""

import numpy as np
import pytest
import scipy.signal
import soundfile

from ser_stream.corpora import esc10
from ser_stream.corpora.base import Utterance
from ser_stream.data.acoustics import (
    CONDITIONS,
    LEAD_S,
    TAIL_S,
    BackgroundSounds,
    mix,
    motor,
)
from ser_stream.data.channel_simulation import simulate_noisy_rooms
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ

LEAD = round(LEAD_S * SAMPLE_RATE_HZ)
TAIL = round(TAIL_S * SAMPLE_RATE_HZ)


@pytest.fixture
def background(tmp_path):
    """Background sounds of two noises and six voices."""
    rng = np.random.default_rng(0)
    voices = []
    for fold, name in ((4, "rain"), (5, "clock"), (4, "crying_baby")):
        path = tmp_path / "esc10" / name / f"{fold}-1-1.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, 0.1 * rng.standard_normal(8000), SAMPLE_RATE_HZ)
    for i in range(6):
        voices.append(tmp_path / f"voice{i}.wav")
        soundfile.write(voices[-1], 0.1 * rng.standard_normal(9000), SAMPLE_RATE_HZ)
    return BackgroundSounds(noises(tmp_path), voices)


def noises(folder):
    return esc10.noise_files(folder / "esc10", (4, 5))


def tone(hertz=500.0, seconds=1.0):
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.25 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_keeps_the_length_and_is_repeatable(name, background):
    speech = tone()
    processed = [CONDITIONS[name](speech, background, np.random.default_rng(5)) for _ in range(2)]
    assert processed[0].dtype == np.float32
    assert len(processed[0]) == LEAD + len(speech) + TAIL
    assert np.isfinite(processed[0]).all()
    np.testing.assert_array_equal(*processed)


@pytest.mark.parametrize(("name", "snr_db"), [("noise-10dB", 10), ("babble-10dB", 10),
                                              ("motor-10dB", 10), ("noise-0dB", 0)])  # fmt: skip
def test_noise_has_the_signal_to_noise_ratio_of_its_name(name, snr_db, background):
    speech = tone()
    noise = CONDITIONS[name](speech, background, np.random.default_rng(1))
    noise[LEAD : LEAD + len(speech)] -= speech
    ratio = 10 * np.log10(np.mean(speech**2) / np.mean(noise**2))
    assert ratio == pytest.approx(snr_db, abs=0.1)


def test_mixing_keeps_the_level_of_the_speech():
    speech = tone()
    mixed = mix(speech, motor(len(speech), np.random.default_rng(0)), 60, np.mean(speech**2))
    assert np.abs(mixed - speech).max() < 0.01


def test_the_narrow_band_removes_frequencies_above_4_khz(background):
    processed = {
        hertz: CONDITIONS["band-4kHz"](tone(hertz), background, np.random.default_rng(0))
        for hertz in (1000, 6000)
    }
    assert np.std(processed[6000]) < 0.01 * np.std(processed[1000])


def test_a_high_gain_clips_and_a_low_gain_attenuates(background):
    loud = CONDITIONS["gain+12dB"](2 * tone(), background, np.random.default_rng(0))
    quiet = CONDITIONS["gain-30dB"](tone(), background, np.random.default_rng(0))
    assert np.mean(np.abs(loud) >= 0.999) > 0.1
    assert np.abs(quiet).max() == pytest.approx(0.25 * 10**-1.5, rel=1e-3)


def test_a_room_has_its_reverberation_time(background):
    click = np.zeros(SAMPLE_RATE_HZ, np.float32)
    click[-1] = 1.0
    processed = CONDITIONS["room-0.6s"](click, background, np.random.default_rng(0))
    energy = np.cumsum(processed[::-1] ** 2)[::-1]  # Schroeder's backward integration
    decay = 10 * np.log10(energy / energy[0] + 1e-12)
    first, last = (int(np.argmax(decay < level)) for level in (-5, -25))
    assert 3 * (last - first) / SAMPLE_RATE_HZ == pytest.approx(0.6, abs=0.2)
    assert scipy.signal.correlate(processed, click).max() > 0


def test_babble_from_too_few_recordings_is_refused(background, tmp_path):
    few = BackgroundSounds(noises(tmp_path), [tmp_path / "voice0.wav"])
    with pytest.raises(InputError, match="found 1 recordings; 6 are needed"):
        CONDITIONS["babble-10dB"](tone(), few, np.random.default_rng(0))


def test_noisy_rooms_are_repeatable(background, tmp_path):
    path = tmp_path / "voice.wav"
    soundfile.write(path, tone(), SAMPLE_RATE_HZ)
    utterance = Utterance(path, "ravdess", "1", "f", "sad", "en")
    once, again = (simulate_noisy_rooms(noises(tmp_path))(utterance) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert len(once) == LEAD + SAMPLE_RATE_HZ + TAIL
    quiet = np.mean(once[: LEAD // 2] ** 2)
    assert 0 < quiet < np.mean(once[LEAD:-TAIL] ** 2) / 2
