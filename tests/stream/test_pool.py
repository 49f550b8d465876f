"""The public pool of streams, with its thread."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

from ser_stream import InputError, StreamPool
from ser_stream.asr.base import AsrSettings
from ser_stream.audio.block import AudioBlock
from ser_stream.stream.word_recognition import WordRecognition

RATE = 16_000


class Estimates(dict):
    """Name of a stream -> its estimates: what a pool's streams are opened with."""

    def __call__(self, name, estimate):
        self.setdefault(name, []).append(estimate)


@pytest.fixture
def pool():
    with StreamPool("tiny", max_streams=4) as pool:
        yield pool


def test_streams_that_are_pushed_from_several_threads_get_their_estimates(pool, speech):
    found = Estimates()

    def talk(name):
        stream = pool.open(name, found)
        for chunk in np.array_split(speech, 50):
            stream.push(chunk, RATE)
        stream.close()

    threads = [threading.Thread(target=talk, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {"a", "b", "c"}
    for estimates in found.values():
        assert estimates[-1].trigger == "utterance"
        assert estimates[-1].model == "tiny"
    assert pool.streams == []


def test_closing_a_stream_delivers_its_last_turn(pool, speech):
    found = Estimates()
    stream = pool.open("a", found)
    stream.push(speech[: 2 * RATE], RATE)
    stream.close()
    assert found["a"][-1].trigger == "utterance"
    assert found["a"][-1].end_s == pytest.approx(2.0, abs=0.05)
    assert stream.status.position_s == pytest.approx(2.0)
    with pytest.raises(InputError, match="stream a: it has ended; open another one"):
        stream.push(speech, RATE)
    stream.close()  # once more does nothing
    pool.open("a", found).close()  # its name is free


def test_closing_the_pool_delivers_the_last_turns_of_all_streams(speech):
    found = Estimates()
    with StreamPool("tiny") as pool:
        for name in ("a", "b"):
            pool.open(name, found).push(speech[: 2 * RATE], RATE)
    assert {name: estimates[-1].trigger for name, estimates in found.items()} == {
        "a": "utterance",
        "b": "utterance",
    }
    with pytest.raises(InputError, match="stream 'c': the pool is closed"):
        pool.open("c", found)


def test_a_stream_may_be_closed_by_the_receiver_of_its_estimates(pool, speech):
    found, streams = Estimates(), {}

    def leave(name, estimate):
        found(name, estimate)
        streams[name].close()

    streams["a"] = pool.open("a", leave)
    for chunk in np.array_split(speech, 8):
        try:
            streams["a"].push(chunk, RATE)
        except InputError:
            break  # it has left
    streams["a"].close()
    assert found["a"]


def test_invalid_samples_are_refused_and_the_stream_continues(pool, speech):
    found = Estimates()
    stream = pool.open("a", found)
    stream.push(speech[:RATE], RATE)
    with pytest.raises(InputError, match="samples: found samples of type bool"):
        stream.push(np.zeros(4, bool), RATE)
    with pytest.raises(InputError, match="sample rate 1000 Hz"):
        stream.push(np.zeros(4), 1_000)
    stream.push(speech[RATE : 3 * RATE], RATE)
    stream.close()
    assert found["a"][-1].end_s == pytest.approx(3.0, abs=0.05)


def test_a_muted_stream_gives_no_estimates(pool, speech):
    found = Estimates()
    stream, other = pool.open("muted", found), pool.open("other", found)
    stream.muted = True
    for each in (stream, other):
        each.push(speech, RATE)
        each.close()
    assert stream.status.muted and not other.status.muted
    assert set(found) == {"other"}


def test_more_streams_than_accepted_are_refused(pool, speech):
    found = Estimates()
    streams = [pool.open(str(n), found) for n in range(4)]
    with pytest.raises(InputError, match="found 4 open streams; this pool accepts 4"):
        pool.open("5", found)
    for stream in streams:
        stream.push(speech, RATE)
        stream.close()
    assert len(found) == 4


def test_settings_are_those_of_a_recogniser_without_words(pool):
    assert pool.info.name == "tiny"
    assert pool.hop_s == pytest.approx(0.5)
    assert pool.engine == "onnx"
    with pytest.raises(InputError, match="asr: found 'pocketsphinx'; accepted is none: a process"):
        StreamPool("tiny", asr=AsrSettings("pocketsphinx"))
    with pytest.raises(InputError, match="settings: found hop"):
        StreamPool("tiny", hop=0.5)


def test_blocks_with_times_of_their_own_give_estimates_with_those_times(pool, speech):
    found = Estimates()
    pushed, timed = pool.open("pushed", found), pool.open("timed", found, settle_s=0.5)
    pushed.push(speech, RATE)
    length = RATE // 10
    for start in range(0, len(speech), length):
        samples = speech[start : start + length]
        end_s = 1000.0 + (start + len(samples)) / RATE
        timed.push_block(AudioBlock(samples, RATE, end_s, time.monotonic()))
    pushed.close()
    timed.close()
    assert [e.trigger for e in found["timed"]] == [e.trigger for e in found["pushed"]]
    for one, other in zip(found["timed"], found["pushed"], strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-4)
        assert one.end_s == pytest.approx(1000.0 + other.end_s, abs=1e-3)


def test_an_interruption_ends_the_turn(pool, speech):
    found = Estimates()
    stream = pool.open("a", found)
    stream.push_block(AudioBlock(speech[: 2 * RATE], RATE, 2.0, time.monotonic()))
    stream.push_block(None)
    stream.push_block(AudioBlock(speech[: 2 * RATE], RATE, 60.0, time.monotonic()))
    stream.close()
    turns = [e.end_s for e in found["a"] if e.trigger == "utterance"]
    assert turns == pytest.approx([2.0, 60.0], abs=0.05)
    assert stream.status.gaps == 1
    with pytest.raises(InputError, match="stream a: it has ended; open another one"):
        stream.push_block(None)


def test_a_block_that_cannot_be_used_is_an_interruption_and_a_problem_of_the_source(speech):
    found = Estimates()
    with StreamPool("tiny", channel=1) as pool:
        stream = pool.open("a", found)
        stream.push_block(AudioBlock(speech, RATE, 5.0, time.monotonic()))
        stream.close()
        assert "channel 1" in stream.status.source
    assert found == {}


@pytest.mark.parametrize(
    "block, message",
    [
        ("sound", "stream a: found str; accepted are an AudioBlock and None"),
        (AudioBlock(np.zeros(512), 0, 1.0, 0.0), "stream a: sample rate 0 Hz; accepted"),
        (AudioBlock(np.zeros(512), "16000", 1.0, 0.0), "stream a: sample_rate_hz: found '16000'"),
        (
            AudioBlock(np.zeros(512), RATE, None, 0.0),
            "stream a: time_s and captured_at: found None",
        ),
        (AudioBlock(np.zeros(512), RATE, 1.0, np.inf), "time_s and captured_at: found 1.0 and inf"),
    ],
    ids=["no block", "rate 0", "rate as text", "no time", "endless time"],
)
def test_a_block_without_rate_or_times_is_refused(pool, block, message):
    stream = pool.open("a", Estimates())
    with pytest.raises(InputError, match=message):
        stream.push_block(block)


def test_sys_exit_in_a_callback_ends_that_stream_only(pool, speech):
    found = Estimates()
    leaving, staying = pool.open("leaving", lambda *_: sys.exit(1)), pool.open("staying", found)
    for stream in (leaving, staying):
        stream.push(speech, RATE)
        stream.close(timeout_s=20.0)
    assert found["staying"][-1].trigger == "utterance"


def test_a_stream_has_settings_of_its_own(pool, speech):
    found = Estimates()
    usual, seldom = pool.open("usual", found), pool.open("seldom", found, hop_s=2.0)
    for stream in (usual, seldom):
        stream.push(speech, RATE)
        stream.close()
    assert seldom.settings.hop_s == 2.0 and usual.settings.hop_s is None
    ends = {
        name: [e.end_s for e in estimates if e.trigger == "interval"]
        for name, estimates in found.items()
    }
    assert np.diff(ends["usual"]) == pytest.approx(0.5)
    assert len(ends["seldom"]) < len(ends["usual"])
    assert set(np.round(ends["seldom"], 6)) <= set(np.round(ends["usual"], 6))


def test_settings_are_changed_while_a_stream_runs(pool, speech):
    found = Estimates()
    stream, other = pool.open("a", found), pool.open("b", found)
    stream.change(min_confidence=1.0)
    for each in (stream, other):
        each.push(speech, RATE)
        each.close()
    assert {e.reason for e in found["a"]} == {"unsure"}
    assert "" in {e.reason for e in found["b"]}
    with pytest.raises(InputError, match="change: found model; accepted are window_s, hop_s"):
        stream.change(model="small")
    with pytest.raises(InputError, match=r"hop: found 0\.123 s; this model takes"):
        stream.change(hop_s=0.123)
    assert stream.settings.min_confidence == 1.0 and stream.settings.hop_s is None


def test_a_setting_that_cannot_be_used_opens_no_stream(pool):
    with pytest.raises(InputError, match=r"hop: found 0\.123 s"):
        pool.open("a", Estimates(), hop_s=0.123)
    with pytest.raises(InputError, match="channel: found 'left'"):
        pool.open("a", Estimates(), channel="left")
    assert pool.streams == []


def test_progress_tells_when_someone_speaks_and_hands_over_all_samples(pool, speech):
    found, reports = Estimates(), []
    stream = pool.open("a", found, on_progress=lambda name, progress: reports.append(progress))
    for chunk in np.array_split(speech, 20):
        stream.push(chunk, RATE)
        while stream.waiting_s > 1.0:
            time.sleep(0.01)
    stream.close()
    samples = np.concatenate([report.samples for report in reports])
    assert len(samples) == pytest.approx(len(speech), abs=16)
    assert reports[-1].position_s == pytest.approx(len(speech) / RATE, abs=0.001)
    spoken = [report.position_s for report in reports if report.speaking]
    turn = found["a"][-1]
    assert spoken[0] == pytest.approx(turn.start_s + 0.33, abs=0.1)  # pre-roll and onset
    assert not reports[-1].speaking
    assert stream.ended


def test_a_pool_says_when_it_has_ended(speech):
    pool = StreamPool("tiny")
    assert not pool.ended
    pool.close()
    assert pool.ended


def test_a_stream_with_words_delivers_them_and_the_pool_goes_on(pool, speech):
    found, said, words_known = Estimates(), [], threading.Event()

    def on_speech(name, heard):
        said.append((name, heard))
        if heard.final:
            words_known.set()

    settings = pool.settings.replace(asr=AsrSettings("fake_recognizers:FakeRecognizer"))
    recognition = WordRecognition(settings)
    try:
        recognition.wait_until_ready(threading.Event())
        stream = pool.open("a", found, words=recognition, on_speech=on_speech)
        other = pool.open("b", found)
        assert stream.status.asr.state == "ready" and other.status.asr is None
        for each in (stream, other):
            each.push(speech, RATE)
        assert words_known.wait(60)
        for each in (stream, other):
            each.close()
    finally:
        recognition.close()
    assert {name for name, _ in said} == {"a"}
    assert said[-1][1].text.startswith("w0 w1")
    assert any(estimate.words for estimate in found["a"])
    assert not any(estimate.words for estimate in found["b"])
    by_sound = [estimate.scores for estimate in found["a"][: len(found["b"])]]
    assert by_sound == [pytest.approx(estimate.scores) for estimate in found["b"]]


def test_a_caller_ends_a_turn_and_learns_when_its_estimates_have_been_delivered(pool, speech):
    found = Estimates()
    stream = pool.open("a", found)
    counts, ended = [], threading.Event()

    def then():
        counts.append(len(found.get("a", [])))
        ended.set()

    stream.push(speech[: 2 * RATE], RATE)
    stream.end_turn(then)
    assert ended.wait(60)
    assert counts == [len(found["a"])]
    assert found["a"][-1].trigger == "utterance"
    assert found["a"][-1].end_s == pytest.approx(2.0, abs=0.05)

    stream.push(speech[2 * RATE : 4 * RATE], RATE)  # it goes on: another turn
    stream.close()
    assert found["a"][-1].turn == 2
    assert found["a"][-1].start_s >= 1.9


def test_the_end_of_a_turn_is_reported_where_nobody_speaks_and_where_the_stream_ends(pool):
    found, ended = Estimates(), threading.Semaphore(0)
    stream = pool.open("a", found)
    stream.push(np.zeros(RATE, np.float32), RATE)
    stream.end_turn(ended.release)
    assert ended.acquire(timeout=60)
    stream.end_turn(ended.release)
    stream.close()
    assert ended.acquire(timeout=60)
    assert not found
    with pytest.raises(InputError, match="stream a: it has ended"):
        stream.end_turn(ended.release)


def test_a_stream_ends_where_the_caller_fails_after_a_turn(pool, speech):
    stream = pool.open("a", Estimates())
    stream.push(speech[:RATE], RATE)
    stream.end_turn(lambda: 1 / 0)
    stream.close(60)
    assert pool.streams == [] and not pool.ended


def test_what_follows_the_end_of_a_turn_may_use_the_pool_where_the_stream_has_failed(pool, speech):
    ended = threading.Event()

    def fail(name, estimate):
        stream.end_turn(lambda: (pool.streams, ended.set()))
        raise ZeroDivisionError

    stream = pool.open("a", fail)
    stream.push(speech, RATE)
    assert ended.wait(60)
    stream.close(60)
    assert pool.streams == [] and not pool.ended
