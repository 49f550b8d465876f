"""A session as MCAP, read back."""

import base64
import hashlib
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from paths import ROOT
from ser_stream.cli import main
from sessions import write_whole_session

SUPPORT = ROOT / "tests" / "support"
PACKAGES = ("@mcap/core", "@mcap/support", "@foxglove/schemas", "ajv")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The file, and its sound."""
    pytest.importorskip("mcap")
    folder, tone = write_whole_session(tmp_path_factory.mktemp("session"))
    path = folder / "session.mcap"
    assert main(["review", str(folder), "--mcap", str(path)]) == 0
    return path, tone


@pytest.fixture(scope="module")
def messages(written):
    reader = pytest.importorskip("mcap.reader")
    path, tone = written
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


def require_node():
    """Skip where Foxglove's packages for Node.js cannot be loaded."""
    if shutil.which("node") is None:
        pytest.skip("no node")
    script = "process.argv.slice(1).forEach((name) => require.resolve(name))"
    command = ["node", "-e", script, *PACKAGES]
    if subprocess.run(command, cwd=SUPPORT, capture_output=True, timeout=120).returncode:
        pytest.skip(f"missing: npm install --no-save {' '.join(PACKAGES)}")


def test_the_reader_of_foxglove_finds_each_message_as_its_schema_says(written, messages):
    """Sound is checked by Foxglove's own definition of RawAudio, too."""
    require_node()
    path, _ = written
    command = ["node", "check_mcap.mjs", path]
    done = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    topics = [topic for _, topic, _, _ in messages[0]]
    assert found["topics"] == {topic: topics.count(topic) for topic in topics}
    data = (base64.b64decode(v["data"]) for _, topic, _, v in messages[0] if topic == "/audio")
    assert found["sound"] == hashlib.sha256(b"".join(data)).hexdigest()


def test_the_layout_shows_topics_and_fields_that_are_written(messages):
    layout = json.loads((ROOT / "config" / "foxglove" / "session.json").read_text())
    fields = {topic: set(value) for _, topic, _, value in messages[0]}
    shown = set(re.findall(r'"(?:value|topicPath|topic)": "(/[^"]+)"', json.dumps(layout)))
    assert {each.partition(".")[0] for each in shown} >= {
        "/emotion",
        "/emotion/utterance",
        "/audio",
    }
    for each in shown:
        topic, _, path = each.partition(".")
        assert topic in fields, each
        assert not path or path.partition(".")[0].partition("[")[0] in fields[topic], each
