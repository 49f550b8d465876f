import pytest

from ser_stream.asr.pace import MAX_STEP_S, MIN_STEP_S, Pace


def test_steps_are_short_where_recognition_is_fast():
    pace = Pace()
    assert (pace.rtf, pace.step(3.0), pace.slow, pace.rare) == (0.0, MIN_STEP_S, "", "")
    pace.note(took_s=0.03, sound_s=3.0)
    assert (pace.rtf, pace.step(30.0)) == (pytest.approx(0.01), MIN_STEP_S)
    assert (pace.slow, pace.rare) == ("", "")


def test_steps_grow_with_the_turn_and_leave_recognition_idle_a_fifth_of_the_time():
    pace = Pace()
    pace.note(took_s=1.0, sound_s=2.0)
    assert pace.step(2.0) == pytest.approx(1.0 / 0.8)
    assert pace.rare == ""
    assert pace.step(4.0) == pytest.approx(2.0 / 0.8)
    assert pace.rare == "partial results only every 2.5 s of speech"
    assert pace.step(30.0) == MAX_STEP_S
    assert pace.step(0.5) == MIN_STEP_S


def test_recognition_slower_than_speech_is_reported_while_it_lasts():
    pace = Pace()
    pace.note(took_s=3.0, sound_s=2.0)
    assert pace.slow == ""  # 2 s of sound are no evidence
    pace.note(took_s=6.0, sound_s=4.0)
    assert pace.slow == "slower than speech: 1.5 s for each second of it"
    for _ in range(10):
        pace.note(took_s=1.9, sound_s=2.0)  # hardly faster: it might be slow again at once
    assert pace.slow
    for _ in range(10):
        pace.note(took_s=0.1, sound_s=2.0)
    assert pace.rtf == pytest.approx(0.05)
    assert pace.slow == ""
