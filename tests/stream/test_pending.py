"""Sound between the thread that pushes it and the pool's thread."""

from __future__ import annotations

import numpy as np
import pytest

from ser_stream.audio.block import AudioBlock
from ser_stream.audio.timeline import Timeline
from ser_stream.stream.pending import (
    DROPPED_S,
    MAX_PENDING_S,
    EndOfTurn,
    Interruption,
    PendingSound,
)

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


def test_blocks_keep_their_times_and_an_interruption_its_place():
    sound = PendingSound()
    sound.put(AudioBlock(ramp(1.2), RATE, time_s=101.2, captured_at=7.0))
    sound.put(None)
    sound.put(AudioBlock(ramp(0.1), RATE, time_s=150.0, captured_at=8.0))
    *pieces, interruption, last = taken(sound)
    assert [piece.time_s for piece in pieces] == pytest.approx([100.5, 101.0, 101.2])
    np.testing.assert_array_equal(np.concatenate([p.samples for p in pieces]), ramp(1.2))
    assert isinstance(interruption, Interruption)
    assert (last.time_s, last.captured_at) == (150.0, 8.0)
    assert not sound.waits
    sound.end()
    assert not sound.put(None)


def test_a_block_that_is_longer_than_what_may_wait_loses_its_beginning():
    sound = PendingSound()
    sound.put(AudioBlock(ramp(MAX_PENDING_S + 3.0), RATE, time_s=100.0, captured_at=0.0))
    blocks = taken(sound)
    assert blocks[-1].time_s == 100.0
    assert sum(block.length_s for block in blocks) + sound.dropped_s == MAX_PENDING_S + 3.0
    assert sound.dropped_s > 0


def test_the_end_of_a_turn_stands_behind_all_sound_before_it():
    sound = PendingSound()
    sound.push(ramp(0.05), RATE)  # 18 ms of it wait for the rest of a block
    assert sound.end_turn(lambda: None)
    sound.push(ramp(0.05), RATE)
    sound.end()
    before, after = [], []
    found = before
    for block in taken(sound):
        if isinstance(block, EndOfTurn):
            found = after
        else:
            found.append(block.samples)
    assert len(np.concatenate(before)) == len(np.concatenate(after)) == 0.05 * RATE
    assert not sound.end_turn(lambda: None)


def test_the_end_of_a_turn_is_kept_where_sound_is_dropped():
    sound = PendingSound()
    sound.push(ramp(1.0), RATE)
    sound.end_turn(lambda: None)
    sound.push(ramp(MAX_PENDING_S), RATE)
    assert sound.dropped_s > 1.0
    assert isinstance(sound.take(), EndOfTurn)
