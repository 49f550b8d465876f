"""Evidence of several short turns together."""

import numpy as np
import pytest

from ser_stream.stream.short_turns import MAX_PAUSE_S, MIN_CONFIDENCE, ShortTurns, TurnEvidence

A, B, C = np.log([0.7, 0.3]), np.log([0.5, 0.5]), np.log([0.1, 0.9])
NEEDED_S = 0.7


def add(turns, logits, start_s, speech_s, affect=None):
    """Add a turn that lasts as long as its speech."""
    evidence = TurnEvidence(logits, affect, speech_s)
    return turns.add(evidence, start_s, start_s + speech_s, NEEDED_S)


def test_the_evidence_of_close_short_turns_is_weighted_by_their_speech():
    turns = ShortTurns()
    first = add(turns, A, 0.0, 0.2, np.array([0.0, 1.0]))
    np.testing.assert_array_equal(first.logits, A)
    assert first.speech_s == 0.2
    both = add(turns, C, 1.0, 0.6, np.array([1.0, 0.0]))
    np.testing.assert_allclose(both.logits, 0.25 * A + 0.75 * C)
    np.testing.assert_allclose(both.affect, [0.75, 0.25])
    assert both.speech_s == pytest.approx(0.8)


def test_no_more_turns_are_taken_than_are_needed():
    turns = ShortTurns()
    for start_s, logits in enumerate((A, A, B)):
        add(turns, logits, float(start_s), 0.4)
    found = add(turns, C, 3.0, 0.4)
    np.testing.assert_allclose(found.logits, (B + C) / 2)
    assert found.speech_s == pytest.approx(0.8)


@pytest.mark.parametrize(("pause_s", "together"), [(MAX_PAUSE_S - 0.1, 2), (MAX_PAUSE_S + 0.1, 1)])
def test_a_long_pause_separates_turns(pause_s, together):
    turns = ShortTurns()
    add(turns, A, 0.0, 0.4)
    assert add(turns, A, 0.4 + pause_s, 0.4).speech_s == pytest.approx(0.4 * together)


def test_a_turn_that_is_long_enough_is_judged_alone_and_helps_the_next():
    turns = ShortTurns()
    add(turns, A, 0.0, 0.4)
    alone = add(turns, C, 1.0, 0.8)
    np.testing.assert_array_equal(alone.logits, C)
    assert alone.speech_s == 0.8
    np.testing.assert_allclose(add(turns, A, 2.5, 0.4).logits, (A + 2 * C) / 3)


def test_a_long_turn_separates_those_around_it():
    turns = ShortTurns()
    add(turns, A, 0.0, 0.4)
    assert add(turns, C, 1.0, 2.0).speech_s == 2.0
    assert add(turns, B, 4.0, 0.4).speech_s == 0.4


def test_turns_together_need_more_confidence_than_one_alone():
    turns = ShortTurns()
    assert add(turns, A, 0.0, 0.4).floor(0.35) == 0.35
    together = add(turns, A, 1.0, 0.4)
    assert together.n_turns == 2
    assert together.floor(0.35) == MIN_CONFIDENCE
    assert together.floor(0.9) == 0.9


def test_nothing_is_left_after_a_reset():
    turns = ShortTurns()
    add(turns, A, 0.0, 0.4)
    turns.reset()
    assert add(turns, C, 1.0, 0.4).speech_s == 0.4
