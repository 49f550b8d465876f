"""What is published in the ROS graph and when, seen through a transport that records messages."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys

import pytest

from estimates import estimate
from ser_stream.asr.worker import AsrStatus
from ser_stream.errors import InputError
from ser_stream.ros.graph import GraphPublisher, NodeState
from ser_stream.ros.health import ERROR, OK, STALE, WARN
from ser_stream.ros.messages import MESSAGE_TYPES, published_topics
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.watchdog import INFERENCE_TIMEOUT_S, RECOVERY_S
from ser_stream.words import Speech, Word

NOW_NS = 1_000_000_000_000
ALWAYS = {"emotion/window", "emotion/details"}
"""Topics on which every estimate is published."""


class RecordingTransport:
    """Keeps the contents that are published, by topic name."""

    def __init__(self, speech_field="locale"):
        self.messages = {}
        self.time_ns = NOW_NS
        self.is_open = True
        self._speech_field = speech_field

    def publish(self, topic, content):
        self.messages.setdefault(topic.name, []).append(content)

    def now_ns(self):
        return self.time_ns

    def ok(self):
        return self.is_open

    def fields(self, message_type):
        fields = dict(MESSAGE_TYPES[message_type])
        if "locale" in fields:
            fields[self._speech_field] = fields.pop("locale")
        return fields

    def on(self, name):
        return self.messages.get(name, [])

    def stamps(self, name):
        stamps = [message["header"]["stamp"] for message in self.on(name)]
        return [stamp["sec"] * 10**9 + stamp["nanosec"] for stamp in stamps]

    @property
    def speaking(self):
        return [message["data"] for message in self.on("is_speaking")]

    @property
    def listening(self):
        return [message["data"] for message in self.on("listening")]

    @property
    def estimates(self):
        """The names of the topics on which estimates were published."""
        return {name for name in self.messages if name.startswith("emotion")}

    def diagnostics(self, component="speech emotion"):
        """Level, message and values of each report on a component."""
        return [
            (status["level"], status["message"], {v["key"]: v["value"] for v in status["values"]})
            for message in self.on("/diagnostics")
            for status in message["status"]
            if status["name"].endswith(f": {component}")
        ]


@pytest.fixture
def transport():
    return RecordingTransport()


class Clock:
    """A monotonic clock that the test moves."""

    now_s = 50.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def graph(transport, clock):
    """A publisher whose stream has begun."""
    graph = GraphPublisher(transport, "/robot1/ser_stream", "en", clock=clock)
    graph.on_source("microphone")
    return graph


def run(graph, clock, *states, period_s=0.1):
    """Update the graph with one state after the other."""
    for state in states:
        graph.update(state)
        clock.now_s = round(clock.now_s + period_s, 6)


def speech(text, final=False):
    words = tuple(Word(word, 0.0, 1.0, 0.5) for word in text.split())
    return Speech(words, 0, final, 0.0, 3.0, 80.0)


# Estimates


def test_an_interval_estimate_is_published_with_scores_and_details(graph, transport):
    graph.on_estimate(estimate(expression="fear"))
    assert transport.estimates == {"emotion", "emotion/scores", *ALWAYS}
    assert transport.on("emotion")[0]["expression"] == "scared"


def test_every_estimate_is_in_the_details_and_has_a_window(graph, transport):
    estimates = [
        estimate(),
        estimate(expression=""),
        estimate(trigger="utterance"),
        estimate(trigger="utterance", decisive=False),
        estimate(modality="audio+text"),
    ]
    for each in estimates:
        graph.on_estimate(each)
    details = [json.loads(message["data"]) for message in transport.on("emotion/details")]
    for found, each in zip(details, estimates, strict=True):
        assert json.loads(each.to_json()).items() <= found.items()
    assert len(transport.on("emotion/window")) == len(estimates)


def test_an_estimate_that_abstains_has_scores_and_details_only(graph, transport):
    graph.on_estimate(estimate(expression=""))
    assert transport.estimates == {"emotion/scores", *ALWAYS}
    graph.on_estimate(estimate(expression="", trigger="utterance"))
    graph.on_estimate(estimate(expression="", modality="audio+text"))
    assert transport.estimates == {"emotion/scores", *ALWAYS}


def test_a_turn_has_one_utterance_the_decisive_one(graph, transport):
    graph.on_estimate(estimate(trigger="utterance", decisive=False, expression="sad"))
    graph.on_estimate(estimate(trigger="utterance", modality="audio+text", expression="angry"))
    assert [message["expression"] for message in transport.on("emotion/utterance")] == ["angry"]
    assert len(transport.on("emotion/details")) == 2


def test_the_second_estimate_of_a_window_is_multimodal(graph, transport):
    graph.on_estimate(estimate(modality="audio+text"))
    assert transport.estimates == {"emotion/multimodal", *ALWAYS}


# Stamps


def test_the_stamp_is_the_capture_of_the_last_sample(graph, transport):
    graph.on_estimate(estimate(latency_ms=250.0))
    assert transport.stamps("emotion") == [NOW_NS - 250_000_000]


def test_a_source_in_ros_time_stamps_its_estimates(graph, transport):
    graph.on_source("topic audio", has_ros_time=True)
    graph.on_estimate(estimate(end_s=77.5, latency_ms=250.0))
    graph.on_speech(speech("he is"))
    assert transport.stamps("emotion") == [77_500_000_000]
    assert transport.stamps("speech") == [3_000_000_000]


def test_all_messages_of_an_estimate_have_its_stamp_and_the_frame_of_its_sound(graph, transport):
    frames = iter(["head_mic", "base_mic"])
    graph.on_source("topic audio", has_ros_time=True, frame_id=lambda: next(frames))
    graph.on_estimate(estimate(start_s=72.25, end_s=77.5))
    graph.on_speech(speech("he is"))
    stamp = {"sec": 77, "nanosec": 500_000_000}
    for name in ("emotion", "emotion/scores", "emotion/window"):
        assert transport.on(name)[0]["header"] == {"stamp": stamp, "frame_id": "head_mic"}
    details = json.loads(transport.on("emotion/details")[0]["data"])
    assert (details["stamp"], details["frame_id"]) == (stamp, "head_mic")
    assert details["start_stamp"] == {"sec": 72, "nanosec": 250_000_000}
    assert transport.on("speech")[0]["header"]["frame_id"] == "base_mic"
    graph.on_source("microphone")
    graph.on_estimate(estimate())
    assert transport.on("emotion")[1]["header"]["frame_id"] == ""


def test_the_start_of_a_window_precedes_its_stamp_by_its_length(graph, transport):
    graph.on_estimate(estimate(start_s=1.0, end_s=3.5, latency_ms=0.0))
    values = transport.on("emotion/window")[0]["status"][0]["values"]
    found = {pair["key"]: pair["value"] for pair in values}
    assert found["end"] == f"{NOW_NS // 10**9}.000000000"
    assert found["start"] == f"{NOW_NS // 10**9 - 3}.500000000"


def test_stamps_move_forward_when_the_clock_is_set_back_a_little(graph, transport):
    graph.on_estimate(estimate(latency_ms=0.0))
    transport.time_ns -= 1_000_000_000
    graph.on_estimate(estimate(latency_ms=0.0))
    assert transport.stamps("emotion") == [NOW_NS, NOW_NS + 1]
    assert transport.stamps("emotion/scores") == [NOW_NS, NOW_NS + 1]


def test_stamps_follow_a_clock_that_is_set_back_far(graph, transport, caplog):
    graph.on_estimate(estimate(latency_ms=0.0))
    transport.time_ns -= 500_000_000_000
    graph.on_estimate(estimate(latency_ms=0.0))
    assert transport.stamps("emotion") == [NOW_NS, NOW_NS - 500_000_000_000]
    assert "the clock was set back by 500.0 s" in caplog.text


def test_a_late_second_estimate_keeps_its_own_time(graph, transport):
    graph.on_estimate(estimate(latency_ms=10.0))
    graph.on_estimate(estimate(latency_ms=900.0, modality="audio+text"))
    assert transport.stamps("emotion/multimodal") == [NOW_NS - 900_000_000]


# Words


@pytest.mark.parametrize("field", ["locale", "language"])
def test_words_have_the_language_field_of_the_installed_hri_msgs(clock, field):
    transport = RecordingTransport(speech_field=field)
    graph = GraphPublisher(transport, "/ser_stream", "de_AT", clock=clock)
    graph.on_source("microphone")
    graph.on_speech(speech("he is"))
    graph.on_speech(speech("he is gone", final=True))
    first, last = transport.on("speech")
    assert list(first) == ["header", "incremental", "final", "confidence", field]
    assert (first["incremental"], first["final"]) == ("he is", "")
    assert first[field] == {"locale": "de_AT", "language": "de-AT"}[field]
    assert (last["incremental"], last["final"]) == ("", "he is gone")


# Speaking


def test_speaking_is_published_on_change(graph, transport, clock):
    states = [NodeState(StreamStatus(speaking=s)) for s in (False, False, True, True, False)]
    run(graph, clock, *states)
    assert transport.speaking == [False, True, False]


def test_the_end_of_a_stream_ends_speech(graph, transport, clock):
    run(graph, clock, NodeState(StreamStatus(speaking=True)))
    graph.on_end()
    graph.on_end()
    assert transport.speaking == [True, False]


def test_an_inactive_node_does_not_repeat_the_last_status(graph, transport, clock):
    run(graph, clock, NodeState(StreamStatus(speaking=True)))
    graph.on_end()
    run(graph, clock, NodeState(StreamStatus(speaking=True), active=False))
    assert transport.speaking == [True, False]


def test_nothing_is_published_after_the_transport_was_shut_down(graph, transport, clock):
    transport.is_open = False
    transport.messages.clear()
    graph.on_estimate(estimate())
    graph.on_speech(speech("he"))
    run(graph, clock, NodeState(StreamStatus(speaking=True)))
    graph.on_end()
    assert transport.messages == {}


# Listening


def test_listening_lasts_from_the_beginning_of_a_stream_to_its_end(transport, clock):
    graph = GraphPublisher(transport, "/ser_stream", clock=clock)
    graph.on_end()
    assert transport.listening == [False]
    graph.on_source("microphone")
    run(graph, clock, NodeState(StreamStatus(speaking=True)), NodeState(StreamStatus(muted=True)))
    assert transport.listening == [False, True]  # muted: the robot speaks
    graph.on_end()
    graph.on_end()
    assert transport.listening == [False, True, False]


def test_listening_ends_when_recognition_is_disabled(graph, transport):
    for enabled in (True, False, False, True):
        graph.enable(enabled)
    assert transport.listening == [True, False, True]
    graph.on_end()
    graph.enable(False)
    graph.on_source("microphone")
    assert transport.listening == [True, False, True, False]


def test_nothing_is_published_about_speech_while_listening_is_false(graph, transport):
    graph.enable(False)
    graph.on_estimate(estimate(trigger="utterance"))
    graph.on_speech(speech("he is gone", final=True))
    graph.enable(True)
    graph.on_end()
    graph.on_estimate(estimate())
    assert set(transport.messages) == {"listening", "is_speaking"}


def test_nobody_speaks_in_a_stream_that_has_ended(graph, transport, clock):
    run(graph, clock, NodeState(StreamStatus(speaking=True)))
    graph.on_end()
    run(graph, clock, NodeState(StreamStatus(speaking=True), ended=True))
    assert transport.speaking == [True, False]


# Voices of ROS4HRI


def test_a_voice_is_tracked_and_has_topics_of_its_own(transport, clock):
    graph = GraphPublisher(transport, "/ser_stream", voice_id="anna", clock=clock)
    graph.on_source("microphone")
    graph.on_estimate(estimate())
    graph.on_speech(speech("he is"))
    run(graph, clock, NodeState(StreamStatus(speaking=True)))
    assert transport.on("/humans/voices/tracked")[0]["ids"] == ["anna"]
    for name, ours in (
        ("expression", "emotion"),
        ("is_speaking", "is_speaking"),
        ("speech", "speech"),
    ):
        assert transport.on(f"/humans/voices/anna/{name}") == transport.on(ours) != []
    topics = published_topics("anna", asr=True, text_model=True)
    assert set(transport.messages) <= {topic.name for topic in topics}


def test_after_the_end_of_a_stream_no_voice_is_tracked(transport, clock):
    graph = GraphPublisher(transport, "/ser_stream", voice_id="anna", clock=clock)
    graph.on_end()  # before the first stream
    for _ in range(2):
        graph.on_source("microphone")
        graph.on_end()
        graph.on_end()
    tracked = [message["ids"] for message in transport.on("/humans/voices/tracked")]
    assert tracked == [["anna"], [], ["anna"], []]


def test_without_a_voice_id_no_voice_is_published(graph, transport):
    graph.on_estimate(estimate())
    assert not [name for name in transport.messages if name.startswith("/humans")]


def test_a_voice_id_that_is_no_name_is_refused(transport):
    with pytest.raises(InputError, match="voice_id: found 'anna/b'; accepted are letters"):
        published_topics("anna/b")
    with pytest.raises(InputError, match="no digit first"):
        GraphPublisher(transport, "/ser_stream", voice_id="1st")


# Diagnostics


def test_diagnostics_are_published_once_a_second(graph, transport, clock):
    graph.on_source("microphone: USB")
    states = [NodeState(StreamStatus(1.0 + i / 10), model="tiny") for i in range(31)]
    run(graph, clock, *states)
    assert [report[:2] for report in transport.diagnostics()] == [(OK, "listening")] * 4
    (status,) = transport.on("/diagnostics")[-1]["status"]
    assert status["name"] == "robot1/ser_stream: speech emotion"
    assert status["hardware_id"] == "microphone: USB"
    assert transport.diagnostics()[-1][2]["model"] == "tiny"
    assert transport.diagnostics()[-1][2]["audio position (s)"] == "4.0"
    assert transport.stamps("/diagnostics") == [NOW_NS] * 4


def test_a_process_that_was_stopped_does_not_catch_up_on_diagnostics(graph, transport, clock):
    run(graph, clock, NodeState(), period_s=60.0)
    run(graph, clock, *[NodeState()] * 5)
    assert len(transport.diagnostics()) == 2


def test_a_node_that_does_not_run_is_stale(graph, transport, clock):
    inactive = NodeState(StreamStatus(5.0), active=False)
    run(graph, clock, NodeState(), inactive, NodeState(StreamStatus(5.0)), period_s=1.0)
    assert [report[:2] for report in transport.diagnostics()] == [
        (STALE, "not configured"),
        (STALE, "not active"),
        (OK, "listening"),
    ]


def test_a_recording_that_has_ended_is_no_error(graph, transport, clock):
    graph.on_end()
    run(graph, clock, *[NodeState(StreamStatus(5.0), ended=True)] * 9, period_s=1.0)
    reports = transport.diagnostics()
    assert {report[:2] for report in reports} == {(OK, "the recording has ended")}
    assert reports[-1][2]["audio position (s)"] == "5.0"


def test_diagnostics_quote_what_is_wrong_with_the_source(graph, transport, clock):
    states = [
        NodeState(StreamStatus(1.0, source="microphone: unplugged")),
        NodeState(StreamStatus(1.0), problem="speech.wav: not audio"),
        NodeState(StreamStatus(2.0, skipped=1)),
    ]
    run(graph, clock, *states, period_s=1.0)
    reports = transport.diagnostics()
    assert reports[0][:2] == (ERROR, "microphone: unplugged")
    assert reports[1][:2] == (ERROR, "speech.wav: not audio")
    assert reports[2][0] == WARN


def test_diagnostics_have_the_latency_and_the_last_result(graph, transport, clock):
    graph.on_estimate(estimate(latency_ms=20.0))
    run(graph, clock, NodeState(StreamStatus(1.0)))
    values = transport.diagnostics()[0][2]
    assert values["latency p50 (ms)"] == "20.0"
    assert re.fullmatch(r"interval, \d+ s ago", values["last estimate"])


def test_speech_recognition_has_diagnostics_of_its_own(graph, transport, clock):
    states = [
        NodeState(StreamStatus(1.0)),
        NodeState(StreamStatus(2.0, asr=AsrStatus("ready"))),
        NodeState(StreamStatus(3.0), asr_problem="asr grammar none.txt: no such file"),
        NodeState(StreamStatus(4.0, asr=AsrStatus("ready"), text_error="no memory")),
    ]
    run(graph, clock, *states, period_s=1.0)
    assert [report[:2] for report in transport.diagnostics("speech recognition")] == [
        (OK, "ready"),
        (ERROR, "asr grammar none.txt: no such file"),
        (ERROR, "text model: no memory"),
    ]


# Problems and recovery, in the log


def problem(seconds, n=1):
    text = f"topic audio: no message for {seconds} s; is its publisher alive?"
    return [NodeState(StreamStatus(1.0, source=text))] * n


def well(n):
    return [NodeState(StreamStatus(1.0))] * n


def test_a_problem_is_logged_once_and_its_end_after_three_seconds(graph, clock, caplog):
    caplog.set_level(logging.INFO)
    run(graph, clock, *problem(3), *problem(4), *problem(5), *well(round(RECOVERY_S * 10)))
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    run(graph, clock, *well(3))
    assert [record.getMessage() for record in caplog.records[1:]] == ["microphone: sound is back"]


def test_intermittent_errors_are_no_recovery(graph, clock, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(10):
        run(graph, clock, *problem(3), *well(25))
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_problem_of_another_kind_is_logged_too(graph, clock, caplog):
    other = NodeState(StreamStatus(1.0), problem="/audio is published as std_msgs/msg/String")
    run(graph, clock, *problem(3), other)
    assert len(caplog.records) == 2


# Inference that hangs


def test_inference_that_hangs_is_reported_once_and_in_diagnostics(transport, clock):
    calls = []
    graph = GraphPublisher(transport, "/n", on_inference_timeout=calls.append, clock=clock)
    graph.on_source("microphone")
    states = [NodeState(StreamStatus(1.0 + s, scoring_s=s)) for s in (0.0, 9.0, 11.0, 12.0)]
    run(graph, clock, *states, period_s=1.0)
    assert INFERENCE_TIMEOUT_S == 10.0
    assert calls == ["inference hangs: no result for 11 s"]
    assert [report[0] for report in transport.diagnostics()] == [OK, OK, ERROR, ERROR]
    assert transport.diagnostics()[-1][1] == "inference hangs: no result for 12 s"
    assert transport.listening == [True, False]  # before the process is ended


def test_messages_fit_their_types(transport, clock):
    graph = GraphPublisher(transport, "/n", "en", "anna", clock=clock)
    graph.on_source("microphone")
    graph.on_estimate(estimate())
    graph.on_estimate(estimate(trigger="utterance"))
    graph.on_speech(speech("he is"))
    run(graph, clock, NodeState(StreamStatus(asr=AsrStatus("ready"))))
    types = {t.name: t.type for t in published_topics("anna", asr=True, text_model=True)}
    for name, messages in transport.messages.items():
        for message in messages:
            assert list(message) == list(MESSAGE_TYPES[types[name]])
    json.dumps(transport.messages)  # plain values only


def test_neither_rclpy_nor_cyclonedds_is_imported():
    code = "import sys, ser_stream.ros.graph\n"
    code += "assert not {'rclpy', 'cyclonedds', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
