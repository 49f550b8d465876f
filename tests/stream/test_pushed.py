"""Streams whose samples the caller brings."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
import soundfile

from ser_stream.asr.base import AsrSettings
from ser_stream.errors import InputError
from ser_stream.stream.pushed import BlockAssembler
from ser_stream.stream.recognizer import Recognizer

RATE = 16_000


@pytest.fixture(scope="module")
def recognizer(tiny_model):
    return Recognizer(tiny_model, device="cpu")


@pytest.fixture
def samples(two_turns_path):
    return soundfile.read(two_turns_path, dtype="int16")[0]


def without_latency(estimates):
    return [dataclasses.replace(estimate, latency_ms=0.0) for estimate in estimates]


def pushed(recognizer, chunks, rate=RATE):
    found = []
    for chunk in chunks:
        found += recognizer.push(chunk, rate)
    return without_latency(found + recognizer.finish())


@pytest.mark.parametrize("length", [160, 512, 1_000, 10**6])
def test_samples_give_the_estimates_of_their_recording_in_any_chunks(
    recognizer, two_turns_path, samples, length
):
    expected = without_latency(recognizer.stream(two_turns_path))
    assert {estimate.turn for estimate in expected} == {1, 2}
    chunks = np.split(samples, range(length, len(samples), length))
    assert pushed(recognizer, chunks) == expected


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_samples_of_another_rate_give_the_estimates_of_their_recording(
    recognizer, speech, tmp_path, rate
):
    import soxr

    resampled = soxr.resample(speech, RATE, rate)
    stereo = np.stack([resampled, resampled], axis=1).astype(np.float32)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, stereo, rate, subtype="FLOAT")
    expected = without_latency(recognizer.stream(path))
    assert expected
    assert pushed(recognizer, np.split(stereo, [7, 5_000, 5_001, 20_000]), rate) == expected


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "int32", "float64"])
def test_every_number_format_gives_the_estimates_of_the_floats(recognizer, samples, name):
    coarse = (samples >> 8).astype(np.int8)  # 8 bits: every format represents them exactly
    floats = coarse.astype(np.float32) / 128
    converted = {
        "int8": coarse,
        "uint8": (coarse.astype(np.int16) + 128).astype(np.uint8),
        "int16": coarse.astype(np.int16) << 8,
        "int32": coarse.astype(np.int32) << 24,
        "float64": floats.astype(np.float64),
    }[name]
    expected = pushed(recognizer, [floats])
    assert expected
    assert pushed(recognizer, [converted]) == expected


def test_a_change_of_the_sample_rate_does_not_end_the_turn(recognizer, speech):
    import soxr

    middle = len(speech) // 2
    rest = soxr.resample(speech[middle:], RATE, 48_000)
    expected = pushed(recognizer, [speech])
    found = recognizer.push(speech[:middle], RATE) + recognizer.push(rest, 48_000)
    found += recognizer.finish()
    assert [e.trigger for e in found] == [e.trigger for e in expected]
    assert found[-1].turn == 1
    assert found[-1].end_s == pytest.approx(expected[-1].end_s, abs=0.1)


def test_push_returns_the_estimates_of_windows_that_it_completes(recognizer, speech):
    ends = []
    for end in range(RATE // 10, len(speech), RATE // 10):
        for estimate in recognizer.push(speech[end - RATE // 10 : end], RATE):
            if estimate.trigger == "interval":
                ends.append((estimate.end_s, end / RATE))
    recognizer.finish()
    assert len(ends) >= 4
    assert all(end_s <= pushed_s <= end_s + 0.2 for end_s, pushed_s in ends)


def test_the_caller_may_reuse_its_array(recognizer, speech, speech_path):
    expected = without_latency(recognizer.stream(speech_path))
    buffer, found = np.empty(1_000, np.float32), []
    for start in range(0, len(speech), 1_000):
        part = buffer[: len(speech[start : start + 1_000])]
        part[:] = speech[start : start + 1_000]
        found += recognizer.push(part, RATE)
        part[:] = 0.9
    assert without_latency(found + recognizer.finish()) == expected


def test_finish_resets_the_stream_and_accepts_an_empty_one(recognizer, speech):
    assert recognizer.finish() == []
    first, second = (pushed(recognizer, [speech]) for _ in range(2))
    assert first == second
    assert first[0].turn == 1
    assert recognizer.status.position_s == pytest.approx(len(speech) / RATE)


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(4, bool), RATE, "samples: found samples of type bool"),
        (np.zeros((2, 2, 2)), RATE, "samples: found shape"),
        (np.zeros((2, 16_000)), RATE, "samples: 16000 channels; accepted are 1 to 32"),
        (np.full(4, 3_000.0), RATE, "magnitude 3000; full scale is 1"),
        (np.zeros(4), 1_000, "sample rate 1000 Hz; accepted are 4000 to"),
        (np.zeros(4), 16_000.5, "rate: found 16000.5; accepted are whole numbers"),
        (np.zeros(4), "16 kHz", "rate: found '16 kHz'"),
    ],
)
def test_invalid_samples_are_refused_and_the_stream_continues(
    recognizer, speech, samples, rate, message
):
    middle = len(speech) // 2
    found = recognizer.push(speech[:middle], RATE)
    with pytest.raises(InputError, match=message):
        recognizer.push(samples, rate)
    found += recognizer.push(speech[middle:], RATE) + recognizer.finish()
    assert without_latency(found) == pushed(recognizer, [speech])


def test_a_muted_recogniser_ignores_pushed_samples(recognizer, speech):
    recognizer.muted = True
    try:
        assert pushed(recognizer, [speech]) == []
    finally:
        recognizer.muted = False


def test_pushing_into_a_running_stream_is_refused(recognizer, speech, speech_path):
    stream = recognizer.stream(speech_path)
    next(stream)
    with pytest.raises(InputError, match=r"pushed samples: this recogniser is listening to /"):
        recognizer.push(speech, RATE)
    stream.close()
    assert pushed(recognizer, [speech])


def test_a_stream_is_refused_while_samples_are_pushed(recognizer, speech, speech_path):
    recognizer.push(speech[:RATE], RATE)
    with pytest.raises(InputError, match=r"listening to pushed samples; .*finish\(\)"):
        next(recognizer.stream(speech_path))
    recognizer.finish()
    assert list(recognizer.stream(speech_path))


def test_a_second_stream_is_refused(recognizer, speech_path):
    stream = recognizer.stream(speech_path)
    next(stream)
    with pytest.raises(InputError, match="this recogniser is listening to") as refused:
        next(recognizer.stream(speech_path))
    assert "\n" not in str(refused.value)
    assert list(stream)  # the first one goes on


def test_finish_returns_the_words_of_pushed_samples(tiny_model, speech, monkeypatch):
    # A busy machine is late with words.
    monkeypatch.setattr("ser_stream.stream.live_words.MAX_TURN_WAIT", 30.0)
    words = []
    with Recognizer(tiny_model, asr=AsrSettings("fake_recognizers:FakeRecognizer")) as recognizer:
        deadline = time.monotonic() + 30.0
        while recognizer.status.asr.state != "ready" and time.monotonic() < deadline:
            time.sleep(0.02)
        found = recognizer.push(speech, RATE, words.append)
        found += recognizer.finish(words.append)
    assert words[-1].final and words[-1].text == "w0 w1 w2 w3"
    assert found[-1].trigger == "utterance"
    assert [word["text"] for word in found[-1].words] == ["w0", "w1", "w2", "w3"]


def test_pushed_blocks_have_512_samples_and_continuous_times_when_the_rate_changes():
    assembler = BlockAssembler()
    blocks = [*assembler.push(np.zeros((700, 1), np.float32), 16_000)]
    blocks += [*assembler.push(np.zeros((1_000, 1), np.float32), 8_000), *assembler.flush()]
    assert [len(block.samples) for block in blocks] == [512, 188, 256, 256, 256, 232]
    assert [round(block.time_s, 6) for block in blocks][1] == 700 / 16_000
    assert blocks[-1].time_s == pytest.approx(700 / 16_000 + 1_000 / 8_000)
