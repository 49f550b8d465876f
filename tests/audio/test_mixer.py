"""The mean of channels, and what takes its place where they cancel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import array_sound, noise
from ser_stream.audio.mixer import Mixer

RATE_HZ = 16_000
DEAD = np.float32(0)


def mixed(samples: np.ndarray, cuts=(), rate_hz: int = RATE_HZ) -> tuple[np.ndarray, Mixer]:
    mixer = Mixer(samples.shape[1], rate_hz)
    return np.concatenate([mixer(part) for part in np.split(samples, cuts)]), mixer


def with_noise(channels, dbfs):
    """Channels with independent noise on each."""
    return array_sound([
        channel + noise(len(channel), dbfs, seed) for seed, channel in enumerate(channels)
    ])  # fmt: skip


@pytest.mark.parametrize(
    "gains", [[1, 1], [1, 0.5], [1, 0], [0, 1], [1] * 4, [1, 1, 1, -1], [1, 1, -1, 1, 1, 1]]
)
@pytest.mark.parametrize("noise_dbfs", [-80, -50])
def test_channels_that_do_not_cancel_are_averaged(speech, gains, noise_dbfs):
    samples = with_noise([gain * speech for gain in gains], noise_dbfs)
    heard, mixer = mixed(samples)
    assert mixer.channel is None
    np.testing.assert_allclose(heard, samples.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("channels", [2, 4, 6, 32])
def test_independent_noise_does_not_cancel(channels):
    samples = array_sound([noise(5 * RATE_HZ, -40, seed) for seed in range(channels)])
    assert mixed(samples)[1].channel is None


@pytest.mark.parametrize(
    ("gains", "loudest"),
    [([1, -1], 0), ([0.8, -1], 1), ([1, -1, 1, -1], 0), ([1, -1, 0, 0], 0), ([1, 1, -1, -1.2], 3)],
)
@pytest.mark.parametrize("noise_dbfs", [-90, -60])
@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_the_loudest_of_channels_that_cancel_takes_over(speech, gains, loudest, noise_dbfs, offset):
    samples = with_noise([gain * speech + offset for gain in gains], noise_dbfs)
    heard, mixer = mixed(samples)
    assert abs(gains[mixer.channel]) == abs(gains[loudest])
    after = slice(RATE_HZ // 10 + round(0.8 * RATE_HZ), None)  # speech begins at 0.8 s
    np.testing.assert_array_equal(heard[after], samples[after, mixer.channel])


@pytest.mark.parametrize("dbfs", [-120, -100])
def test_nothing_is_decided_by_digital_silence(dbfs):
    sound = noise(5 * RATE_HZ, dbfs)
    assert mixed(array_sound([sound, -sound]))[1].channel is None


def test_offsets_of_opposite_sign_are_no_opposite_phase(speech):
    assert mixed(with_noise([speech + 0.2, speech - 0.2], -60))[1].channel is None


def test_the_mean_comes_back_when_the_channels_have_been_in_phase(long_speech):
    opposite = array_sound([long_speech, -long_speech])
    in_phase = array_sound([long_speech, long_speech])
    mixer = Mixer(2, RATE_HZ)
    mixer(opposite)
    assert mixer.channel == 0
    mixer(in_phase[: 2 * RATE_HZ])
    assert mixer.channel == 0
    mixer(in_phase[2 * RATE_HZ :])
    assert mixer.channel is None


@settings(deadline=None, max_examples=25)
@given(
    cuts=st.lists(st.integers(0, 80_000), max_size=20),
    channels=st.sampled_from([2, 4, 6]),
    rate_hz=st.sampled_from([8_000, 16_000, 44_100]),
)
def test_the_result_does_not_depend_on_the_blocks(speech, cuts, channels, rate_hz):
    samples = with_noise([speech * (-1) ** i for i in range(channels)], -60)
    at_once, mixer = mixed(samples, rate_hz=rate_hz)
    assert mixer.channel is not None
    np.testing.assert_array_equal(mixed(samples, sorted(cuts), rate_hz)[0], at_once)
