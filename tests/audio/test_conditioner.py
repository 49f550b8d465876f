"""The conditioner against one-shot resampling and SciPy's filter, for any division into blocks."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import with_noise
from high_pass_reference import high_passed
from ser_stream.audio.block import AudioBlock, Channel
from ser_stream.audio.conditioner import Conditioner
from ser_stream.errors import InputError


def block(samples: np.ndarray, rate_hz: int = 16_000) -> AudioBlock:
    samples = np.asarray(samples, np.float32)
    return AudioBlock(samples if samples.ndim == 2 else samples[:, None], rate_hz, 0.0, 0.0)


def unfiltered(channel: Channel = "mix") -> Conditioner:
    return Conditioner(channel, high_pass=False)


def noise(length: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (length, channels)).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(
    rate_hz=st.sampled_from([4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 192_000])
    | st.integers(4_000, 192_000),
    chunks=st.lists(st.integers(0, 5_000), min_size=1, max_size=12),
)
def test_chunked_resampling_equals_resampling_the_whole_signal(rate_hz, chunks):
    conditioner, samples = unfiltered(), noise(sum(chunks))
    parts, start = [], 0
    for length in chunks:
        parts.append(conditioner(block(samples[start : start + length], rate_hz)))
        start += length
        given_s = sum(map(len, parts)) / 16_000
        assert conditioner.delay_s == pytest.approx(start / rate_hz - given_s, abs=1e-9)
    heard = np.concatenate([*parts, conditioner.flush()])
    assert heard.dtype == np.float32
    assert len(heard) == int(len(samples) * 16_000 / rate_hz + 0.5)
    at_once = soxr.resample(samples[:, 0], rate_hz, 16_000) if len(samples) else samples[:, 0]
    np.testing.assert_array_equal(heard, at_once)


@settings(deadline=None, max_examples=40)
@given(
    rate_hz=st.sampled_from([4_000, 8_000, 16_000, 44_100, 48_000]),
    chunks=st.lists(st.integers(0, 5_000), min_size=1, max_size=12),
    offset=st.sampled_from([0.0, 0.001, -0.1, 0.5]),
)
def test_any_blocks_give_the_filtered_samples_of_the_whole_stream(rate_hz, chunks, offset):
    samples = (0.4 * noise(sum(chunks)) + offset).astype(np.float32)
    conditioner, parts, start = Conditioner(), [], 0
    for length in chunks:
        parts.append(conditioner(block(samples[start : start + length], rate_hz)))
        start += length
        given_s = sum(map(len, parts)) / 16_000
        assert conditioner.delay_s == pytest.approx(start / rate_hz - given_s, abs=1e-9)
    heard = np.concatenate([*parts, conditioner.flush()])
    assert heard.dtype == np.float32
    whole = Conditioner()
    at_once = np.concatenate([whole(block(samples, rate_hz)), whole.flush()])
    np.testing.assert_array_equal(heard, at_once)
    if len(samples):
        resampled = soxr.resample(samples[:, 0] - samples[0, 0], rate_hz, 16_000)
        np.testing.assert_allclose(heard, high_passed(resampled), rtol=0, atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dbfs", [-60, -40, -20, -6])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_an_offset_makes_no_difference(speech, rate_hz, dbfs, sign):
    samples = soxr.resample(speech, 16_000, rate_hz)
    offset = np.float32(sign * 10 ** (dbfs / 20))
    heard, without = (
        np.concatenate([c(block(s, rate_hz)), c.flush()])
        for c, s in ((Conditioner(), samples + offset), (Conditioner(), samples))
    )
    np.testing.assert_allclose(heard, without, rtol=0, atol=2e-4)
    np.testing.assert_allclose(heard[160:-160], without[160:-160], rtol=0, atol=2e-6)


def test_resampling_keeps_the_phase_and_amplitude_of_a_tone():
    time_s = np.arange(48_000) / 48_000
    conditioner = unfiltered()
    heard = conditioner(block(0.5 * np.sin(2 * np.pi * 440 * time_s), 48_000))
    assert 0.02 < conditioner.delay_s < 0.06
    heard = np.concatenate([heard, conditioner.flush()])
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(heard[200:-200], expected[200:-200], atol=1e-4)


def test_mono_at_16_khz_is_filtered_without_delay():
    conditioner, samples = Conditioner(), noise(1000)
    expected = high_passed(samples[:, 0] - samples[0, 0])
    np.testing.assert_allclose(conditioner(block(samples)), expected, rtol=0, atol=1e-6)
    assert conditioner.delay_s == 0.0
    assert len(conditioner.flush()) == 0


def test_mix_averages_all_channels_and_an_index_selects_one():
    samples = noise(100, channels=3)
    np.testing.assert_allclose(unfiltered()(block(samples)), samples.mean(axis=1), atol=1e-7)
    np.testing.assert_array_equal(unfiltered(2)(block(samples)), samples[:, 2])


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_auto_gives_the_samples_of_the_channel_that_it_chooses(speech, rate_hz):
    samples = soxr.resample(with_noise(speech, 4), 16_000, rate_hz)
    auto, fourth = Conditioner("auto"), Conditioner(4)
    heard = []
    for start in range(0, len(samples), 1_000):
        heard.append(auto(block(samples[start : start + 1_000], rate_hz)))
        given_s = sum(map(len, heard)) / 16_000
        taken_s = min(start + 1_000, len(samples)) / rate_hz
        assert auto.delay_s == pytest.approx(taken_s - given_s, abs=1e-9)
    assert (auto.selected, auto.held_s) == (4, 0.0)
    heard.append(auto.flush())
    expected = np.concatenate([fourth(block(samples, rate_hz)), fourth.flush()])
    np.testing.assert_array_equal(np.concatenate(heard), expected)


@pytest.mark.parametrize("channel", [2, -1])
def test_a_channel_that_is_not_there_is_named(channel):
    with pytest.raises(
        InputError, match=rf"channel {channel}: .*found: 2; accepted are 0 to 1, 'mix' and 'auto'"
    ):
        Conditioner(channel)(block(noise(10, channels=2)))


@pytest.mark.parametrize(
    ("rate_hz", "channels", "says"),
    [(3_999, 1, "3999 Hz"), (192_001, 1, "192001 Hz"), (16_000, 33, "33 channels")],
)
def test_formats_that_are_not_accepted_are_named(rate_hz, channels, says):
    with pytest.raises(InputError, match=says):
        Conditioner()(block(noise(10, channels), rate_hz))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_invalid_samples_become_silence_and_are_counted(bad, rate_hz):
    conditioner, samples = Conditioner(), noise(4_410, channels=2)
    broken, silenced = samples.copy(), samples.copy()
    broken[100:110, 1] = bad
    broken[105, 0] = bad
    silenced[100:110] = 0
    heard = np.concatenate([conditioner(block(broken, rate_hz)), conditioner.flush()])
    conditioner_of_silenced = Conditioner()
    expected = conditioner_of_silenced(block(silenced, rate_hz))
    np.testing.assert_array_equal(
        heard, np.concatenate([expected, conditioner_of_silenced.flush()])
    )
    assert (conditioner.bad_samples, conditioner_of_silenced.bad_samples) == (10, 0)


def test_only_the_selected_channel_counts_bad_and_clipped_samples():
    samples = np.zeros((10, 2), np.float32)
    samples[:3, 1] = np.nan
    samples[3:7, 1] = 1.0
    left, right = Conditioner(0), Conditioner(1)
    left(block(samples)), right(block(samples))
    assert (left.bad_samples, left.clipped_samples) == (0, 0)
    assert (right.bad_samples, right.clipped_samples) == (3, 4)


def test_clipping_is_counted_before_resampling():
    conditioner = Conditioner()
    loud = np.clip(2 * np.sin(2 * np.pi * 100 * np.arange(48_000) / 48_000), -1, 1)
    conditioner(block(loud, 48_000))
    # |2 sin| >= 0.999 for all but 2/pi * asin(0.4995) of the time.
    share = 1 - 2 / np.pi * np.arcsin(0.4995)
    assert conditioner.clipped_samples == pytest.approx(share * 48_000, rel=0.01)


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (44_100, 2), (48_000, 1)])
def test_a_change_of_format_flushes_and_restarts_the_resampler(rate_hz, channels):
    before, after = noise(48_000, seed=1), noise(rate_hz, channels, seed=2)
    conditioner = unfiltered()
    heard = [
        conditioner(block(before[:30_000], 48_000)),
        conditioner(block(before[30_000:], 48_000)),
    ]
    heard += [conditioner(block(after, rate_hz)), conditioner.flush()]
    if (rate_hz, channels) == (48_000, 1):
        expected = soxr.resample(np.concatenate([before, after])[:, 0], 48_000, 16_000)
    else:
        mono = after.mean(axis=1, dtype=np.float32)
        expected = np.concatenate(
            [soxr.resample(before[:, 0], 48_000, 16_000), soxr.resample(mono, rate_hz, 16_000)]
        )
    assert conditioner.format_changes == ((rate_hz, channels) != (48_000, 1))
    np.testing.assert_array_equal(np.concatenate(heard), expected)


def test_a_change_of_format_restarts_the_filter():
    """The offset of one microphone makes no click at the beginning of another."""
    conditioner = Conditioner()
    heard = [
        conditioner(block(np.full(20_000, offset), rate_hz))
        for offset, rate_hz in ((0.5, 48_000), (-0.5, 16_000), (0.25, 44_100))
    ]
    assert np.abs(np.concatenate([*heard, conditioner.flush()])).max() == 0.0


def test_after_a_flush_a_new_stream_begins():
    conditioner, samples = Conditioner(), noise(10_000) + np.float32(0.1)
    first = np.concatenate([conditioner(block(samples, 44_100)), conditioner.flush()])
    again = np.concatenate([conditioner(block(samples, 44_100)), conditioner.flush()])
    np.testing.assert_array_equal(first, again)
    assert conditioner.format_changes == 0
