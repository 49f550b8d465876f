"""The high-pass filter against SciPy's, for any division into blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from high_pass_reference import high_pass_sections
from ser_stream.audio.high_pass import FRAME, FirstSample, HighPass

scipy_signal = pytest.importorskip("scipy.signal")

SOS = high_pass_sections()


def noise(length: int, level: float = 0.3) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal(length)).astype(np.float32)


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(16_000 * seconds)) / 16_000).astype(np.float32)


def gain_db(hz: float) -> float:
    """Gain of a tone, after the first second."""
    heard = HighPass()(tone(hz))[16_000:]
    return 20 * np.log10(np.sqrt(2 * np.mean(heard.astype(np.float64) ** 2)))


@settings(deadline=None, max_examples=60)
@given(chunks=st.lists(st.integers(0, 2_000) | st.just(FRAME), min_size=1, max_size=12))
def test_any_blocks_give_the_samples_of_the_whole_stream(chunks):
    samples, high_pass = noise(sum(chunks)), HighPass()
    ends = np.cumsum(chunks)
    heard = np.concatenate([
        high_pass(samples[end - length : end]) for length, end in zip(chunks, ends, strict=True)
    ])  # fmt: skip
    assert heard.dtype == np.float32
    np.testing.assert_array_equal(heard, HighPass()(samples))
    if len(samples):
        expected = scipy_signal.sosfilt(SOS, samples.astype(np.float64))
        np.testing.assert_allclose(heard, expected, rtol=0, atol=1e-6)


def test_a_long_stream_stays_as_exact_as_a_short_one():
    samples = noise(16_000 * 600) + np.float32(0.3)
    expected = scipy_signal.sosfilt(SOS, samples.astype(np.float64))
    np.testing.assert_allclose(HighPass()(samples), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("hz", "lowest"),
    [(80, -3.0), (90, -0.6), *((hz, -0.05) for hz in (100, 120, 150, 200, 300, 1_000, 7_900))],
)
def test_voices_pass(hz, lowest):
    assert lowest < gain_db(hz) < 0.55


@pytest.mark.parametrize(
    ("hz", "highest"),
    [
        (1, -60), (10, -40), (20, -29), (30, -25), (40, -26), (55, -33), (62, -30),
        (49.5, -50), (50, -90), (50.5, -50), (59.5, -44), (60, -90), (60.5, -44),
    ],
)  # fmt: skip
def test_rumble_and_mains_hum_are_removed(hz, highest):
    assert gain_db(hz) < highest


@pytest.mark.parametrize(("ms", "dbfs"), [(51, -40), (73, -60)])
def test_its_ringing_after_the_lowest_voice_ends_soon(ms, dbfs):
    voice = HighPass()(np.concatenate([tone(80), np.zeros(16_000, np.float32)]))
    steady = np.abs(voice[16_000:32_000]).max()
    after = np.abs(voice[32_000 + 16 * ms :]).max()
    assert 20 * np.log10(after / steady) < dbfs


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dbfs", [-60, -40, -20, -6])
def test_an_offset_is_removed_without_a_click_at_the_beginning(dbfs, sign):
    """As in SciPy, where the state at the beginning is that of a stream of the first sample."""
    samples = noise(8_000, level=1e-3) + np.float32(sign * 10 ** (dbfs / 20))
    heard = HighPass()(FirstSample()(samples))
    at_first = scipy_signal.sosfilt_zi(SOS) * samples[0].astype(np.float64)
    expected, _ = scipy_signal.sosfilt(SOS, samples.astype(np.float64), zi=at_first)
    np.testing.assert_allclose(heard, expected, rtol=0, atol=1e-6)
    assert np.abs(heard).max() < 0.01


def test_the_offset_of_a_stream_that_begins_with_zeros_is_the_first_other_sample():
    samples = np.concatenate([np.zeros(1_000, np.float32), np.full(1_000, 0.25, np.float32)])
    for length in (7, 1_000, 2_000):
        first = FirstSample()
        parts = [first(samples[start : start + length]) for start in range(0, 2_000, length)]
        np.testing.assert_array_equal(np.concatenate(parts), np.zeros(2_000))


def test_what_it_is_given_stays_as_it_is():
    samples = noise(1_000)
    before = samples.copy()
    HighPass()(FirstSample()(samples))
    np.testing.assert_array_equal(samples, before)
