"""Stamps of successive messages."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from ser_stream.ros.stamps import MonotonicStamps, to_seconds, to_stamp


def test_a_stamp_is_the_time_in_seconds_and_nanoseconds():
    assert MonotonicStamps().next(9_500_000_250) == (9, 500_000_250)


def test_stamps_go_on_after_2038_as_in_rclcpp():
    """Sec has 32 bits with a sign."""
    last = 2**31 * 10**9 - 1
    stamps = MonotonicStamps()
    assert stamps.next(last) == (2**31 - 1, 999_999_999)
    assert stamps.next(last) == (-(2**31), 0)
    assert stamps.next(last + 10**9) == (-(2**31), 999_999_999)
    late = to_stamp(4_000_000_000 * 10**9)
    assert late == (4_000_000_000 - 2**32, 0)
    assert to_seconds(late, now_s=4_000_000_010.0) == 4_000_000_000.0
    assert to_seconds((1_700_000_000, 0), now_s=12.5) == 1_700_000_000.0  # simulated time


def test_kinds_of_messages_have_independent_stamps():
    stamps = MonotonicStamps()
    assert stamps.next(2_000_000_000, "interval") == (2, 0)
    assert stamps.next(1_000_000_000, "interval", "audio+text") == (1, 0)
    assert stamps.next(1_000_000_000, "interval") == (2, 1)


@given(st.lists(st.integers(10**18, 10**18 + 2 * 10**9), min_size=2, max_size=9))
@example([10**18 + 1_999_999_999, 10**18, 10**18, 10**18])  # the stamps themselves pass 2 s
def test_stamps_only_move_forward_when_the_clock_jitters(times_ns):
    stamps = MonotonicStamps()
    found = [stamps.next(time_ns) for time_ns in times_ns]
    assert all(earlier < later for earlier, later in itertools.pairwise(found))
    assert all(0 <= nanosec < 10**9 for _, nanosec in found)


def test_stamps_follow_a_clock_that_was_set_back(caplog):
    """As NTP does on a robot whose clock was ahead: an hour of equal stamps would be wrong."""
    stamps = MonotonicStamps()
    assert stamps.next(5_000_000_000_000, "interval") == (5000, 0)
    assert stamps.next(4_999_000_000_000, "interval") == (5000, 1)
    assert stamps.next(1_400_000_000_000, "interval") == (1400, 0)
    assert stamps.next(1_400_500_000_000, "interval") == (1400, 500_000_000)
    assert stamps.next(1_400_000_000_000, "utterance") == (1400, 0)
    (record,) = caplog.records
    assert record.getMessage() == (
        "the clock was set back by 3600.0 s; stamps restart from the new time"
    )
