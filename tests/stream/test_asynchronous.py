"""Streams for asyncio."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time

import numpy as np
import pytest
import soundfile

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

    def blocks(self):
        self.closed.wait(30.0)
        return iter(())


def stream_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("ser_stream-")]


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


def test_a_live_source_works_too(recognizer, two_turns_path, expected):
    found = asyncio.run(collected(recognizer.astream(Hurried(two_turns_path))))
    assert found[-1].end_s == expected[-1].end_s


def test_the_event_loop_runs_while_inference_does(tiny_model, speech_path, monkeypatch):
    recognizer = Recognizer(tiny_model)
    score, slept = WindowScorer.score, []

    def slow(scorer, part):
        if not slept:
            slept.append(time.sleep(1.0))  # as a slow network would
        return score(scorer, part)

    monkeypatch.setattr(WindowScorer, "score", slow)

    async def longest_pause():
        longest, last = 0.0, time.monotonic()

        async def tick():
            nonlocal longest, last
            while True:
                await asyncio.sleep(0.005)
                now = time.monotonic()
                longest, last = max(longest, now - last), now

        ticking = asyncio.create_task(tick())
        assert await collected(recognizer.astream(speech_path))
        ticking.cancel()
        return longest

    assert asyncio.run(longest_pause()) < 0.8


def test_leaving_the_loop_closes_the_source_and_ends_the_threads(recognizer, speech_path):
    async def first():
        async for _ in recognizer.astream(source):
            break
        for _ in range(500):
            if source.closed.is_set() and not stream_threads():
                return
            await asyncio.sleep(0.01)

    source = Hurried(speech_path)
    asyncio.run(first())
    assert source.closed.is_set()
    assert stream_threads() == []
    assert list(recognizer.stream(speech_path))


def test_cancelling_the_task_closes_a_source_that_gives_no_sound(recognizer, speech_path):
    async def cancelled():
        task = asyncio.create_task(collected(recognizer.astream(source)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    source = Endless(speech_path)
    begun = time.monotonic()
    asyncio.run(cancelled())
    assert time.monotonic() - begun < 10
    assert source.closed.is_set()
    assert stream_threads() == []
    assert list(recognizer.stream(speech_path))


def test_cancelling_the_task_ends_the_wait_for_an_asynchronous_iterable(recognizer):
    ended = []

    async def silent():
        try:
            yield np.zeros(RATE, np.float32)
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def cancelled():
        task = asyncio.create_task(collected(recognizer.astream(silent(), RATE)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert ended == [True]
    assert stream_threads() == []


def test_cancelling_the_task_ends_the_wait_for_words(tiny_model, speech_path, tmp_path):
    asr = AsrSettings("faster_whisper", model=str(tmp_path))  # there is no model: words never come

    async def cancelled():
        task = asyncio.create_task(collected(recognizer.astream(speech_path)))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Recognizer(tiny_model, asr=asr) as recognizer:
        asyncio.run(cancelled())
        assert recognizer.push(np.zeros(160, np.int16), 16_000) == []  # no other stream is running


def test_what_breaks_the_source_reaches_the_caller(recognizer, speech_path):
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


def test_a_second_stream_is_refused_and_the_first_goes_on(recognizer, two_turns_path, expected):
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


def test_words_are_handed_over_in_the_event_loop(tiny_model, speech_path):
    threads = []

    async def listen(recognizer):
        note = lambda speech: threads.append(threading.current_thread())  # noqa: E731
        return await collected(recognizer.astream(speech_path, on_speech=note))

    with Recognizer(tiny_model, asr=AsrSettings("fake_recognizers:FakeRecognizer")) as recognizer:
        found = asyncio.run(listen(recognizer))
    assert found[-1].words
    assert set(threads) == {threading.main_thread()}
