"""Lowering of high voices by an octave."""

import numpy as np
import pytest

from ser_stream.audio.high_voice import HighVoice, high_pitch
from ser_stream.audio.voice_activity import FRAME_LENGTH

RATE = 16_000
N_FRAMES = 40


def voice(pitch_hz, seconds=N_FRAMES * FRAME_LENGTH / RATE):
    """Harmonics of a pitch below 4 kHz, each weaker than the one before."""
    times = np.arange(round(seconds * RATE)) / RATE
    harmonics = range(1, int(4_000 / pitch_hz) + 1)
    samples = sum(np.sin(2 * np.pi * pitch_hz * n * times) / n for n in harmonics)
    return (0.1 * samples).astype(np.float32)


def lowered(samples):
    high_voice = HighVoice()
    frames = samples[: len(samples) // FRAME_LENGTH * FRAME_LENGTH].reshape(-1, FRAME_LENGTH)
    results = [(high_voice(frame), high_voice.lowered) for frame in frames]
    return np.concatenate([frame for frame, _ in results]), [flag for _, flag in results]


@pytest.mark.parametrize("pitch_hz", [360, 440, 523.25, 637, 850])
def test_the_pitch_of_a_high_voice_is_found(pitch_hz):
    assert high_pitch(voice(pitch_hz)[:1024]) == pytest.approx(pitch_hz, rel=0.01)


@pytest.mark.parametrize("pitch_hz", [90, 150, 220, 330, 950, 1500, 2500, 3900])
def test_voices_of_usual_pitch_and_whistles_are_left_as_they_are(pitch_hz):
    samples = voice(pitch_hz)
    found, flags = lowered(samples)
    assert not any(flags)
    np.testing.assert_array_equal(found, samples[: len(found)])


def test_noise_rumble_and_silence_are_left_as_they_are():
    rng = np.random.default_rng(0)
    white = 0.1 * rng.standard_normal(N_FRAMES * FRAME_LENGTH).astype(np.float32)
    rumble = np.convolve(white, np.ones(200, np.float32) / 20, "same")
    for samples in (white, rumble, np.zeros_like(white)):
        assert not any(lowered(samples)[1])


@pytest.mark.parametrize("pitch_hz", [380, 500, 720])
def test_a_lowered_voice_has_half_the_pitch_and_the_same_level(pitch_hz):
    samples = voice(pitch_hz)
    found, flags = lowered(samples)
    assert all(flags[1:])
    steady = slice(2 * FRAME_LENGTH, len(found))
    spectrum = np.abs(np.fft.rfft(found[steady] * np.hanning(len(found[steady]))))
    hz = np.fft.rfftfreq(len(found[steady]), 1 / RATE)
    strong = hz[spectrum > 0.2 * spectrum.max()]
    halves = strong / (pitch_hz / 2)
    assert np.abs(halves - halves.round()).max() < 0.05  # harmonics of f / 2, and nothing between
    assert halves.round().min() == 1
    level_db = 20 * np.log10(np.std(found[steady]) / np.std(samples[steady]))
    assert level_db == pytest.approx(0, abs=1)


def test_frames_follow_one_another_without_a_jump():
    found, _ = lowered(voice(500))
    steps = np.abs(np.diff(found[2 * FRAME_LENGTH :]))
    at_borders = steps[FRAME_LENGTH - 1 :: FRAME_LENGTH]
    assert at_borders.max() <= steps.max()
    jump = np.abs(np.diff(voice(500))).max() * np.sqrt(2 / 3) * 2
    assert steps.max() < 1.2 * jump
