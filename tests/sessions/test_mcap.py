"""A session as MCAP, read back."""

import base64
import json

import numpy as np
import pytest

from ser_stream.cli import main
from sessions import write_whole_session


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    reader = pytest.importorskip("mcap.reader")
    folder, tone = write_whole_session(tmp_path_factory.mktemp("session"))
    path = folder / "session.mcap"
    assert main(["review", str(folder), "--mcap", str(path)]) == 0
    with path.open("rb") as file:
        found = [
            (schema.name, channel.topic, message.log_time, json.loads(message.data))
            for schema, channel, message in reader.make_reader(file).iter_messages()
        ]
    return found, tone


START_NS = 1_796_126_400_000_000_000
"""12:00 UTC on 1 December 2026."""


def test_estimates_have_their_times_and_scores(messages):
    found, _ = messages
    ((schema, _, time_ns, value),) = [each for each in found if each[1] == "/emotion"]
    assert schema == "ser_stream.Estimate"
    assert time_ns == START_NS + 1_500_000_000
    assert value["scores"] == {"happy": 0.6, "sad": 0.4}
    turns = [value for _, topic, _, value in found if topic == "/emotion/utterance"]
    assert [turn["text"] for turn in turns] == ["he <is>", "he <is>"]


def test_the_sound_is_complete_and_at_its_time(messages):
    found, tone = messages
    sound = [each for each in found if each[1] == "/audio"]
    assert {schema for schema, *_ in sound} == {"foxglove.RawAudio"}
    assert sound[0][2] == START_NS + 100_000_000
    data = b"".join(base64.b64decode(value["data"]) for *_, value in sound)
    samples = np.frombuffer(data, "<i2") / 32_768
    assert np.allclose(samples, tone, atol=1 / 32_768)
    assert {(v["format"], v["sample_rate"], v["number_of_channels"]) for *_, v in sound} == {
        ("pcm-s16", 16_000, 1)
    }


def test_messages_are_in_the_order_of_time(messages):
    times = [time_ns for _, _, time_ns, _ in messages[0]]
    assert times == sorted(times)
