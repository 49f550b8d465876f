import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_stream.audio.speech import find_turns
from ser_stream.audio.turns import LOWERED_THRESHOLD, ONSET_FRAMES, TurnDetector, TurnSettings
from ser_stream.audio.voice_activity import FRAME_LENGTH, VoiceActivity
from ser_stream.errors import InputError

FRAME = np.zeros(FRAME_LENGTH, np.float32)
SECOND = 16_000


class Script:
    """Replaces the network: returns the given probabilities in order, and counts resets."""

    def __init__(self, probabilities):
        self._probabilities = iter(probabilities)
        self.resets = 0

    def reset_states(self):
        self.resets += 1

    def __call__(self, frame):
        return next(self._probabilities)


def run(probabilities, settings=None):
    probabilities = list(probabilities)
    detector = TurnDetector(settings or TurnSettings(), Script(probabilities))
    turns = [turn for _ in probabilities for turn in detector(FRAME)]
    return turns + detector.flush()


def frames(seconds):
    return round(seconds * SECOND / FRAME_LENGTH)


def test_a_turn_includes_pre_roll_and_post_roll():
    (turn,) = run([0.0] * 50 + [0.9] * 30 + [0.0] * 50)
    assert turn.onset == 50 * FRAME_LENGTH
    assert turn.start == 50 * FRAME_LENGTH - 0.2 * SECOND
    assert turn.end == 80 * FRAME_LENGTH + 0.2 * SECOND


def test_a_short_pause_does_not_end_a_turn_and_a_long_one_does():
    short, long = [0.0] * (frames(0.6) - 1), [0.0] * (frames(0.6) + 1)
    assert len(run([0.9] * 20 + short + [0.9] * 20)) == 1
    assert len(run([0.9] * 20 + long + [0.9] * 20)) == 2


def test_a_turn_ends_only_after_the_whole_pause():
    detector = TurnDetector(TurnSettings(), Script([0.9] * 20 + [0.0] * 40))
    ended_after = next(n for n in range(1, 61) if detector(FRAME))
    assert ended_after == 20 + -(-round(0.6 * SECOND) // FRAME_LENGTH)


def test_speech_begins_above_the_threshold_and_goes_on_above_the_release():
    assert run([0.45] * 100) == []
    (turn,) = run([0.6] * 4 + [0.4] * 6 + [0.1] * 50)
    assert turn.speech[:12] == [True] * 10 + [False] * 2


def test_a_turn_begins_with_the_first_of_several_frames_of_speech_in_a_row():
    blip = [0.9] * (ONSET_FRAMES - 1)
    assert run([*blip, 0.0] * 20) == []
    (turn,) = run([0.0] * 50 + blip + [0.0] + [0.9] * ONSET_FRAMES + [0.0] * 50)
    assert turn.onset == (50 + ONSET_FRAMES) * FRAME_LENGTH
    assert turn.speech[: ONSET_FRAMES + 1] == [True] * ONSET_FRAMES + [False]
    detector = TurnDetector(TurnSettings(), Script([0.9] * 10))
    begun = [detector(FRAME) == [] and detector.turn is not None for _ in range(10)]
    assert begun == [False] * (ONSET_FRAMES - 1) + [True] * (11 - ONSET_FRAMES)


def test_a_lowered_frame_needs_a_higher_probability():
    times = np.arange(60 * FRAME_LENGTH) / SECOND
    chord = sum(np.sin(2 * np.pi * 500 * n * times) for n in (1, 2, 3, 4, 5))
    frames_of_chord = (0.1 * chord).astype(np.float32).reshape(-1, FRAME_LENGTH)
    for probability, expected in ((LOWERED_THRESHOLD - 0.01, 0), (LOWERED_THRESHOLD + 0.01, 1)):
        detector = TurnDetector(TurnSettings(), Script([0.0] * 10 + [probability] * 50))
        turns = [turn for frame in frames_of_chord for turn in detector(frame)]
        assert len(turns + detector.flush()) == expected


def test_a_turn_of_maximum_length_is_followed_by_another_turn_without_a_gap():
    first, second = run([0.9] * frames(35))
    assert first.end - first.start == pytest.approx(30 * SECOND, abs=FRAME_LENGTH)
    assert second.start == first.end


def test_the_pre_roll_never_overlaps_the_turn_before():
    settings = TurnSettings(pause=0.1, post_roll=0.05)
    turns = run([0.9] * 20 + [0.0] * 5 + [0.9] * 20, settings)
    assert len(turns) == 2
    assert turns[1].start >= turns[0].end


def test_the_network_is_reset_after_each_turn_and_in_long_silence():
    script = Script([0.9] * 20 + [0.0] * frames(0.7))
    detector = TurnDetector(TurnSettings(), script)
    for _ in range(20 + frames(0.7)):
        detector(FRAME)
    assert script.resets == 2  # at the beginning, and when the turn ended
    silence = Script([0.0] * frames(61))
    detector = TurnDetector(TurnSettings(), silence)
    for _ in range(frames(61)):
        detector(FRAME)
    assert silence.resets == 3


@given(st.lists(st.floats(0, 1), max_size=300))
def test_turns_are_ordered_and_count_their_speech(probabilities):
    turns = run(probabilities)
    for before, after in itertools.pairwise(turns):
        assert before.end <= after.start
    for turn in turns:
        assert 0 <= turn.start <= turn.onset < turn.end
        speech = turn.speech_samples(turn.start, turn.end)
        assert 0 < speech <= turn.end - turn.start
        middle = (turn.start + turn.end) // 2
        assert turn.speech_samples(turn.start, middle) <= speech


def test_turns_of_real_speech_are_found(speech):
    detector = TurnDetector(TurnSettings())
    whole = len(speech) // FRAME_LENGTH * FRAME_LENGTH
    turns = [t for f in speech[:whole].reshape(-1, FRAME_LENGTH) for t in detector(f)]
    (turn,) = turns + detector.flush()
    # The recording is speech between 0.8 s of silence on both sides.
    assert turn.onset == pytest.approx(0.8 * SECOND, abs=0.15 * SECOND)
    assert turn.end - 0.2 * SECOND == pytest.approx(len(speech) - 0.8 * SECOND, abs=0.4 * SECOND)


def test_a_caller_may_run_the_network_itself(speech):
    detector, turns, network = TurnDetector(TurnSettings()), [], VoiceActivity()
    for start in range(0, len(speech) - FRAME_LENGTH + 1, FRAME_LENGTH):
        frame = detector.prepare(speech[start : start + FRAME_LENGTH])
        turns += detector.advance(network(frame))
    assert turns + detector.flush() == find_turns(speech)


@pytest.mark.parametrize("gain_db", [-45, -30, 0])
def test_turns_do_not_depend_on_the_level_of_the_voice(speech, gain_db):
    rng = np.random.default_rng(0)
    microphone = 10 ** (-85 / 20) * rng.standard_normal(len(speech)).astype(np.float32)
    loud = sum(sum(turn.speech) for turn in find_turns(speech))
    quiet = speech * np.float32(10 ** (gain_db / 20)) + microphone
    assert sum(sum(turn.speech) for turn in find_turns(quiet)) == pytest.approx(loud, rel=0.15)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 2.0}, "turns: threshold: found 2.0; accepted are 0 to 1"),
        ({"release": 0.9}, "turns: release: found 0.9; accepted are 0 to 0.5"),
        ({"pre_roll": -1.0}, "turns: pre_roll: found -1.0; accepted are 0 to 1"),
        ({"post_roll": 1.0}, "turns: post_roll: found 1.0; accepted are 0 to 0.6"),
        ({"pause": float("nan")}, "turns: pause: found nan; accepted are 0.05 to 10"),
        ({"max_turn": 1e9}, "turns: max_turn: found 1000000000.0; accepted are 2 to 600"),
        ({"pause": "long"}, "turns: pause: found 'long'; accepted are 0.05 to 10"),
    ],
)
def test_settings_that_no_turn_can_have_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        TurnSettings(**settings)
