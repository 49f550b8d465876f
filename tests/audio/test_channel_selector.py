"""The selection of a channel in sound with several channels."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import RATE_HZ, array_sound, noise, with_noise
from ser_stream.audio.channel_selector import HELD_S, ChannelSelector


def select(samples, length=512, selector=None):
    """Samples (n,) that are selected, pushed in blocks of this length."""
    selector = selector or ChannelSelector("array")
    parts = [
        selector(samples[start : start + length], RATE_HZ)
        for start in range(0, len(samples), length)
    ]
    return np.concatenate([*parts, selector.flush()])[:, 0]


@pytest.mark.parametrize("place", range(6))
def test_the_only_channel_with_speech_is_passed_on_from_its_first_word(speech, place, caplog):
    samples = with_noise(speech, place)
    with caplog.at_level(logging.INFO, "ser_stream.audio"):
        heard = select(samples)
    np.testing.assert_array_equal(heard, samples[:, place])
    (record,) = caplog.records
    assert record.getMessage().startswith(f"array: channel {place} of 6 selected: its speech is ")


def test_after_a_long_silence_the_first_words_are_from_the_chosen_channel(speech):
    samples = with_noise(np.pad(speech, (10 * RATE_HZ, 0)), 3)
    heard = select(samples)
    onset = 10 * RATE_HZ + round(0.5 * RATE_HZ)  # the recording begins with 0.8 s of silence
    np.testing.assert_array_equal(heard[onset:], samples[onset:, 3])
    assert len(heard) == len(samples)


@settings(max_examples=6)
@given(seed=st.integers(0, 2**16))
def test_the_result_does_not_depend_on_how_the_samples_are_divided(speech, seed):
    rng = np.random.default_rng(seed)
    first, second = with_noise(speech, 4), with_noise(speech, 1)
    samples = np.concatenate([first, second, second])
    expected = select(samples)
    selector, parts, rest = ChannelSelector(), [], samples
    while len(rest):
        length = int(rng.choice([1, 160, 500, 512, 7_000, 16_000]))
        parts.append(selector(rest[:length], RATE_HZ))
        rest = rest[length:]
    np.testing.assert_array_equal(np.concatenate([*parts, selector.flush()])[:, 0], expected)


def test_until_the_choice_so_much_is_held_back_and_later_nothing(speech):
    selector = ChannelSelector()
    silence = np.zeros((4 * RATE_HZ, 3), np.float32)
    assert len(selector(silence, RATE_HZ)) == (4 - HELD_S) * RATE_HZ
    assert (selector.channel, selector.held) == (None, HELD_S * RATE_HZ)
    select(array_sound([speech, 0.1 * noise(len(speech), -40), speech]), selector=selector)
    assert selector.channel == 0
    assert len(selector(silence, RATE_HZ)) == len(silence)
    assert selector.held == 0


def test_a_word_that_is_too_short_for_a_choice_is_passed_on_too(speech):
    word = np.pad(speech[16_000:22_000], (5 * RATE_HZ, 5 * RATE_HZ))  # 0.4 s
    samples = with_noise(word, 5)
    selector = ChannelSelector()
    heard = select(samples, selector=selector)
    assert selector.channel is None
    spoken = slice(5 * RATE_HZ, 5 * RATE_HZ + 6_000)
    np.testing.assert_array_equal(heard[spoken], samples[spoken, 5])


def test_another_channel_is_chosen_between_turns_when_the_first_one_dies(speech, caplog):
    turn = np.pad(speech, (0, RATE_HZ))
    alive, dead = turn + noise(len(turn), -60), np.zeros(len(turn), np.float32)
    worse = turn + noise(len(turn), -45, seed=1)
    samples = np.concatenate([array_sound([alive, worse])] * 2 + [array_sound([dead, worse])] * 4)
    selector = ChannelSelector()
    with caplog.at_level(logging.INFO, "ser_stream.audio"):
        heard = select(samples, selector=selector)
    assert selector.channel == 1
    assert [r.getMessage().partition(":")[2][:33] for r in caplog.records] == [
        " channel 0 of 2 selected: its spe",
        " channel 1 of 2 selected instead ",
    ]
    last = len(samples) - 2 * len(turn)
    np.testing.assert_array_equal(heard[last:], samples[last:, 1])


def test_the_robots_own_voice_is_not_measured_while_muted(speech):
    """The playback channel of an array is silent but for the robot's voice."""
    n = len(speech)
    own = array_sound([noise(n, -50), noise(n, -50, 1), speech])
    person = array_sound([speech + noise(n, -50), noise(n, -50, 1), np.zeros(n, np.float32)])
    selector = ChannelSelector()
    selector.muted = True
    assert len(selector(own, RATE_HZ)) == n  # nothing is held back either
    assert selector.channel is None
    selector.muted = False
    select(person, selector=selector)
    assert selector.channel == 0
    for _ in range(5):
        selector.muted = True
        select(own, selector=selector)
        selector.muted = False
        select(person, selector=selector)
    assert selector.channel == 0


def test_one_channel_passes_at_once():
    selector, samples = ChannelSelector(), noise(1000, -20)[:, np.newaxis]
    assert selector(samples, RATE_HZ) is samples
    assert selector.held == 0


def test_a_change_of_the_channels_begins_anew_and_loses_nothing(speech):
    selector = ChannelSelector()
    two = array_sound([noise(len(speech), -30), speech])
    three = array_sound([speech, noise(len(speech), -30), noise(len(speech), -40)])
    heard = [selector(two, RATE_HZ), selector(three[:512], RATE_HZ)]
    assert selector.channel is None
    heard += [selector(three[512:], RATE_HZ), selector.flush()]
    assert selector.channel == 0
    assert sum(map(len, heard)) == len(two) + len(three)


def test_another_rate_keeps_the_choice(speech):
    selector = ChannelSelector()
    select(array_sound([noise(len(speech), -30), speech]), selector=selector)
    assert len(selector(np.zeros((4_800, 2), np.float32), 48_000)) == 4_800
    assert selector.channel == 1
