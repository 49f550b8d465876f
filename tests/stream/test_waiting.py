"""Which windows and turn ends wait to be scored."""

from __future__ import annotations

import pytest

from ser_stream.stream.waiting import MAX_WAITING_TURNS, WaitingParts
from streams import stream


@pytest.fixture(scope="module")
def parts(speech):
    """A window and the end of a turn."""
    windows = stream(speech)[0]
    return windows[0], windows[-1]


def taken(waiting):
    return [waiting.take() for _ in range(len(waiting))]


def test_a_waiting_window_is_replaced_but_not_by_what_belongs_to_the_same_sound(parts):
    window, end = parts
    dropped = []
    waiting = WaitingParts(dropped.append)
    waiting.put([window, end])
    waiting.put([])
    assert taken(waiting) == [window, end]
    waiting.put([window])
    waiting.put([])
    waiting.put([end])
    assert (taken(waiting), dropped) == ([end], [window])


def test_the_newest_turn_ends_wait_and_the_others_are_dropped(parts):
    window, end = parts
    dropped = []
    waiting = WaitingParts(dropped.append)
    for _ in range(5):
        waiting.put([end])
        assert len(waiting) <= MAX_WAITING_TURNS
    waiting.put([window])
    assert dropped == [end] * (5 - MAX_WAITING_TURNS)
    assert taken(waiting) == [end] * MAX_WAITING_TURNS + [window]
