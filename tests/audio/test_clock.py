"""The sample clock against simulated crystals, drivers and operating systems."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.clock import SampleClock

RATE_HZ = 16_000
EXACT, ARRIVAL = 0.0, 0.5


def run(clock: SampleClock, times, block_length: int, position: int = 0) -> list[float]:
    """Return the results of `update` for blocks that end at these times."""
    ends = position + block_length * np.arange(1, len(times) + 1)
    return [clock.update(int(end), float(time_s)) for end, time_s in zip(ends, times, strict=True)]


@pytest.mark.parametrize("settle_s", [EXACT, ARRIVAL])
@pytest.mark.parametrize("crystal_ppm", [-100, 0, 100])
def test_times_stay_within_20_ms_over_a_day_with_a_poor_crystal(settle_s, crystal_ppm):
    day = np.arange(1, 86_401)
    true_s = 1.7e9 + day * (1 + crystal_ppm * 1e-6)  # when second 1, 2, ... of samples really ended
    jitter_s = np.random.default_rng(0).uniform(0, 0.01, len(day))
    if settle_s == EXACT:
        jitter_s -= 0.005
    clock, errors = SampleClock(RATE_HZ, settle_s), []
    for second, time_s, truth in zip(day, true_s + jitter_s, true_s, strict=True):
        assert clock.update(int(second) * RATE_HZ, time_s) == 0.0
        errors.append(clock.time_at(int(second) * RATE_HZ) - truth)
    assert np.abs(errors).max() < 0.02
    assert clock.steps_back == 0


def test_exact_stamps_are_given_back():
    clock = SampleClock(RATE_HZ, EXACT)
    run(clock, np.arange(1, 1001) * 0.032, 512)
    for position in (0, 1, 512, 512_000, 600_000):
        assert clock.time_at(position) == pytest.approx(position / RATE_HZ, abs=1e-9)


def test_one_wrong_stamp_hardly_moves_the_clock():
    times = np.arange(1, 101) * 0.032
    times[50] += 0.09
    clock = SampleClock(RATE_HZ, EXACT)
    assert not any(run(clock, times, 512))
    assert clock.time_at(51_200) == pytest.approx(3.2, abs=1e-4)


@pytest.mark.parametrize("gap_s", [0.101, 0.5, 20.0])
def test_exact_stamps_reveal_a_gap_in_the_first_block_after_it(gap_s):
    clock = SampleClock(RATE_HZ, EXACT)
    run(clock, np.arange(1, 11) * 0.1, 1600)
    assert clock.update(17_600, 1.1 + gap_s) == pytest.approx(gap_s)


def test_after_filling_a_gap_time_is_right_and_no_gap_is_found():
    clock = SampleClock(RATE_HZ, EXACT)
    run(clock, np.arange(1, 11) * 0.1, 1600)
    assert clock.update(17_600, 1.6) == pytest.approx(0.5)
    assert not any(run(clock, 1.6 + np.arange(1, 11) * 0.1, 1600, position=17_600 + 8_000))
    assert clock.time_at(17_600 + 8_000) == pytest.approx(1.6)


def test_after_skipping_a_gap_both_sides_keep_their_times():
    clock = SampleClock(RATE_HZ, EXACT)
    run(clock, np.arange(1, 11) * 0.1, 1600)
    missing = clock.update(17_600, 21.1)
    clock.skip(16_000, missing)
    assert not any(run(clock, 21.1 + np.arange(1, 11) * 0.1, 1600, position=17_600))
    assert [clock.time_at(position) for position in (8_000, 16_000, 17_600, 33_600)] == (
        pytest.approx([0.5, 1.0, 21.1, 22.1])
    )


@pytest.mark.parametrize("stall_s", [0.2, 0.4, 2.0])
def test_a_late_callback_followed_by_a_burst_is_not_a_gap(stall_s):
    arrivals = np.arange(1, 201) * 0.032
    stalled = (arrivals > 2) & (arrivals < 2 + stall_s)
    arrivals[stalled] = 2 + stall_s + 0.001 * np.arange(stalled.sum())
    clock = SampleClock(RATE_HZ, ARRIVAL)
    assert not any(run(clock, arrivals, 512))
    assert clock.time_at(102_400) == pytest.approx(6.4, abs=0.001)
    assert clock.steps_back == 0


@pytest.mark.parametrize("gap_s", [0.2, 3.0])
def test_a_loss_shows_once_arrivals_have_been_late_for_the_settling_time(gap_s):
    """Blocks are only ever late, so the block with the least delay measures the gap."""
    arrivals = np.arange(1, 201) * 0.032 + np.random.default_rng(0).uniform(0, 0.02, 200)
    arrivals[100:] += gap_s
    clock = SampleClock(RATE_HZ, ARRIVAL)
    missing = run(clock, arrivals[:130], 512)
    found = np.flatnonzero(missing)
    assert len(found) == 1
    assert (found[0] - 100) * 0.032 == pytest.approx(ARRIVAL, abs=0.04)
    assert missing[found[0]] == pytest.approx(gap_s, abs=0.02)


def test_a_late_first_block_does_not_shift_later_times():
    """PulseAudio's first callback may come 2 s late, followed by a burst of held-back blocks."""
    arrivals = np.arange(1, 201) * 0.032
    arrivals[arrivals < 2] = 2.0
    clock = SampleClock(RATE_HZ, ARRIVAL)
    assert not any(run(clock, arrivals, 512))
    assert clock.time_at(102_400) == pytest.approx(6.4, abs=0.001)


@pytest.mark.parametrize("settle_s", [EXACT, ARRIVAL])
def test_a_clock_set_back_is_followed_and_counted(settle_s):
    clock = SampleClock(RATE_HZ, settle_s)
    run(clock, 1000 + np.arange(1, 11) * 0.1, 1600)
    assert not any(run(clock, 500 + np.arange(1, 11) * 0.1, 1600, position=16_000))
    assert clock.steps_back == 1
    assert clock.time_at(32_000) == pytest.approx(501.0)
    assert clock.time_at(16_000) == pytest.approx(1001.0)  # the past keeps its times


def test_the_clock_keeps_a_bounded_number_of_jumps():
    clock = SampleClock(RATE_HZ, EXACT)
    for jump in range(1000):
        clock.update((jump + 1) * 1600, 1e6 - jump)
    assert clock.steps_back == 999
    assert clock.time_at(1_600_000) == pytest.approx(1e6 - 999)
    assert clock.time_at(1_600_000 - 1600) == pytest.approx(1e6 - 998)


def test_before_the_first_block_there_is_no_time():
    with pytest.raises(IndexError):
        SampleClock(RATE_HZ, EXACT).time_at(0)
