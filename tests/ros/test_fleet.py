"""Several robots in one process, in a graph without ROS; the pool and its networks are real."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import soundfile

from fake_graph import AUDIO_TYPE, FakeGraph, wait
from paths import SPOKEN
from ser_stream import Recognizer, StreamPool
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.audio_topic import AudioMessages
from ser_stream.ros.fleet import GONE_S, Fleet
from ser_stream.ros.health import ERROR, OK, STALE
from ser_stream.ros.node_parameters import FleetSettings
from ser_stream.ros.stream_names import StreamNames

RATE_HZ = 16_000
POOL = "ser_stream: streams"


class Clock:
    """A monotonic clock that the test moves."""

    now_s = 50.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def graph():
    return FakeGraph()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def failures():
    """Why the process would have been ended."""
    return []


@pytest.fixture
def serve(graph, clock, failures):
    """Start a fleet that serves these entries; it is stopped at the end."""
    fleets = []

    def start(*entries, max_streams=4, audio_type="AudioDataStamped", enabled=True):
        settings = FleetSettings(
            StreamNames(entries), audio_type, AudioFormat(), max_streams, enabled
        )
        pool = StreamPool("tiny", max_streams)
        fleet = Fleet(graph, pool, settings, "/ser_stream", failures.append, clock)
        fleets.append(fleet)
        fleet.start()
        fleet.update()
        return fleet

    yield start
    for fleet in fleets:
        fleet.stop()
        fleet.close()


@pytest.fixture
def angry():
    return soundfile.read(SPOKEN / "4-angry.flac", dtype="float32")[0]


def poll(fleet, clock, seconds=1.0):
    """Let time pass until streams have joined and left."""
    for _ in range(round(seconds)):
        clock.now_s += 1.0
        fleet.update()


def alone(samples):
    """The estimates of a recogniser that hears nothing else."""
    recognizer = Recognizer("tiny")
    return recognizer.push((samples * 32767).astype(np.int16), RATE_HZ) + recognizer.finish()


def assert_estimates(found, expected, start_s=0.0):
    assert [o["trigger"] for o in found] == [e.trigger for e in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["scores"] == pytest.approx(other.scores, abs=1e-3)
        assert one["end_s"] == pytest.approx(start_s + other.end_s, abs=2e-3)


# Estimates


def test_each_robot_gets_the_estimates_of_its_sound_in_its_namespace(graph, serve, speech, angry):
    fleet = serve("robot1", "lab/robot2")
    graph.play("/robot1/audio", speech, start_s=2000.0)
    graph.play("/lab/robot2/audio", angry, start_s=5000.0, block_s=0.5)
    fleet.stop()
    first, second = graph.details("/robot1"), graph.details("/lab/robot2")
    assert_estimates(first, alone(speech), 2000.0)
    assert_estimates(second, alone(angry), 5000.0)
    assert first[0]["scores"] != pytest.approx(second[0]["scores"], abs=1e-2)
    assert set(graph.published) <= {
        f"{namespace}/{name}"
        for namespace in ("/robot1", "/lab/robot2", "")
        for name in (
            "emotion", "emotion/utterance", "emotion/scores", "emotion/window", "emotion/details",
            "is_speaking", "listening", "diagnostics",
        )
    }  # fmt: skip


def test_estimates_are_stamped_with_the_time_of_their_last_sample(graph, serve, speech):
    fleet = serve("robot1")
    graph.play("/robot1/audio", speech, start_s=2000.0)
    fleet.stop()
    stamps = [m["header"]["stamp"] for m in graph.received("/robot1/emotion/scores")]
    intervals = [o for o in graph.details("/robot1") if o["trigger"] == "interval"]
    assert [s["sec"] + s["nanosec"] * 1e-9 for s in stamps] == pytest.approx(
        [o["end_s"] for o in intervals], abs=1e-3
    )
    assert all(2000.0 < o["end_s"] < 2000.0 + len(speech) / RATE_HZ for o in intervals)


def test_estimates_have_the_frame_of_the_robots_sound(graph, serve, speech, angry):
    fleet = serve("robot1", "robot2")
    graph.play("/robot1/audio", speech, frame_id="head_mic")
    graph.play("/robot2/audio", angry)
    fleet.stop()
    for name in ("emotion", "emotion/scores", "emotion/window"):
        headers = [message["header"] for message in graph.received(f"/robot1/{name}")]
        assert {header["frame_id"] for header in headers} == {"head_mic"}
    assert {details["frame_id"] for details in graph.details("/robot2")} == {""}


def test_a_publisher_that_stops_ends_the_turn(graph, serve, speech, monkeypatch):
    monkeypatch.setattr(AudioMessages, "MAX_SILENCE_S", 0.3)
    fleet = serve("robot1")
    graph.play("/robot1/audio", speech[: round(2.5 * RATE_HZ)], start_s=2000.0)
    wait(fleet, lambda: graph.received("/robot1/emotion/details"))
    wait(fleet, lambda: graph.details("/robot1")[-1]["trigger"] == "utterance")
    assert graph.details("/robot1")[-1]["end_s"] == pytest.approx(2002.5, abs=0.1)
    graph.play("/robot1/audio", speech, start_s=2020.0)
    fleet.stop()
    assert graph.details("/robot1")[-1]["end_s"] > 2020.0
    assert sum(o["trigger"] == "utterance" for o in graph.details("/robot1")) == 2


def test_speaking_is_published_when_it_changes(graph, serve, speech):
    fleet = serve("robot1", "robot2")
    graph.play("/robot1/audio", speech[: 2 * RATE_HZ])
    wait(fleet, lambda: {"data": True} in graph.received("/robot1/is_speaking"))
    fleet.stop()
    assert [m["data"] for m in graph.received("/robot1/is_speaking")] == [False, True, False]
    assert [m["data"] for m in graph.received("/robot2/is_speaking")] == [False]


# Muting


def test_a_robot_that_speaks_mutes_its_own_stream_only(graph, serve, speech):
    fleet = serve("robot1", "robot2")
    graph.say("/robot1/robot_speaking", True)
    for name in ("robot1", "robot2"):
        graph.play(f"/{name}/audio", speech)
    fleet.stop()
    assert graph.details("/robot1") == []
    assert graph.details("/robot2")


def test_enabled_mutes_all_streams_and_those_that_join_later(graph, serve, clock, speech):
    fleet = serve("robot1", "/*/audio")
    fleet.change({"enabled": False})
    graph.others["/robot2/audio"] = AUDIO_TYPE
    poll(fleet, clock)
    for name in ("robot1", "robot2"):
        graph.play(f"/{name}/audio", speech)
    fleet.stop()
    assert graph.details("/robot1") == graph.details("/robot2") == []


def listening(graph, namespace):
    return [message["data"] for message in graph.received(f"{namespace}/listening")]


def test_each_robot_says_whether_its_emotions_are_recognised(graph, serve, clock):
    fleet = serve("robot1", "/*/audio")
    assert listening(graph, "/robot1")[-1] is True
    graph.say("/robot1/robot_speaking", True)
    assert listening(graph, "/robot1")[-1] is True
    fleet.change({"enabled": False})
    assert listening(graph, "/robot1")[-1] is False
    graph.others["/robot2/audio"] = AUDIO_TYPE
    poll(fleet, clock)
    assert set(listening(graph, "/robot2")) == {False}
    fleet.change({"enabled": True})
    assert listening(graph, "/robot1")[-1] is listening(graph, "/robot2")[-1] is True
    graph.others = {}
    poll(fleet, clock, GONE_S + 1)
    assert listening(graph, "/robot2")[-1] is False
    fleet.stop()
    assert listening(graph, "/robot1")[-1] is False


def test_other_parameters_cannot_change_while_streams_run(serve):
    fleet = serve("robot1")
    with pytest.raises(InputError, match="hop, smoothing: cannot be changed"):
        fleet.change({"smoothing": 0.5, "enabled": True, "hop": 0.2})


# Joining and leaving


def test_topics_that_match_a_pattern_join_and_leave(graph, serve, clock, speech):
    fleet = serve("/*/audio")
    assert graph.subscribed == set()
    graph.others = {"/robot1/audio": AUDIO_TYPE, "/robot1/other": AUDIO_TYPE}
    poll(fleet, clock)
    assert graph.subscribed == {"/robot1/audio", "/robot1/robot_speaking"}
    graph.play("/robot1/audio", speech)
    graph.others = {}
    poll(fleet, clock, GONE_S)
    assert "/robot1/audio" in graph.subscribed
    poll(fleet, clock)
    assert graph.subscribed == graph.opened == set()
    assert_estimates(graph.details("/robot1"), alone(speech))
    assert graph.received("/robot1/is_speaking")[-1] == {"data": False}
    graph.others = {"/robot1/audio": AUDIO_TYPE}
    poll(fleet, clock)
    graph.play("/robot1/audio", speech)
    fleet.stop()
    assert_estimates(graph.details("/robot1"), alone(speech) * 2)


def test_a_named_stream_stays_without_a_publisher(graph, serve, clock, monkeypatch):
    monkeypatch.setattr(AudioMessages, "MAX_SILENCE_S", 0.0)
    fleet = serve("robot1")
    poll(fleet, clock, 2 * GONE_S)
    assert "/robot1/audio" in graph.subscribed
    level, message, _ = graph.reports("robot1/ser_stream: speech emotion")[-1]
    assert (level, message) == (ERROR, "topic /robot1/audio: no message yet")


def test_the_first_message_of_a_robot_that_joins_is_waited_for(graph, serve, caplog):
    serve("robot1").update()
    assert graph.reports("robot1/ser_stream: speech emotion")[-1][0] == OK
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_more_streams_than_the_pool_accepts_are_refused_until_there_is_room(
    graph, serve, clock, speech, caplog
):
    fleet = serve("/*/audio", max_streams=2)
    graph.others = {"/b/audio": AUDIO_TYPE, "/c/audio": AUDIO_TYPE}
    poll(fleet, clock)
    graph.others["/a/audio"] = AUDIO_TYPE
    poll(fleet, clock, 3)
    assert {"/b/audio", "/c/audio"} < graph.subscribed
    assert "/a/audio" not in graph.subscribed
    level, message, values = graph.reports(POOL)[-1]
    assert level == ERROR
    assert message.startswith("1 not served: /a/audio: ")
    assert "this pool accepts 2" in message and "max_streams" in message
    assert (values["streams open"], values["streams accepted"]) == ("2", "2")
    assert sum("/a/audio: not served" in record.getMessage() for record in caplog.records) == 1
    graph.play("/b/audio", speech)
    del graph.others["/c/audio"]
    poll(fleet, clock, GONE_S + 2)
    assert {"/a/audio", "/b/audio"} < graph.subscribed
    assert graph.reports(POOL)[-1][:2] == (OK, "2 served")
    fleet.stop()
    assert_estimates(graph.details("/b"), alone(speech))


def test_a_topic_of_another_audio_type_is_not_served_and_is_reported(graph, serve, clock):
    fleet = serve("/*/audio")
    graph.others = {
        "/robot1/audio": "audio_common_msgs/msg/AudioData",
        "/robot2/audio": "std_msgs/msg/String",
    }
    poll(fleet, clock)
    assert graph.subscribed == set()
    level, message, values = graph.reports(POOL)[-1]
    assert level == ERROR
    assert "/robot1/audio: it is published as audio_common_msgs/msg/AudioData" in message
    assert "audio_type is AudioDataStamped" in message
    assert not any("robot2" in key for key in values)


def test_a_namespace_is_served_from_one_topic(graph, serve, clock):
    fleet = serve("robot1", "/*/mic")
    graph.others = {"/robot1/mic": AUDIO_TYPE}
    poll(fleet, clock)
    assert "/robot1/mic" not in graph.subscribed
    assert "/robot1 is served from /robot1/audio" in graph.reports(POOL)[-1][1]


def test_a_robot_whose_topic_is_renamed_is_served_again(graph, serve, clock, speech):
    fleet = serve("/*/audio", "/*/mic")
    graph.others = {"/robot1/audio": AUDIO_TYPE}
    poll(fleet, clock)
    graph.others = {"/robot1/mic": AUDIO_TYPE}
    poll(fleet, clock, GONE_S + 1)
    assert graph.subscribed == {"/robot1/mic", "/robot1/robot_speaking"}
    graph.play("/robot1/mic", speech)
    fleet.stop()
    assert_estimates(graph.details("/robot1"), alone(speech))


def test_a_renamed_topic_may_be_gone_at_the_next_look(graph, serve, clock):
    fleet = serve("/*/audio", "/*/mic")
    for topic in ("/robot1/audio", "/robot1/mic"):
        graph.others = {topic: AUDIO_TYPE}
        poll(fleet, clock, GONE_S + 1)
    graph.others = {}
    poll(fleet, clock)
    poll(fleet, clock, GONE_S + 1)
    assert graph.subscribed == set()


# Diagnostics and failures


def test_each_stream_and_the_pool_have_a_report(graph, serve, clock, speech):
    fleet = serve("robot1", "robot2")
    graph.play("/robot1/audio", speech)
    poll(fleet, clock, 2)
    assert graph.reports("robot1/ser_stream: speech emotion")[-1][2]["model"] == "tiny"
    assert graph.reports("robot2/ser_stream: speech emotion")
    values = graph.reports(POOL)[-1][2]
    assert values["streams open"] == "2" and values["dropped sound (s)"] == "0.00"
    fleet.stop()
    poll(fleet, clock)
    assert graph.reports(POOL)[-1][:2] == (STALE, "not active")


def test_activation_logs_the_streams_and_each_stream_its_sound(graph, serve, caplog, angry):
    caplog.set_level(logging.INFO, "ser_stream.ros")
    serve("robot1", "/*/audio")
    assert (
        "active: source topic, streams robot1, /*/audio (AudioDataStamped), 16000 Hz, 1 channel, "
        "S16LE until audio_info announces another format, model tiny, engine onnx"
    ) in caplog.messages
    graph.play("/robot1/audio", angry)
    assert caplog.messages.count("topic /robot1/audio: sound arrives: 16000 Hz, 1 channel") == 1


def test_an_audio_type_that_is_not_installed_is_an_error(serve):
    with pytest.raises(InputError, match="audio_type: found AudioStamped"):
        serve("robot1", audio_type="AudioStamped")


def test_a_stream_that_fails_ends_the_process(graph, serve, speech, failures, caplog):
    fleet = serve("robot1")
    graph.opened.remove("/robot1/emotion/details")  # publishing fails
    graph.play("/robot1/audio", speech)
    wait(fleet, lambda: "on_estimate failed" in caplog.text)
    graph.opened.add("/robot1/emotion/details")
    graph.play("/robot1/audio", speech[: RATE_HZ // 10])
    assert failures and "recognition failed: stream /robot1" in failures[0]
    assert listening(graph, "/robot1")[-1] is False


class ForbiddingGraph(FakeGraph):
    """A graph in which one robot's topics may not be published or subscribed to, as with SROS2."""

    def __init__(self, action):
        super().__init__()
        self._action = action

    def _check(self, action, names):
        if action == self._action and any(name.startswith("/robot2/") for name in names):
            raise RuntimeError("error creating it: error not set, at ./src/rcl.c:252\nmore")

    def open(self, topics):
        self._check("publish", [topic.name for topic in topics])
        super().open(topics)

    def subscribe_to_audio(self, audio, audio_type, topic="audio"):
        self._check("subscribe", [topic])
        return super().subscribe_to_audio(audio, audio_type, topic)


@pytest.mark.parametrize("graph", [ForbiddingGraph("publish"), ForbiddingGraph("subscribe")])
def test_a_robot_whose_topics_are_not_permitted_is_refused_and_the_others_go_on(
    graph, serve, clock, speech, caplog
):
    fleet = serve("robot1", "robot2")
    poll(fleet, clock, 3)
    assert {name for name in graph.subscribed if name.startswith("/robot2")} == set()
    assert {name for name in graph.opened if name.startswith("/robot2")} == set()
    line = "/robot2/audio: not served: RuntimeError: error creating it: error not set"
    assert caplog.messages.count(line) == 1
    level, message, values = graph.reports(POOL)[-1]
    reason = line.partition("not served: ")[2]
    assert (level, message) == (ERROR, f"1 not served: /robot2/audio: {reason}")
    assert values["streams open"] == "1"
    graph.play("/robot1/audio", speech)
    fleet.stop()
    assert_estimates(graph.details("/robot1"), alone(speech))
