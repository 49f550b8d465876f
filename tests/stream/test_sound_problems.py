"""What people are told about the sound of a stream, once each."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.conditioner import Conditioner
from ser_stream.stream.sound_problems import SoundProblems
from streams import RATE, block


@pytest.fixture
def lines(caplog):
    caplog.set_level("INFO", "ser_stream")
    return lambda: [(r.levelname, r.getMessage()) for r in caplog.records]


class Stream:
    """A stream whose problems are noted after each block of 32 ms."""

    def __init__(self, live=True):
        self.conditioner = Conditioner()
        self.problems = SoundProblems("robot1", live)

    def push(self, samples, muted=False):
        for start in range(0, len(samples), 512):
            self.conditioner(block(samples[start : start + 512], 0.0))
            self.problems.note(self.conditioner, muted)


def test_a_large_offset_is_said_once_with_its_level_and_when_it_is_gone(long_speech, lines):
    stream = Stream()
    stream.push(long_speech + np.float32(0.1))
    assert stream.problems.text == (
        "large DC offset: -20 dBFS; it is filtered out, but leaves less room for loud speech"
    )
    assert not stream.problems.no_signal
    stream.push(long_speech)
    assert stream.problems.text == ""
    assert lines() == [
        (
            "WARNING",
            "robot1: large DC offset: -20 dBFS; it is filtered out, but leaves less room for loud "
            "speech",
        ),
        ("INFO", "robot1: the DC offset is gone"),
    ]


def test_channels_that_cancel_are_said_once_and_when_they_no_longer_do(long_speech, lines):
    stream = Stream()
    stream.push(np.stack([long_speech, -long_speech], axis=1))
    assert "channel 0 is used instead of their mean" in stream.problems.text
    assert stream.conditioner.selected == 0
    stream.push(np.stack([long_speech, long_speech], axis=1))
    assert (stream.problems.text, stream.conditioner.selected) == ("", None)
    assert [level for level, _ in lines()] == ["WARNING", "INFO"]


@pytest.mark.parametrize("channels", [1, 2])
def test_a_dead_microphone_is_said_once_and_when_it_recovers(speech, channels, lines):
    stream = Stream()
    stream.push(np.stack([speech] * channels, axis=1))
    stream.push(np.zeros((round(4.9 * RATE), channels)))
    assert stream.problems.text == ""
    stream.push(np.zeros((20 * RATE, channels)))
    assert stream.problems.no_signal
    assert stream.problems.text.startswith("no signal: all samples are the same for 5 s and longer")
    stream.push(np.stack([speech] * channels, axis=1))
    assert (stream.problems.text, stream.problems.no_signal) == ("", False)
    assert [level for level, _ in lines()] == ["WARNING", "INFO"]
    assert lines()[1][1] == "robot1: the microphone gives a signal again"


def test_zeros_in_a_recording_are_no_problem(lines):
    stream = Stream(live=False)
    stream.push(np.zeros(20 * RATE))
    assert (stream.problems.text, stream.problems.no_signal, lines()) == ("", False, [])


def test_a_microphone_that_is_off_while_the_robot_speaks_is_no_problem(lines):
    stream = Stream()
    stream.push(np.zeros(20 * RATE), muted=True)
    assert (stream.problems.text, lines()) == ("", [])


def test_several_problems_are_said_in_one_line():
    stream = Stream()
    stream.push(np.full(8 * RATE, 0.5))
    assert stream.problems.text.startswith("no signal: ")
    assert "; large DC offset: -6 dBFS" in stream.problems.text
