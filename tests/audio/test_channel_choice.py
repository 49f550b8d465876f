"""The choice among measured channels: frames of 32 ms are made up here."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.channel_choice import ChannelChoice
from ser_stream.audio.channel_speech import FrameSpeech

SECOND = 31  # frames


def frame(*levels_db, distorted=()):
    """A frame in which each channel holds speech of that level above its noise; 0: no speech."""
    levels = np.array(levels_db, np.float32)
    clipped = np.array([channel in distorted for channel in range(len(levels))])
    return FrameSpeech(levels > 0, levels, clipped)


def look_until_done(choice, *frames):
    """Begin a look and repeat frames until it may end; return its length in frames."""
    choice.look()
    for count in range(1, 100 * SECOND):
        choice.add(frames[count % len(frames)])
        if choice.done:
            return count
    pytest.fail("the look has no end")


def chosen(n_channels, *frames):
    """A choice that has been made by these frames, repeated."""
    choice = ChannelChoice(n_channels)
    for _ in range(4):
        for each in frames:
            for _ in range(SECOND):
                choice.add(each)
    return choice


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([frame(5, 20, 10)], 1),  # the clearest speech
        ([frame(0, 0, 12)], 2),
        ([frame(4, 20, 0), frame(4, 0, 0), frame(4, 0, 0)], 1),  # steady noise taken for speech
        ([frame(60, 25, 0), *[frame(0, 25, 0)] * 9], 1),  # a bang now and then
        ([frame(25, 20, 0, distorted=[0])], 1),  # clipped
        ([frame(20, 20, 20)], 0),  # identical channels
        ([frame(0, 0, 0)], None),  # nobody speaks
        ([frame(5, 4, 3)], None),  # noise that is taken for speech
    ],
)
def test_the_channel_with_the_clearest_speech_is_chosen(frames, expected):
    choice = ChannelChoice(3)
    for count in range(4 * SECOND):
        choice.add(frames[count % len(frames)])
    assert choice.chosen == expected


def test_the_first_choice_takes_half_a_second_of_clear_speech():
    choice = ChannelChoice(2)
    results = [choice.add(frame(0, 20)) for _ in range(SECOND)]
    assert results.index(True) == pytest.approx(0.5 * SECOND, abs=1)
    assert choice.best == 1


def test_a_look_is_short_where_no_other_channel_leads():
    choice = chosen(3, frame(0, 20, 0))
    assert choice.chosen == 1
    assert look_until_done(choice, frame(0, 0, 0)) == SECOND
    assert look_until_done(choice, frame(0, 20, 24)) == SECOND
    assert choice.chosen == 1


def test_a_channel_that_is_clearly_better_is_chosen_between_turns_only():
    choice = chosen(2, frame(12, 0))
    choice.look()
    for _ in range(3 * SECOND):
        assert not choice.add(frame(12, 30))  # in the middle of a turn
    results = [choice.add(frame(0, 0)) for _ in range(SECOND)]
    assert results.index(True) == pytest.approx(0.7 * SECOND, abs=1)
    assert choice.chosen == 1


def test_a_channel_that_has_died_is_left_at_once():
    choice = chosen(2, frame(20, 18))
    choice.look()
    results = [choice.add(frame(0, 18)) for _ in range(2 * SECOND)]
    assert results.index(True) == pytest.approx(SECOND, abs=1)


def test_a_pause_is_not_awaited_for_ever():
    choice = chosen(2, frame(12, 0))
    choice.look()
    results = [choice.add(frame(8, 30)) for _ in range(10 * SECOND)]
    assert results.index(True) == pytest.approx(8 * SECOND, abs=10)


def test_a_small_advantage_changes_nothing():
    choice = chosen(2, frame(15, 0))
    for _ in range(20):
        look_until_done(choice, frame(15, 17), frame(0, 0))
    assert choice.chosen == 0
