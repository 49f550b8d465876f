"""When an offset is large, and when there is no signal."""

from __future__ import annotations

import numpy as np
import pytest

from channels import noise
from ser_stream.audio.sound_check import SoundCheck

RATE_HZ = 16_000


def checked(samples, length=512, check=None, rate_hz=RATE_HZ):
    check = check or SoundCheck()
    for start in range(0, len(samples), length):
        check.add(np.asarray(samples[start : start + length], np.float32), rate_hz)
    return check


@pytest.mark.parametrize("length", [100, 512, 16_000])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dbfs", [-39, -30, -20, -12, -6])
def test_a_large_offset_is_measured(long_speech, dbfs, sign, length):
    offset = sign * 10 ** (dbfs / 20)
    check = checked(long_speech[: 5 * RATE_HZ] + offset, length)
    assert check.offset == pytest.approx(offset, abs=5e-4)
    assert check.offset_dbfs == pytest.approx(dbfs, abs=0.5)


@pytest.mark.parametrize("offset", [0.0, 0.001, -0.009])
def test_speech_with_a_small_offset_has_none(long_speech, offset):
    assert checked(long_speech + np.float32(offset)).offset == 0.0


@pytest.mark.parametrize("hz", [0.7, 2, 10, 50])
def test_rumble_and_hum_are_no_offset(hz):
    time_s = np.arange(20 * RATE_HZ) / RATE_HZ
    check = SoundCheck()
    for second in range(20):
        part = time_s[second * RATE_HZ : (second + 1) * RATE_HZ]
        checked(0.1 * np.sin(2 * np.pi * hz * part), check=check)
        assert check.offset == 0.0


def test_an_offset_that_has_gone_is_none_after_3_seconds(long_speech):
    check = checked(long_speech[: 4 * RATE_HZ] + np.float32(0.1))
    assert check.offset
    checked(long_speech[: 2 * RATE_HZ], check=check)
    assert check.offset
    checked(long_speech[: 2 * RATE_HZ], check=check)
    assert check.offset == 0.0


@pytest.mark.parametrize("value", [0.0, 0.3, -1.0])
@pytest.mark.parametrize("length", [1, 160, 512, 48_000])
def test_samples_that_are_all_the_same_are_timed(value, length):
    check = checked(noise(1_000, -80))
    checked(np.full(2 * RATE_HZ, value), length, check)
    assert check.constant_s == pytest.approx(2.0, abs=1e-3)
    checked(noise(100, -80), check=check)
    assert check.constant_s < 0.001


def test_the_time_counts_seconds_at_any_sample_rate():
    assert checked(np.zeros(96_000), rate_hz=48_000).constant_s == pytest.approx(2.0)


def test_a_single_step_of_a_16_bit_converter_is_a_signal():
    samples = np.zeros(RATE_HZ)
    samples[::4_000] = 1 / 32_768
    assert checked(samples).constant_s < 0.25


def test_the_power_is_that_of_the_newest_samples():
    check = checked(np.full(1_000, 0.5))
    assert check.power == pytest.approx(0.25)
    check.add(np.zeros(0, np.float32), RATE_HZ)
    assert check.power == pytest.approx(0.25)
