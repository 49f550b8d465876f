"""Augmentation of log-mel frames."""

import numpy as np
import pytest

from ser_stream.data.augmentation import (
    Augmentation,
    add_noise,
    change_level,
    coloured_noise,
    low_pass,
    mask,
    random_prefix,
    repeat_to,
    tilt,
    warp_bands,
)
from training_data import FRAMES, RNG


def test_noise_is_added_at_the_requested_ratio():
    noise = coloured_noise(200, 64, np.random.default_rng(1))
    noisy = add_noise(FRAMES, noise, snr_db=6.0)
    power = lambda frames: np.mean(10 ** (frames.astype(np.float64) / 10))  # noqa: E731
    added = power(noisy) - power(FRAMES)
    assert 10 * np.log10(power(FRAMES) / added) == pytest.approx(6.0, abs=0.05)


def test_masks_cover_bands_and_frames_of_a_copy():
    before = FRAMES.copy()
    fill = np.full(64, 99.0, np.float32)
    masked = mask(FRAMES, Augmentation(), fill, np.random.default_rng(3))
    np.testing.assert_array_equal(FRAMES, before)
    changed = masked != FRAMES
    assert changed.any()
    assert np.all(masked[changed] == 99.0)


def test_warping_moves_a_peak_to_its_stretched_band():
    frames = np.zeros((3, 64), np.float32)
    frames[:, 40] = 1.0
    assert warp_bands(frames, 0.8).argmax(axis=1).tolist() == [50] * 3
    assert warp_bands(frames, 1.25).argmax(axis=1).tolist() == [32] * 3
    np.testing.assert_allclose(warp_bands(FRAMES, 1.0), FRAMES, rtol=1e-6)


def test_a_tilt_is_smooth_and_leaves_the_level():
    for seed in range(20):
        response = tilt(64, 4.0, np.random.default_rng(seed))
        assert abs(response.mean()) < 0.2
        assert 0 < np.abs(response).max() <= 8.0
        assert np.abs(np.diff(response)).max() < 0.5


def test_a_low_pass_changes_the_highest_bands_only():
    frames = np.zeros((5, 64), np.float32)
    filtered = [low_pass(frames, np.random.default_rng(seed)) for seed in range(20)]
    assert all((each[:, :48] == 0).all() for each in filtered)
    assert min(each[0, -1] for each in filtered) <= -100
    assert frames.min() == 0


def test_a_prefix_is_a_beginning_of_at_least_the_minimum_length():
    for seed in range(20):
        prefix = random_prefix(FRAMES, 80, np.random.default_rng(seed))
        assert 80 <= len(prefix) <= 200
        np.testing.assert_array_equal(prefix, FRAMES[: len(prefix)])
    assert len(random_prefix(FRAMES[:50], 80, RNG)) == 50


def test_frames_are_repeated_to_any_length():
    assert len(repeat_to(FRAMES[:7], 100, RNG)) == 100


def test_a_quieter_window_never_falls_below_digital_silence():
    quiet = change_level(np.full((2, 3), -80.0, np.float32), -30.0)
    assert np.all(quiet == -100.0)
    assert quiet.dtype == np.float32
