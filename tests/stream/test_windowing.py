import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_stream.audio.block import AudioBlock
from ser_stream.audio.conditioner import Conditioner
from ser_stream.audio.turns import TurnSettings
from ser_stream.audio.voice_activity import detect_together
from ser_stream.features.log_mel import log_mel
from ser_stream.features.samples import SampleConfig
from ser_stream.stream.window import TurnEnd, Window
from ser_stream.stream.windowing import StreamWindower, level_dbfs
from streams import CONFIG, RATE, WINDOWS, block, stream
from turns import two_turns


def conditioned(samples: np.ndarray) -> np.ndarray:
    """Return samples (n,) as they are analysed, through the high-pass filter."""
    return Conditioner()(block(samples, len(samples) / RATE))


def facts(windows):
    """Return the fields of windows that do not depend on rounding."""
    return [
        (w.trigger, w.n_frames, round(w.start_s, 6), round(w.end_s, 6), w.speech_s) for w in windows
    ]


def test_interval_windows_come_every_hop_and_one_utterance_ends_the_turn(speech):
    windows, _ = stream(speech)
    intervals, (utterance,) = windows[:-1], windows[-1:]
    assert [w.trigger for w in intervals] == ["interval"] * len(intervals)
    assert utterance.trigger == "utterance"
    assert len(intervals) >= 4
    ends = np.diff([w.end_s for w in intervals])
    np.testing.assert_allclose(ends, 0.5, atol=1e-9)


def test_a_window_spans_the_last_seconds_of_a_turn_and_a_turn_end_the_whole_turn(long_speech):
    *windows, end = stream(long_speech)[0]
    assert {type(window) for window in windows} == {Window}
    assert type(end) is TurnEnd
    assert end.start_s == pytest.approx(end.turn_start_s)
    assert end.end_s - end.start_s > 5 >= windows[-1].end_s - windows[-1].start_s - 0.1
    assert end.weight_s < end.speech_s and windows[-1].weight_s == windows[-1].speech_s


def test_turns_are_numbered_from_1(speech):
    first, second = two_turns(speech)
    assert {window.turn for window in first} == {1}
    assert {window.turn for window in second} == {2}
    assert {window.turn for window in stream(speech)[0]} == {1}


def test_the_first_window_ends_little_more_than_a_second_after_the_onset(speech):
    windows, _ = stream(speech)
    first = windows[0]
    onset_s = first.features.turn.onset / RATE
    assert 0.7 <= first.end_s - onset_s <= 1.3
    assert first.speech_s >= WINDOWS.min_speech


def test_a_window_never_starts_before_its_turn_and_is_never_too_long(long_speech):
    windows, _ = stream(np.concatenate([np.zeros(RATE, np.float32), long_speech]))
    intervals = [w for w in windows if w.trigger == "interval"]
    longest = CONFIG.samples_for(500) / RATE
    for window in intervals:
        assert window.start_s >= window.features.turn.start / RATE - 1e-9
        assert window.end_s - window.start_s <= longest + 1e-9
        covers = window.start_s < window.features.turn.start / RATE + 1e-9
        assert window.covers_turn == covers
    assert max(w.end_s - w.start_s for w in intervals) == pytest.approx(longest)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_windows_do_not_depend_on_the_block_sizes(speech, data):
    cuts = data.draw(st.lists(st.integers(0, len(speech)), max_size=40))
    assert facts(stream(speech, cuts)[0]) == facts(stream(speech)[0])


def test_features_of_a_turn_equal_those_of_its_samples(speech):
    windows, _ = stream(speech)
    turn = windows[-1].features.turn
    expected = log_mel(conditioned(speech)[turn.start : turn.end], CONFIG)
    np.testing.assert_allclose(windows[-1].features.read(0, len(expected)), expected, atol=1e-4)


def test_a_window_has_its_own_samples_and_those_of_its_turn_so_far(long_speech):
    padded = np.concatenate([np.zeros(RATE, np.float32), long_speech])
    analysed = conditioned(padded)
    for window in stream(padded)[0]:
        start, end = round(window.start_s * RATE), round(window.end_s * RATE)
        np.testing.assert_array_equal(window.sound, analysed[start:end])
        turn_start = window.features.turn.start
        np.testing.assert_array_equal(window.turn_sound, analysed[turn_start:end])
        assert window.turn_start_s == pytest.approx(turn_start / RATE)


def test_stereo_at_48_khz_gives_the_same_windows_as_mono_at_16_khz(speech):
    import soxr

    wide = soxr.resample(speech, RATE, 48_000)
    wide = np.stack([wide, wide], axis=1)
    expected, _ = stream(speech)
    windows, _ = stream(wide, range(1536, len(wide), 1536), rate=48_000)
    assert [w.trigger for w in windows] == [w.trigger for w in expected]
    for ours, theirs in zip(windows, expected, strict=True):
        assert ours.end_s == pytest.approx(theirs.end_s, abs=0.04)
        assert ours.level_dbfs == pytest.approx(theirs.level_dbfs, abs=0.3)


def test_silence_noise_and_ten_milliseconds_give_no_windows():
    rng = np.random.default_rng(0)
    assert stream(np.zeros(5 * RATE, np.float32))[0] == []
    assert stream(0.01 * rng.standard_normal(5 * RATE).astype(np.float32))[0] == []
    assert stream(0.5 * np.ones(160, np.float32))[0] == []


def test_nan_samples_count_as_a_gap_in_the_sound_and_do_not_spread(speech):
    broken = speech.copy()
    broken[len(speech) // 2 : len(speech) // 2 + 100] = np.nan
    windows, session = stream(broken)
    assert session.conditioner.bad_samples == 100
    assert [w.trigger for w in windows] == [w.trigger for w in stream(speech)[0]]
    assert all(np.isfinite(w.features.read(0, w.n_frames)).all() for w in windows)


def test_a_short_gap_is_filled_with_silence_and_a_long_gap_ends_the_turn(speech):
    for gap_s, turns in ((0.3, 1), (8.0, 2)):
        session = StreamWindower(WINDOWS, TurnSettings())
        windows, shift = [], 0.0
        middle = len(speech) // 2 // 512 * 512
        for start in range(0, len(speech) - 511, 512):
            if start == middle:
                shift = gap_s
            part = speech[start : start + 512]
            windows += session.push(block(part, (start + 512) / RATE + shift))
        windows += session.finish()
        assert session.timeline.gaps == 1
        assert session.timeline.gap_s == pytest.approx(gap_s, abs=0.01)
        utterances = [w for w in windows if w.trigger == "utterance"]
        assert len(utterances) == turns
        assert utterances[-1].end_s == pytest.approx(stream(speech)[0][-1].end_s + gap_s, abs=0.1)


def test_one_block_may_hold_the_whole_recording(speech):
    signal = np.tile(speech, 12)
    assert facts(stream(signal, cuts=[])[0]) == facts(stream(signal)[0])


def test_an_interruption_ends_the_turn_and_the_next_sound_begins_another(speech):
    session = StreamWindower(WINDOWS, TurnSettings(), settle_s=0.5)
    spoken = speech[: 3 * RATE]
    for start in range(0, len(spoken), 512):
        part = spoken[start : start + 512]
        session.push(block(part, (start + len(part)) / RATE))
    assert session.speaking
    (utterance,) = session.break_off()
    assert utterance.trigger == "utterance" and not session.speaking
    assert utterance.end_s == pytest.approx(3.0, abs=0.05)
    windows = []
    later = speech[RATE:]
    for start in range(0, len(later), 512):  # an hour later, in mid-word
        part = later[start : start + 512]
        windows += session.push(block(part, 3600 + (start + len(part)) / RATE))
    assert all(window.start_s >= 3600 for window in windows)
    assert windows[0].end_s - windows[0].start_s <= 1.4
    assert session.timeline.gaps == 1
    assert session.timeline.gap_s == pytest.approx(3597, abs=0.1)


def test_interruptions_before_any_sound_have_no_effect(speech):
    session = StreamWindower(WINDOWS, TurnSettings())
    assert session.break_off() == session.break_off() == []
    windows = session.push(block(speech, len(speech) / RATE)) + session.finish()
    assert facts(windows) == facts(stream(speech)[0])


def test_a_turns_last_sample_was_captured_before_the_pause_that_ended_it(speech):
    session, windows = StreamWindower(WINDOWS, TurnSettings()), []
    for start in range(0, len(speech), 512):
        end_s = (start + 512) / RATE
        windows += session.push(
            AudioBlock(speech[start : start + 512, None], RATE, end_s, captured_at=100 + end_s)
        )
    assert windows[-1].trigger == "utterance"
    assert windows[-1].captured_at == pytest.approx(100 + windows[-1].end_s, abs=0.04)
    for window in windows[:-1]:
        assert 0 <= window.captured_at - 100 - window.end_s < 0.1


def test_sound_is_ignored_while_muted_and_during_the_hold_off(speech):
    """Muted from 1.5 s to 2.5 s: the turn ends at 1.5 s and the next begins after the hold-off."""
    session = StreamWindower(WINDOWS, TurnSettings())
    windows = []
    for start in range(0, len(speech) - 511, 512):
        end_s = (start + 512) / RATE
        session.muted = 1.5 < end_s <= 2.5
        windows += session.push(block(speech[start : start + 512], end_s))
        assert not (session.speaking and 1.5 < end_s <= 2.9)
    windows += session.finish()
    before, after = [w for w in windows if w.trigger == "utterance"]
    assert before.end_s <= 1.5
    assert after.start_s >= 2.5 + StreamWindower.HOLD_OFF
    assert session.position_s == pytest.approx(len(speech) / RATE, abs=0.04)  # all was counted


def test_clipped_samples_mark_their_windows(speech):
    loud = np.clip(speech * 30, -1, 1)
    assert all(w.clipped for w in stream(loud)[0])
    assert not any(w.clipped for w in stream(speech)[0])


@pytest.mark.parametrize("features", [CONFIG, SampleConfig(hop_length=400)])
@pytest.mark.parametrize("post_roll", [0.2, 0.1234, 0.6])
def test_the_level_of_a_part_is_that_of_its_sound(long_speech, features, post_roll):
    loud_at_first = long_speech * np.linspace(4, 0.01, len(long_speech), dtype=np.float32)
    windows = dataclasses.replace(WINDOWS, features=features, window_frames=100)
    windower = StreamWindower(windows, TurnSettings(post_roll=post_roll))
    parts = windower.push(block(loud_at_first, len(long_speech) / RATE)) + windower.finish()
    assert len(parts) > 5
    for part in parts:
        assert part.level_dbfs == pytest.approx(level_dbfs(part.sound), abs=1e-3)


def test_a_turn_that_is_cut_has_the_level_of_all_of_its_sound(long_speech):
    samples = np.tile(long_speech[RATE : 4 * RATE], 2)
    windower = StreamWindower(WINDOWS, TurnSettings(max_turn=2.0))
    parts = windower.push(block(samples, len(samples) / RATE))
    cut = next(part for part in parts if part.trigger == "utterance")
    turn = cut.features.turn
    expected = level_dbfs(conditioned(samples)[turn.start : turn.end])
    assert cut.level_dbfs == pytest.approx(expected, abs=1e-3)


def test_the_sound_of_turns_is_kept_only_where_it_is_needed(speech):
    windower = StreamWindower(WINDOWS, TurnSettings(), keep_sound=False)
    parts = windower.push(block(speech, len(speech) / RATE)) + windower.finish()
    expected, _ = stream(speech)
    assert facts(parts) == facts(expected)
    assert [part.level_dbfs for part in parts] == [part.level_dbfs for part in expected]
    with pytest.raises(ValueError, match="the sound of this stream's turns is not kept"):
        _ = parts[-1].sound


def test_windows_are_the_same_where_the_network_runs_for_several_streams_at_once(speech):
    signals = [speech, speech[::-1].copy()]
    windowers = [StreamWindower(WINDOWS, TurnSettings()) for _ in signals]
    analyses = [
        windower.analyse(block(signal, len(signal) / RATE))
        for windower, signal in zip(windowers, signals, strict=True)
    ]
    found = [[], []]
    calls = [next(analysis) for analysis in analyses]
    while calls:
        answers, calls = detect_together(calls), []
        for index, (analysis, answer) in enumerate(zip(analyses, answers, strict=True)):
            try:
                calls.append(analysis.send(answer))
            except StopIteration as end:
                found[index] += end.value + windowers[index].finish()
    for parts, signal in zip(found, signals, strict=True):
        assert parts and facts(parts) == facts(stream(signal, cuts=[])[0])


def test_level_is_the_root_mean_square_of_the_sound():
    sine = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    assert level_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(np.zeros(100, np.float32)) == -120.0


def test_later_samples_do_not_change_the_frames_of_a_window(speech):
    session = StreamWindower(WINDOWS, TurnSettings())
    seen = []
    for start in range(0, len(speech) - 511, 512):
        for window in session.push(block(speech[start : start + 512], (start + 512) / RATE)):
            seen.append((window, window.features.read(0, window.n_frames).copy()))
    for window, frames in seen:
        np.testing.assert_array_equal(window.features.read(0, window.n_frames), frames)


def test_windows_are_immutable(speech):
    window = stream(speech)[0][0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        window.n_frames = 3
