"""The timeline against a plain, ever growing array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_stream.audio.timeline import PushResult, Timeline

RATE_HZ = 16_000


def ramp(start: int, end: int) -> np.ndarray:
    """Samples whose values are their positions."""
    return np.arange(start, end, dtype=np.float32) + 1


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(0, 2_500), min_size=1, max_size=12),
    data=st.data(),
)
def test_reads_return_the_pushed_samples_for_any_block_lengths(lengths, data):
    """Reads reach back 1,000 samples, more or less than a push."""
    timeline, everything = Timeline(reach_s=1000 / RATE_HZ), ramp(0, sum(lengths))
    for length in lengths:
        start = timeline.position
        result = timeline.push(everything[start : start + length], (start + length) / RATE_HZ)
        assert result == PushResult(start, start + length, 0, False)
        end = data.draw(st.integers(max(0, timeline.position - 1000), timeline.position))
        first = data.draw(st.integers(max(0, timeline.position - 1000), end))
        np.testing.assert_array_equal(timeline.read(first, end), everything[first:end])


def test_later_pushes_do_not_change_what_was_read():
    timeline = Timeline(reach_s=0.01)
    timeline.push(ramp(0, 160), 0.01)
    window = timeline.read(0, 160)
    for start in range(160, 50_000, 160):  # the buffer is replaced several times
        timeline.push(ramp(start, start + 160), (start + 160) / RATE_HZ)
    np.testing.assert_array_equal(window, ramp(0, 160))


@pytest.mark.parametrize(("start", "end"), [(339, 400), (400, 601), (-1, 400), (420, 410)])
def test_a_read_outside_the_buffer_is_refused_with_the_range_held(start, end):
    timeline = Timeline(reach_s=160 / RATE_HZ)
    timeline.push(ramp(0, 500), 500 / RATE_HZ)
    timeline.push(ramp(500, 600), 600 / RATE_HZ)
    with pytest.raises(IndexError, match=f"samples {start} to {end}: .* holds 340 to 600"):
        timeline.read(start, end)


def test_the_first_push_anchors_time():
    recording, topic = Timeline(), Timeline()
    recording.push(ramp(0, 512), 0.032)
    topic.push(ramp(0, 512), 1.7e9)
    assert recording.time_at(0) == pytest.approx(0.0)
    assert topic.time_at(512) == pytest.approx(1.7e9)
    assert topic.time_at(0) == pytest.approx(1.7e9 - 0.032)


@pytest.mark.parametrize("gap_s", [0.2, 4.9])
def test_a_gap_is_filled_with_silence(gap_s):
    timeline, gap = Timeline(), round(gap_s * RATE_HZ)
    timeline.push(ramp(0, 1600), 0.1)
    result = timeline.push(ramp(1600, 3200), 0.2 + gap_s)
    assert result == PushResult(1600, 3200 + gap, gap, False)
    np.testing.assert_array_equal(timeline.read(1600, 1600 + gap), np.zeros(gap))
    np.testing.assert_array_equal(timeline.read(1600 + gap, 3200 + gap), ramp(1600, 3200))
    assert (timeline.gaps, timeline.gap_s) == (1, pytest.approx(gap_s))
    assert timeline.time_at(timeline.position) == pytest.approx(0.2 + gap_s)
    assert timeline.push(ramp(0, 1600), 0.3 + gap_s).filled == 0


def test_a_long_gap_restarts_the_timeline():
    timeline = Timeline()
    timeline.push(ramp(0, 1600), 0.1)
    assert timeline.push(ramp(1600, 3200), 60.0) == PushResult(1600, 3200, 0, True)
    assert timeline.push(ramp(3200, 4800), 60.1) == PushResult(3200, 4800, 0, False)
    assert (timeline.gaps, timeline.gap_s) == (1, pytest.approx(59.8))
    times = [timeline.time_at(position) for position in (0, 1600, 3200, 4800)]
    assert times == pytest.approx([0.0, 0.1, 60.0, 60.1])
    np.testing.assert_array_equal(timeline.read(0, 4800), ramp(0, 4800))


def test_a_late_arrival_is_no_gap_when_arrival_times_are_settled():
    timeline = Timeline(settle_s=0.5)
    ends = np.arange(1, 101) * 0.032
    arrivals = np.where((ends > 1) & (ends < 1.3), 1.3, ends)
    results = [timeline.push(ramp(0, 512), time_s) for time_s in arrivals]
    assert not any(result.filled or result.restarted for result in results)
    assert timeline.gaps == 0


def test_pushing_nothing_is_allowed():
    """A resampler may return no samples for a block."""
    timeline = Timeline()
    assert timeline.push(ramp(0, 0), 0.0) == PushResult(0, 0, 0, False)
    assert timeline.push(ramp(0, 160), 0.01) == PushResult(0, 160, 0, False)
    assert len(timeline.read(160, 160)) == 0


def test_a_clock_set_back_is_counted_and_loses_no_samples():
    timeline = Timeline()
    timeline.push(ramp(0, 1600), 100.0)
    assert timeline.push(ramp(1600, 3200), 10.0) == PushResult(1600, 3200, 0, False)
    assert timeline.steps_back == 1
    assert timeline.time_at(3200) == pytest.approx(10.0)
