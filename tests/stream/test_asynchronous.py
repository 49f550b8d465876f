"""Streams for asyncio."""

from __future__ import annotations

import asyncio
import dataclasses
import threading

import numpy as np
import pytest
import soundfile

from asr_doubles import PATIENCE_S, Gate
from ser_stream.asr.base import AsrSettings
from ser_stream.errors import InputError
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.scoring import WindowScorer
from sources import Failing, Hurried

RATE = 16_000


@pytest.fixture(scope="module")
def recognizer(tiny_model):
    return Recognizer(tiny_model, device="cpu")


@pytest.fixture
def expected(recognizer, two_turns_path):
    return without_latency(recognizer.stream(two_turns_path))


@pytest.fixture
def samples(two_turns_path):
    return soundfile.read(two_turns_path, dtype="int16")[0]


def without_latency(estimates):
    return [dataclasses.replace(estimate, latency_ms=0.0) for estimate in estimates]


def chunks(samples, length=1_000):
    return np.split(samples, range(length, len(samples), length))


async def collected(stream):
    return [estimate async for estimate in stream]


class Endless(Hurried):
    """A live source that gives no sound until it is closed."""

    name = "endless"

    def __init__(self, path):
        super().__init__(path)
        self.begun = threading.Event()

    def blocks(self):
        self.begun.set()
        self.closed.wait(PATIENCE_S)
        return iter(())


async def cancel_once_begun(stream, begun):
    """Cancel a task that listens to a stream, once `begun()` returns."""
    task = asyncio.create_task(collected(stream))
    assert await asyncio.to_thread(begun, PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_S / 2)


def stream_threads():
    """Threads of streams; that of PortAudio serves the whole process."""
    names = ("ser_stream-listen", "ser_stream-words", "ser_stream-recognize")
    return [t for t in threading.enumerate() if t.name.startswith(names)]


def test_a_recording_gives_the_same_estimates_as_in_a_plain_loop(
    recognizer, two_turns_path, expected
):
    assert without_latency(asyncio.run(collected(recognizer.astream(two_turns_path)))) == expected


def test_an_iterable_of_sample_arrays_gives_the_estimates_of_its_recording(
    recognizer, samples, expected
):
    found = asyncio.run(collected(recognizer.astream(iter(chunks(samples)), RATE)))
    assert without_latency(found) == expected


def test_an_asynchronous_iterable_gives_the_estimates_of_its_recording(
    recognizer, samples, expected
):
    async def arrays():
        for chunk in chunks(samples):
            await asyncio.sleep(0)
            yield chunk

    found = asyncio.run(collected(recognizer.astream(arrays(), RATE)))
    assert without_latency(found) == expected


def test_a_live_source_ends_with_the_estimate_of_its_last_turn(
    recognizer, two_turns_path, expected
):
    found = asyncio.run(collected(recognizer.astream(Hurried(two_turns_path))))
    assert found[-1].end_s == expected[-1].end_s


def test_the_event_loop_runs_while_inference_does(recognizer, speech_path, monkeypatch):
    score = WindowScorer.score
    loop_ran, answered = threading.Event(), []

    def score_after_the_loop_ran(scorer, part):
        loop.call_soon_threadsafe(loop_ran.set)
        answered.append(loop_ran.wait(PATIENCE_S))
        return score(scorer, part)

    monkeypatch.setattr(WindowScorer, "score", score_after_the_loop_ran)

    async def listen():
        nonlocal loop
        loop = asyncio.get_running_loop()
        return await collected(recognizer.astream(speech_path))

    loop = None
    assert asyncio.run(listen())
    assert answered and all(answered)


def test_leaving_the_loop_closes_the_source_and_ends_the_threads(recognizer, speech_path):
    async def first():
        async for _ in recognizer.astream(source):
            break

    source = Hurried(speech_path)
    asyncio.run(first())
    assert source.closed.wait(PATIENCE_S)
    for thread in stream_threads():  # the event loop ended without waiting for them
        thread.join(PATIENCE_S)
    assert stream_threads() == []
    assert list(recognizer.stream(speech_path))


def test_cancelling_the_task_closes_a_source_that_gives_no_sound(recognizer, speech_path):
    source = Endless(speech_path)
    asyncio.run(cancel_once_begun(recognizer.astream(source), source.begun.wait))
    assert source.closed.is_set()
    assert stream_threads() == []
    assert list(recognizer.stream(speech_path))


def test_cancelling_the_task_ends_the_wait_for_an_asynchronous_iterable(recognizer):
    begun, ended = threading.Event(), []

    async def silent():
        try:
            yield np.zeros(RATE, np.float32)
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def cancelled():
        await cancel_once_begun(recognizer.astream(silent(), RATE), begun.wait)

    asyncio.run(cancelled())
    assert ended == [True]
    assert stream_threads() == []


def test_cancelling_the_task_ends_the_wait_for_words(tiny_model, speech, speech_path, tmp_path):
    gate = Gate(tmp_path)  # it begins to recognise the first window, and its words never come

    def begun(timeout_s):
        gate.begun()
        return True

    with Recognizer(tiny_model, asr=gate.settings) as recognizer:
        asyncio.run(cancel_once_begun(recognizer.astream(speech_path), begun))
        recognizer.push(speech[:100], RATE)  # another stream may begin
        recognizer.finish()


def test_an_error_of_the_source_is_raised_to_the_caller(recognizer, speech_path):
    with pytest.raises(InputError, match="caught fire"):
        asyncio.run(collected(recognizer.astream(Failing(speech_path))))

    async def broken():
        yield np.zeros(RATE, np.float32)
        raise ZeroDivisionError("raised for the test")

    with pytest.raises(ZeroDivisionError, match="raised for the test"):
        asyncio.run(collected(recognizer.astream(broken(), RATE)))
    with pytest.raises(InputError, match="found samples of type bool"):
        asyncio.run(collected(recognizer.astream([np.zeros(4, bool)], RATE)))
    assert list(recognizer.stream(speech_path))


def test_a_second_stream_is_refused_and_the_first_continues(recognizer, two_turns_path, expected):
    async def two_streams():
        first = recognizer.astream(two_turns_path)
        found = [await anext(first)]
        with pytest.raises(InputError, match="this recogniser is listening to"):
            await collected(recognizer.astream(two_turns_path))
        return found + await collected(first)

    assert without_latency(asyncio.run(two_streams())) == expected


def test_a_rate_belongs_to_sample_arrays_and_to_nothing_else(recognizer, speech_path):
    with pytest.raises(InputError, match="rate: missing"):
        asyncio.run(collected(recognizer.astream([])))
    with pytest.raises(InputError, match="rate: goes with"):
        asyncio.run(collected(recognizer.astream(speech_path, RATE)))


def test_on_speech_is_called_in_the_event_loop(tiny_model, speech_path):
    threads = []

    async def listen(recognizer):
        note = lambda speech: threads.append(threading.current_thread())  # noqa: E731
        return await collected(recognizer.astream(speech_path, on_speech=note))

    with Recognizer(tiny_model, asr=AsrSettings("fake_recognizers:FakeRecognizer")) as recognizer:
        found = asyncio.run(listen(recognizer))
    assert found[-1].words
    assert set(threads) == {threading.main_thread()}
