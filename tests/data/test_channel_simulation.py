"""Simulated channels."""

import numpy as np

from ser_stream.data.channel_simulation import simulate_channel


def test_channels_are_repeatable_and_keep_level_and_length():
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    first, again = (simulate_channel(samples, "a", 1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == samples.shape
    assert first.dtype == np.float32
    assert 0.3 < np.std(first) / np.std(samples) < 1.1
    assert not np.array_equal(first, simulate_channel(samples, "a", 2))
    assert np.isfinite(simulate_channel(np.zeros(16000, np.float32), "a", 1)).all()
