"""The amount of sound that arrives, compared with the time."""

from __future__ import annotations

import pytest

from ser_stream.ros.rate_check import RateCheck


def check(*blocks):
    """The check after blocks of (length, distance from the one before), in seconds."""
    rate, end_s = RateCheck("topic /audio"), 100.0
    for duration_s, step_s in blocks:
        end_s += step_s
        rate.add(duration_s, end_s)
    return rate


@pytest.mark.parametrize(
    ("declared", "ratio"), [(0.2, "2.0"), (0.05, "0.5"), (0.1 / 6, "0.2"), (0.3, "3.0")]
)
def test_a_wrong_rate_or_number_of_channels_is_named(declared, ratio):
    rate = check(*[(declared, 0.1)] * 60)
    assert rate.error.startswith(f"topic /audio: {ratio} s of sound arrive in each second; check")


def test_the_right_amount_ends_the_error():
    assert check(*[(0.2, 0.1)] * 60, *[(0.1, 0.1)] * 120).error == ""


def test_some_lost_messages_are_no_wrong_format():
    assert check(*[(0.1, 0.1), (0.1, 0.1), (0.1, 0.2)] * 50).error == ""


def test_a_publisher_that_pauses_between_utterances_is_no_wrong_format():
    utterance = [(0.032, 0.032)] * 60
    assert check(*[*utterance, (0.032, 8.0)] * 10).error == ""


def test_a_clock_that_is_set_back_is_no_wrong_format():
    assert check(*[(0.1, 0.1)] * 40, (0.1, -60.0), *[(0.1, 0.1)] * 60).error == ""
