"""The work of a pool, run by run, against a recogniser that hears one stream."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from channels import with_noise
from paths import SPOKEN
from ser_stream.audio.turns import TurnSettings
from ser_stream.errors import InputError
from ser_stream.stream import pool_core
from ser_stream.stream.pool_core import PoolCore
from ser_stream.stream.pooled import Receivers
from ser_stream.stream.pushed import checked_samples
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.settings import RecognizerSettings
from shouting import shouts

RATE = 16_000
MODELS = ["default", "tiny"]
"""A network with a recurrent front end, and one whose steps look back on their context."""

RECORDINGS = {path.stem: soundfile.read(path, dtype="float32")[0] for path in SPOKEN.glob("*.flac")}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return request.param


@pytest.fixture(scope="module")
def alone(model):
    """Name of a recording -> the estimates of a recogniser that hears nothing else."""
    with Recognizer(model) as recognizer:
        return {
            name: recognizer.push(samples, RATE) + recognizer.finish()
            for name, samples in RECORDINGS.items()
        }


@pytest.fixture
def core(model):
    core = PoolCore(RecognizerSettings(model=model), max_streams=8)
    yield core
    core.abandon()


class Listener:
    """A stream of a pool that is given a signal piece by piece, and its estimates."""

    def __init__(self, core, name, signal=None, chunk=512):
        self.estimates = []
        self.stream = core.open(
            name, Receivers(lambda _, estimate: self.estimates.append(estimate))
        )
        signal = RECORDINGS[name] if signal is None else signal
        self._chunks = iter(np.split(signal, range(chunk, len(signal), chunk)))

    def push_next(self):
        """Push the next piece, or end the stream after the last."""
        chunk = next(self._chunks, None)
        if chunk is None:
            self.stream.sound.end()
        else:
            self.stream.sound.push(*checked_samples(chunk, RATE))


def run(core, *listeners):
    """Push all signals to their ends, each piece when the pool is done with the one before."""
    while any(not listener.stream.over for listener in listeners):
        for listener in listeners:
            listener.push_next()
        while core.run_once():
            pass


def test_each_stream_chooses_a_channel_of_its_own(model, alone):
    core = PoolCore(RecognizerSettings(model=model, channel="auto"), max_streams=8)
    names = sorted(RECORDINGS)[:3]
    arrays = [with_noise(RECORDINGS[name], place) for place, name in enumerate(names)]
    listeners = [Listener(core, *named) for named in zip(names, arrays, strict=True)]
    run(core, *listeners)
    channels = [listener.stream.status().channel for listener in listeners]
    assert channels == [0, 1, 2]
    for name, listener in zip(names, listeners, strict=True):
        found, expected = listener.estimates, alone[name]
        assert [e.turn for e in found if e.trigger == "utterance"] == [
            e.turn for e in expected if e.trigger == "utterance"
        ]
    core.abandon()


def check_equal(found, expected):
    """Check that estimates are the same, but for rounding and for when they were made."""
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        for name in (
            "turn", "trigger", "modality", "model", "clipped", "decisive", "expression", "reason",
        ):  # fmt: skip
            assert getattr(ours, name) == getattr(theirs, name)
        for name in ("start_s", "end_s", "confidence", "valence", "arousal", "speech_ratio"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-4)
        assert ours.level_dbfs == pytest.approx(theirs.level_dbfs, abs=1e-3)
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-4)


def test_streams_of_a_pool_have_the_estimates_of_each_stream_alone(core, alone):
    """Different lengths of chunks; all four speak at the same time."""
    lengths = [512, 160, 1_000, 8_000]
    listeners = [Listener(core, name, chunk=n) for name, n in zip(alone, lengths, strict=True)]
    run(core, *listeners)
    for listener in listeners:
        check_equal(listener.estimates, alone[listener.stream.name])
        assert listener.stream.status().skipped == 0
        assert listener.stream.status().windows == len(listener.estimates)
    assert core.streams == []


def test_shouts_in_a_pool_are_judged_together_as_alone(core, model):
    signals = [shouts(0.45, pause_s=1.0), shouts(0.3, pause_s=0.8)]
    listeners = [Listener(core, str(i), signal=signal) for i, signal in enumerate(signals)]
    run(core, *listeners)
    with Recognizer(model) as recognizer:
        for listener, signal in zip(listeners, signals, strict=True):
            alone = recognizer.push(signal, RATE) + recognizer.finish()
            assert alone[0].reason == "short"
            check_equal(listener.estimates, alone)


def test_streams_join_and_leave_while_others_run(core, alone):
    first, leaving, late = sorted(alone)[:3]
    running = Listener(core, first)
    other = Listener(core, leaving, signal=RECORDINGS[leaving][: 2 * RATE])
    for _ in range(70):
        running.push_next()
        other.push_next()
        core.run_once()
    assert other.stream.over and not running.stream.over
    joining = Listener(core, late)
    run(core, running, joining)
    check_equal(running.estimates, alone[first])
    check_equal(joining.estimates, alone[late])
    assert other.estimates[-1].trigger == "utterance"
    assert other.estimates[-1].end_s == pytest.approx(2.0, abs=0.05)


def test_a_flood_of_sound_is_bounded_and_does_not_change_other_streams(core, alone):
    names = sorted(alone)[:2]
    listeners = [Listener(core, name) for name in names]
    flood = Listener(core, "flood", np.tile(RECORDINGS[names[0]], 3), chunk=10 * RATE)
    flood.stream.sound.push(np.zeros((512, 1), np.float32), RATE)
    core.run_once()
    flood.push_next()
    core.run_once()
    assert flood.stream.sound.seconds > 4.5  # one run takes little of it
    run(core, *listeners, flood)
    for listener, name in zip(listeners, names, strict=True):
        check_equal(listener.estimates, alone[name])
    status = flood.stream.status()
    assert status.dropped_s > 4.0
    assert status.gaps >= 1 and status.gap_s == pytest.approx(status.dropped_s, abs=0.1)


def test_a_flood_of_sound_does_not_delay_other_streams(core, alone):
    def runs_until_estimates(name, listener):
        """Number of the run after which each estimate was there, with one block per run."""
        runs = []
        for run_number in range(len(RECORDINGS[name]) // 512 + 10):
            listener.push_next()
            core.run_once()
            runs += [run_number] * (len(listener.estimates) - len(runs))
        return runs

    name = next(iter(alone))
    expected = runs_until_estimates(name, Listener(core, name))
    assert len(expected) == len(alone[name])
    for n in range(4):
        Listener(core, f"flood {n}", np.tile(RECORDINGS[name], 2), chunk=10 * RATE).push_next()
    assert runs_until_estimates(name, Listener(core, name)) == expected


def test_the_newest_window_wins_where_more_are_due_than_are_scored_in_a_run(
    core, alone, monkeypatch
):
    monkeypatch.setattr(pool_core, "MAX_BATCH", 1)
    name = next(iter(alone))
    listeners = [Listener(core, str(n), RECORDINGS[name]) for n in range(8)]
    while any(not listener.stream.over for listener in listeners):
        for listener in listeners:
            listener.push_next()
        core.run_once()
    for listener in listeners:
        status = listener.stream.status()
        assert status.windows == len(listener.estimates)
        assert status.windows + status.skipped == len(alone[name])
        assert listener.estimates[-1].trigger == "utterance"  # a turn's end is never skipped


def test_more_streams_than_the_pool_accepts_are_refused_and_the_others_go_on(alone, model):
    core = PoolCore(RecognizerSettings(model=model), max_streams=1)
    name = next(iter(alone))
    listener = Listener(core, name)
    with pytest.raises(InputError, match="stream 'b': found 1 open streams; this pool accepts 1"):
        Listener(core, "b", RECORDINGS[name])
    run(core, listener)
    check_equal(listener.estimates, alone[name])
    run(core, Listener(core, "b", RECORDINGS[name]))  # there is room again


def test_a_second_stream_of_the_same_name_is_refused(core):
    core.open("a", Receivers(print))
    with pytest.raises(InputError, match="stream 'a': it is open already"):
        core.open("a", Receivers(print))


def test_samples_that_are_no_numbers_are_silence_for_their_stream_alone(core, alone):
    good, bad = sorted(alone)[:2]
    broken = RECORDINGS[bad].copy()
    broken[RATE : RATE + 1_000 : 2], broken[RATE + 1 : RATE + 1_000 : 2] = np.nan, np.inf
    listeners = Listener(core, good), Listener(core, bad, broken)
    run(core, *listeners)
    check_equal(listeners[0].estimates, alone[good])
    assert listeners[1].stream.status().bad_samples == 1_000
    for estimate in listeners[1].estimates:
        assert sum(estimate.scores.values()) == pytest.approx(1.0)


def test_a_block_that_cannot_be_used_interrupts_its_stream_alone(model, alone):
    core = PoolCore(RecognizerSettings(model=model, channel=1), max_streams=2)
    good, bad = sorted(alone)[:2]
    stereo = {name: np.stack([0 * samples, samples], 1) for name, samples in RECORDINGS.items()}
    other, broken = (Listener(core, name, stereo[name]) for name in (good, bad))
    for _ in range(60):
        other.push_next()
        broken.push_next()
        core.run_once()
    broken.stream.sound.push(np.zeros((512, 1), np.float32), RATE)  # has no channel 1
    core.run_once()
    assert broken.stream.status().source.startswith("channel 1: number of channels found: 1")
    assert not broken.stream.status().speaking
    assert broken.estimates[-1].trigger == "utterance"
    run(core, other, broken)
    check_equal(other.estimates, alone[good])
    assert broken.stream.status().source == ""
    assert max(estimate.turn for estimate in broken.estimates) > 1


def test_a_stream_of_another_sample_rate_is_served(core, speech):
    import soxr

    listener = Listener(core, "48 kHz", np.zeros(0, np.float32))
    resampled = soxr.resample(speech[: 4 * RATE], RATE, 48_000)
    listener.stream.sound.push(*checked_samples(resampled, 48_000))
    run(core, listener)
    assert [e.trigger for e in listener.estimates][-1] == "utterance"
    assert listener.stream.status().position_s == pytest.approx(4.0, abs=0.01)


def test_a_long_pause_within_a_turn_changes_nothing(model, two_turns_path):
    """Steps are computed ahead only as far as the turn certainly goes."""
    turns = TurnSettings(pause=4.0)
    samples = np.pad(RECORDINGS[two_turns_path.stem], (0, 5 * RATE))
    with Recognizer(model, turns=turns, window_s=2.0) as recognizer:
        expected = recognizer.push(samples, RATE) + recognizer.finish()
    core = PoolCore(RecognizerSettings(model=model, turns=turns, window_s=2.0), max_streams=1)
    listener = Listener(core, "patient", samples)
    run(core, listener)
    check_equal(listener.estimates, expected)


def test_a_receiver_that_fails_ends_its_stream_alone(core, alone, caplog):
    def fail(name, estimate):
        raise OSError("the receiver is gone")

    name = next(iter(alone))
    failing, listener = core.open("failing", Receivers(fail)), Listener(core, name)
    for chunk in np.array_split(RECORDINGS[name], 100):
        failing.sound.push(*checked_samples(chunk, RATE))
        listener.push_next()
        core.run_once()
    assert failing.over and failing not in core.streams
    assert not failing.sound.push(np.zeros((512, 1), np.float32), RATE)
    assert caplog.text.count("stream failing: on_estimate failed; the stream ends") == 1
    run(core, listener)
    check_equal(listener.estimates, alone[name])


@pytest.mark.parametrize("max_streams", [0, -1, 1.5, "many", True])
def test_a_limit_that_is_no_positive_number_is_refused(max_streams):
    with pytest.raises(InputError, match=r"max_streams: found .*; accepted are whole numbers"):
        PoolCore(RecognizerSettings(), max_streams)
