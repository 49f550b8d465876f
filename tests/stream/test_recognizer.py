import dataclasses
import json
import threading

import numpy as np
import pytest
import soundfile

from channels import RATE_HZ, with_noise
from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError
from ser_stream.stream.recognizer import Recognizer
from shouting import shouts
from sources import BreakingOff, Failing, Hurried, LosingAChannel


@pytest.fixture(scope="module")
def recognizer(tiny_model):
    return Recognizer(tiny_model, device="cpu")


def test_a_recording_gives_estimates_in_three_lines_of_code(tiny_model, speech_path):
    estimates = list(Recognizer(tiny_model).stream(speech_path))
    assert [e.trigger for e in estimates][-1] == "utterance"
    assert all(e.model == "tiny" and e.modality == "audio" for e in estimates)


@pytest.mark.parametrize("source", [3, [np.zeros(160)], object()])
def test_an_object_that_is_no_source_is_refused_at_once(recognizer, source):
    with pytest.raises(InputError, match=f"source: found {type(source).__name__}, which has no "):
        recognizer.stream(source)


def test_the_status_can_be_written_as_json(recognizer, speech_path):
    list(recognizer.stream(speech_path))
    assert json.loads(json.dumps(dataclasses.asdict(recognizer.status)))["bad_samples"] == 0


def test_scores_of_a_recording_are_reproducible(recognizer, speech_path):
    first, second = (list(recognizer.stream(speech_path)) for _ in range(2))
    assert [e.scores for e in first] == [e.scores for e in second]


def test_a_recording_in_real_time_gives_the_same_estimates_as_without_waiting(
    recognizer, speech_path
):
    at_once = list(recognizer.stream(speech_path))
    real_time = list(recognizer.stream(Recording(speech_path, realtime=True)))
    assert [(e.trigger, e.start_s, e.end_s, e.scores) for e in real_time] == [
        (e.trigger, e.start_s, e.end_s, e.scores) for e in at_once
    ]
    assert recognizer.status.skipped == 0


def test_windows_are_skipped_when_inference_is_slower_than_sound(recognizer, speech_path):
    every = list(recognizer.stream(speech_path))
    source = Hurried(speech_path)
    some = []
    for estimate in recognizer.stream(source):
        some.append(estimate)
        source.closed.wait(0.05)  # slower than the source, which needs no time at all
    assert 0 < recognizer.status.skipped == len(every) - len(some)
    assert some[-1].trigger == "utterance"  # never skipped
    assert some[-1].end_s == every[-1].end_s


def test_an_error_of_the_source_is_raised_after_the_estimates_before_it(recognizer, speech_path):
    estimates = []
    with pytest.raises(InputError, match="caught fire"):
        for estimate in recognizer.stream(Failing(speech_path)):
            estimates.append(estimate)
    assert estimates


def test_a_turn_ends_when_its_sound_is_interrupted(recognizer, speech_path):
    source = BreakingOff(speech_path)
    for estimate in recognizer.stream(source):
        if estimate.trigger == "utterance":  # while the source waits for its sound
            assert not source.back.is_set()
            assert not recognizer.status.speaking
            source.back.set()
    assert source.back.is_set()


@pytest.mark.parametrize("mono_at", [0, 60])
def test_a_block_without_the_selected_channel_is_skipped(tiny_model, speech_path, mono_at):
    recognizer = Recognizer(tiny_model, channel=1)
    source = LosingAChannel(speech_path, mono_at)
    estimates = list(recognizer.stream(source))
    assert estimates[-1].trigger == "utterance" and estimates[-1].end_s > 3
    assert recognizer.status.source == ""
    source = LosingAChannel(speech_path, mono_at=10**6)
    source.waits = False
    assert list(recognizer.stream(source))
    source = LosingAChannel(speech_path, mono_at=0)
    source.waits = False
    with pytest.raises(InputError, match="channel 1: number of channels found: 1"):
        list(recognizer.stream(source))


def test_leaving_the_loop_closes_the_source_and_ends_the_thread(recognizer, speech_path):
    source = Hurried(speech_path)
    for _ in recognizer.stream(source):
        break
    assert source.closed.is_set()
    names = [thread.name for thread in threading.enumerate()]
    assert "ser_stream-listen" not in names


def test_status_follows_the_stream(recognizer, speech_path, speech):
    list(recognizer.stream(speech_path))
    status = recognizer.status
    assert status.position_s == pytest.approx(len(speech) / 16_000)
    assert (status.gaps, status.bad_samples, status.speaking) == (0, 0, False)


def test_a_shorter_hop_gives_more_estimates(tiny_model, speech_path):
    often = list(Recognizer(tiny_model, hop_s=0.2).stream(speech_path))
    ends = np.diff([e.end_s for e in often if e.trigger == "interval"])
    np.testing.assert_allclose(ends, 0.2, atol=1e-9)


def test_settings_change_while_a_stream_runs(tiny_model, speech_path):
    recognizer = Recognizer(tiny_model)
    estimates = []
    for estimate in recognizer.stream(speech_path):
        estimates.append(estimate)
        if len(estimates) == 2:
            recognizer.change(hop_s=0.1, min_confidence=1.0)
    intervals = [e for e in estimates if e.trigger == "interval"]
    ends = np.diff([e.end_s for e in intervals])
    assert ends[0] == pytest.approx(0.5)
    np.testing.assert_allclose(ends[2:], 0.1, atol=1e-9)
    assert [e.abstains for e in intervals] == [False] * 2 + [True] * (len(intervals) - 2)


def test_a_refused_change_leaves_all_settings_unchanged(tiny_model, speech_path):
    recognizer = Recognizer(tiny_model)
    with pytest.raises(InputError, match="smoothing: found 2"):
        recognizer.change(hop_s=0.1, smoothing=2)
    with pytest.raises(InputError, match="change: found colour; accepted are window_s"):
        recognizer.change(colour=1)
    ends = [e.end_s for e in recognizer.stream(speech_path) if e.trigger == "interval"]
    np.testing.assert_allclose(np.diff(ends), 0.5, atol=1e-9)


def test_a_muted_recogniser_gives_no_estimates_until_it_is_unmuted(recognizer, speech_path):
    recognizer.muted = True
    assert list(recognizer.stream(speech_path)) == []
    recognizer.muted = False
    assert list(recognizer.stream(speech_path))


def described(estimates):
    """What the estimates of a stream are, apart from when they were computed."""
    return [(e.trigger, e.turn, e.start_s, e.end_s, e.scores, e.level_dbfs) for e in estimates]


@pytest.fixture(scope="module")
def array_path(speech, tmp_path_factory):
    """A recording of six channels, of which channel 3 has speech, after 2 s without."""
    path = tmp_path_factory.mktemp("array") / "array.wav"
    samples = with_noise(np.pad(speech, (2 * RATE_HZ, RATE_HZ)), 3)
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    return path


def test_the_channel_chosen_by_itself_gives_the_estimates_of_that_channel(tiny_model, array_path):
    right = list(Recognizer(tiny_model, channel=3).stream(array_path))
    auto = Recognizer(tiny_model, channel="auto")
    assert auto.status.channel is None
    found = list(auto.stream(array_path))
    assert auto.status.channel == 3
    assert len(right) > 3
    assert [(e.trigger, e.turn) for e in found] == [(e.trigger, e.turn) for e in right]
    # Voice activity begins anew where the channel is chosen: a turn may begin a frame later.
    assert [e.end_s for e in found] == pytest.approx([e.end_s for e in right], abs=0.07)
    assert [e.arousal for e in found] == pytest.approx([e.arousal for e in right], abs=0.02)


def test_a_channel_is_chosen_alike_in_recordings_in_live_sound_and_in_pushed_samples(
    tiny_model, array_path
):
    auto = Recognizer(tiny_model, channel="auto")
    expected = described(auto.stream(array_path))
    assert described(auto.stream(Recording(array_path, realtime=True))) == expected
    samples, rate_hz = soundfile.read(array_path, dtype="float32")
    pushed = []
    for start in range(0, len(samples), 3_333):
        pushed += auto.push(samples[start : start + 3_333], rate_hz)
    assert described(pushed + auto.finish()) == expected


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"hop_s": 0.33}, r"hop: found 0.33 s.*nearest are 0.2, 0.3, 0.4 s"),
        ({"hop_s": 0}, r"hop: found 0 s.*nearest are 0.1, 0.2 s"),
        ({"window_s": 9}, r"window: found 9 s.*nearest are 4.9, 5 s"),
        ({"window_s": float("nan")}, "window: found nan"),
        ({"smoothing": 1.5}, "smoothing: found 1.5; accepted are 0.0 to 0.99"),
        ({"min_confidence": -1}, "min_confidence: found -1"),
        ({"min_speech_s": 60}, "min_speech_s: found 60"),
        ({"min_speech_s": None}, "min_speech_s: found None; accepted are 0.1 to 10.0"),
        ({"channel": "1"}, "channel: found '1'; accepted are numbers from 0 on, 'mix'"),
        ({"device": "tpu"}, "device 'tpu'"),
    ],
)
def test_an_invalid_setting_is_refused_with_the_accepted_values(tiny_model, setting, message):
    with pytest.raises(InputError, match=message):
        Recognizer(tiny_model, **setting)


def test_a_channel_that_the_source_lacks_is_refused(tiny_model, speech_path):
    with pytest.raises(InputError, match="channel 3"):
        list(Recognizer(tiny_model, channel=3).stream(speech_path))


@pytest.mark.parametrize(("duration_s", "pause_s"), [(0.45, 0.8), (0.45, 1.5), (0.45, 2.5)])
def test_shouts_close_to_each_other_are_named_from_the_second_on(duration_s, pause_s):
    """Each holds less than 0.7 s of speech, and two hold more."""
    signal = shouts(duration_s, pause_s)
    with Recognizer("small") as recognizer:
        turns = recognizer.push(signal, 16_000) + recognizer.finish()
    assert [(e.trigger, e.expression, e.reason) for e in turns] == [
        ("utterance", "", "short"), *[("utterance", "angry", "")] * 3
    ]  # fmt: skip


def test_shouts_far_from_each_other_and_a_single_one_are_short():
    signal = np.concatenate([shouts(0.45, 4.0, times=2), shouts(0.45, 4.0, times=1)])
    with Recognizer("small") as recognizer:
        turns = recognizer.push(signal, 16_000) + recognizer.finish()
    assert [(e.expression, e.reason) for e in turns] == [("", "short")] * 3
    with Recognizer("small", min_speech_s=0.3) as recognizer:
        turns = recognizer.push(signal, 16_000) + recognizer.finish()
    turns = [e for e in turns if e.trigger == "utterance"]
    assert [(e.expression, e.reason) for e in turns] == [("angry", "")] * 3


def test_shouts_are_judged_alike_in_a_file_a_live_stream_and_pushed_samples(tmp_path):
    signal = shouts(0.45, 1.0, times=2)  # more turns might wait, and be dropped, live
    path = tmp_path / "shouts.wav"
    soundfile.write(path, signal, 16_000, subtype="FLOAT")
    with Recognizer("small") as recognizer:
        pushed = recognizer.push(signal, 16_000) + recognizer.finish()
        for source in (path, Hurried(path)):
            found = list(recognizer.stream(source))
            assert [(e.expression, e.reason) for e in found] == [("", "short"), ("angry", "")]
            for ours, theirs in zip(found, pushed, strict=True):
                assert ours.scores == pytest.approx(theirs.scores, abs=1e-4)
