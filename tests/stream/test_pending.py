"""Sound between the thread that pushes it and the pool's thread."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.timeline import Timeline
from ser_stream.stream.pending import DROPPED_S, MAX_PENDING_S, PendingSound

RATE = 16_000


def ramp(seconds):
    """Samples (n, 1) whose values are their positions."""
    return np.arange(round(seconds * RATE), dtype=np.float32)[:, np.newaxis]


def taken(sound):
    return list(iter(sound.take, None))


def test_blocks_are_taken_in_order():
    sound = PendingSound()
    for chunk in np.array_split(ramp(1.0), 7):
        assert sound.push(chunk, RATE)
    sound.end()
    np.testing.assert_array_equal(np.concatenate([b.samples for b in taken(sound)]), ramp(1.0))
    assert sound.seconds == 0.0 and sound.exhausted and sound.dropped_s == 0.0


def test_sound_beyond_the_limit_is_dropped_and_the_times_of_the_rest_stay():
    sound = PendingSound()
    for chunk in np.array_split(ramp(12.0), 12):
        sound.push(chunk, RATE)
        assert sound.seconds <= MAX_PENDING_S
    blocks = taken(sound)
    assert blocks[0].time_s == pytest.approx((blocks[0].samples[-1, 0] + 1) / RATE)
    assert blocks[-1].time_s == pytest.approx(12.0, abs=0.032)
    assert sound.dropped_s == pytest.approx(2 * DROPPED_S, abs=0.1)


def test_dropped_sound_is_a_gap_that_is_not_filled_with_silence():
    sound, timeline = PendingSound(), Timeline()
    sound.push(ramp(0.5), RATE)
    for block in taken(sound):
        timeline.push(block.samples[:, 0], block.time_s)
    sound.push(ramp(MAX_PENDING_S + 0.1), RATE)
    block = sound.take()
    assert timeline.push(block.samples[:, 0], block.time_s).restarted
    assert timeline.gap_s == pytest.approx(sound.dropped_s)


def test_nothing_is_added_after_the_end():
    sound = PendingSound()
    sound.push(ramp(0.05), RATE)
    sound.end()
    sound.end()
    assert not sound.push(ramp(0.05), RATE)
    assert sum(len(block.samples) for block in taken(sound)) == round(0.05 * RATE)
