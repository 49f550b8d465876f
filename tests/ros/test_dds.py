"""ROS 2 without ROS: real DDS, between real processes, on loopback.

The test subscribes as a ROS node would. The publisher is `ser-stream listen --dds` or, where
recognition does not matter, a few lines that use `DdsPublisher`, in a process of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

from paths import ROOT

# pip finds no wheel on Linux on ARM: see setup.py.
pytest.importorskip("cyclonedds")
from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsParticipant,
    BuiltinTopicDcpsPublication,
)
from cyclonedds.core import Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from ser_stream.cli import main
from ser_stream.ros.dds import MessageClasses
from ser_stream.ros.messages import MESSAGE_TYPES
from shared_fixtures import deciding

pytestmark = pytest.mark.dds

LOOPBACK = (
    "<CycloneDDS><Domain><General><AllowMulticast>false</AllowMulticast><Interfaces>"
    '<NetworkInterface address="127.0.0.1"/></Interfaces></General><Discovery>'
    '<ParticipantIndex>auto</ParticipantIndex><Peers><Peer Address="127.0.0.1"/></Peers>'
    "</Discovery></Domain></CycloneDDS>"
)
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
EXPRESSION, STRING, BOOL = "hri_msgs/msg/Expression", "std_msgs/msg/String", "std_msgs/msg/Bool"
DISCOVERY_INFO = "ros_discovery_info"
INFO = "rmw_dds_common/msg/ParticipantEntitiesInfo"
LATCHED = ("is_speaking", "listening", DISCOVERY_INFO)
HRI_NAMES = {"fear": "scared", "disgust": "disgusted", "surprise": "surprised"}


class Subscriber:
    """Subscribes to topics, given as DDS name -> ROS type, and keeps the messages."""

    def __init__(self, participant, topics, definitions=MESSAGE_TYPES):
        classes = MessageClasses(definitions)
        self.received = {name: [] for name in topics}
        self.readers = {
            name: DataReader(
                participant,
                Topic(participant, name, classes[kind]),
                Qos(
                    Policy.Reliability.Reliable(duration(seconds=1)),
                    Policy.Durability.TransientLocal
                    if name.endswith(LATCHED)
                    else Policy.Durability.Volatile,
                    Policy.History.KeepLast(100),
                ),
            )
            for name, kind in topics.items()
        }

    def poll(self):
        """Return all messages so far, by DDS name."""
        for name, reader in self.readers.items():
            self.received[name] += [m for m in reader.take(N=100) if m.sample_info.valid_data]
        return self.received

    def wait_for(self, fulfilled, what, timeout_s=15.0):
        """Receive messages until `fulfilled(received)`."""
        wait_until(lambda: fulfilled(self.poll()), what, timeout_s)

    def has_publisher(self, name):
        """Whether the topic has a publisher."""
        return bool(self.readers[name].get_matched_publications())


def wait_until(fulfilled, what, timeout_s=15.0):
    deadline = time.monotonic() + timeout_s
    while not fulfilled():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def domain():
    """A domain that nobody on this machine uses, with ports outside of Linux's ephemeral ones."""
    for number in random.sample(range(1, 102), 101):
        with contextlib.ExitStack() as sockets, contextlib.suppress(OSError):
            for index in range(3):  # the ports of the first participants
                port = 7400 + 250 * number + 10 + 2 * index
                sockets.enter_context(socket.socket(type=socket.SOCK_DGRAM)).bind(("", port))
            return number
    raise AssertionError("every domain is in use")


@pytest.fixture(scope="module")
def participant(domain):
    configured = Domain(domain, LOOPBACK)  # ends with its last reference
    yield DomainParticipant(domain)
    del configured


@pytest.fixture(scope="module")
def environment(domain):
    """Environment of the programs under test: ROS 2's variables keep them on this machine."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ROS_", "CYCLONEDDS"))}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }


@contextlib.contextmanager
def running(*arguments, env):
    """Run Python with these arguments; killed if it has not ended when the test is done."""
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


LISTEN = ("-m", "ser_stream.cli", "listen", "--dds", "--realtime", "--json")


def topics_of(robot):
    return {
        f"rt/{robot}/emotion": EXPRESSION,
        f"rt/{robot}/emotion/utterance": EXPRESSION,
        f"rt/{robot}/emotion/scores": "vision_msgs/msg/Classification",
        f"rt/{robot}/emotion/window": DIAGNOSTICS,
        f"rt/{robot}/emotion/details": STRING,
        f"rt/{robot}/is_speaking": BOOL,
        f"rt/{robot}/listening": BOOL,
    }


def topics_of_words(robot):
    return {
        f"rt/{robot}/emotion/multimodal": EXPRESSION,
        f"rt/{robot}/speech": "hri_msgs/msg/LiveSpeech",
    }


@pytest.fixture(scope="module")
def two_robots(participant, environment, speech_path, tiny_model):
    """Two robots in one domain that recognise the same recording; the second always abstains.

    Returns the messages by DDS name, the lines that each process printed, and the endpoints and
    participants by key.
    """
    endpoints, nodes = {}, {}
    publications = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)
    participants = BuiltinDataReader(participant, BuiltinTopicDcpsParticipant)
    subscriber = Subscriber(
        participant,
        topics_of("robot1")
        | topics_of("robot2")
        | {"rt/diagnostics": DIAGNOSTICS, DISCOVERY_INFO: INFO},
    )
    command = [*LISTEN, "--model", tiny_model, "--input", speech_path, "--namespace"]
    with (
        running(*command, "robot1", env=environment) as first,
        running(*command, "robot2", "--min-confidence", "1", env=environment) as second,
    ):
        while first.poll() is None or second.poll() is None:
            subscriber.poll()
            for found, reader in ((endpoints, publications), (nodes, participants)):
                found.update(
                    {e.key.bytes: e for e in reader.take(N=100) if e.sample_info.valid_data}
                )
            time.sleep(0.02)
        printed = []
        for process in (first, second):
            out, err = process.communicate()
            assert process.returncode == 0, err
            printed.append(out.splitlines())
    return subscriber.poll(), printed, endpoints, nodes


def test_the_details_are_the_printed_lines_and_more(two_robots):
    received, printed, *_ = two_robots
    assert len(printed[0]) >= 4
    for robot, lines in zip(("robot1", "robot2"), printed, strict=True):
        details = [json.loads(message.data) for message in received[f"rt/{robot}/emotion/details"]]
        objects = map(json.loads, lines)
        assert [found | line for found, line in zip(details, objects, strict=True)] == details


def test_each_estimate_has_a_window_with_the_stamp_of_its_details(two_robots):
    received, *_ = two_robots
    details = [json.loads(message.data) for message in received["rt/robot1/emotion/details"]]
    windows = received["rt/robot1/emotion/window"]
    for message, found in zip(windows, details, strict=True):
        stamp = {"sec": message.header.stamp.sec, "nanosec": message.header.stamp.nanosec}
        assert stamp == found["stamp"]
        about, scores = ({v.key: v.value for v in status.values} for status in message.status)
        assert message.status[0].name == "robot1/ser_stream: window"
        length_s = float(about["end"]) - float(about["start"])
        assert length_s == pytest.approx(found["end_s"] - found["start_s"], abs=1e-3)
        assert {name: float(score) for name, score in scores.items()} == found["hri_scores"]


def test_listening_lasts_as_long_as_the_recording(two_robots):
    received, *_ = two_robots
    assert [message.data for message in received["rt/robot1/listening"]] == [False, True, False]


def estimates_of(lines, trigger):
    return [e for e in map(json.loads, lines) if e["trigger"] == trigger]


@pytest.mark.parametrize(
    ("topic", "trigger"), [("emotion", "interval"), ("emotion/utterance", "utterance")]
)
def test_expressions_are_those_of_the_printed_estimates(two_robots, topic, trigger):
    received, printed, *_ = two_robots
    expected = estimates_of(printed[0], trigger)
    messages = received[f"rt/robot1/{topic}"]
    assert len(messages) == len(expected) >= 1
    for message, estimate in zip(messages, expected, strict=True):
        name = estimate["expression"]
        assert message.expression == HRI_NAMES.get(name, name)
        assert message.confidence == pytest.approx(estimate["confidence"], abs=1e-4)
        assert message.valence == pytest.approx(estimate["valence"], abs=1e-3)
        assert message.arousal == pytest.approx(estimate["arousal"], abs=1e-3)


def test_scores_are_those_of_the_printed_estimates(two_robots):
    received, printed, *_ = two_robots
    for robot, lines in zip(("robot1", "robot2"), printed, strict=True):
        messages = received[f"rt/{robot}/emotion/scores"]
        for message, estimate in zip(messages, estimates_of(lines, "interval"), strict=True):
            expected = {HRI_NAMES.get(k, k): v for k, v in estimate["scores"].items()}
            found = {result.class_id: result.score for result in message.results}
            assert found == pytest.approx(expected, abs=1e-4)


def test_a_robot_that_abstains_publishes_no_expression(two_robots):
    received, *_ = two_robots
    assert received["rt/robot1/emotion"]
    assert received["rt/robot2/emotion"] == received["rt/robot2/emotion/utterance"] == []
    assert received["rt/robot2/emotion/scores"]


def test_stamps_are_the_capture_of_the_last_sample(two_robots):
    received, printed, *_ = two_robots
    estimates = estimates_of(printed[0], "interval")
    stamps_s = []
    for message, estimate in zip(received["rt/robot1/emotion"], estimates, strict=True):
        stamp = message.header.stamp
        stamps_s.append(stamp.sec + stamp.nanosec * 1e-9)
        published_s = message.sample_info.source_timestamp * 1e-9
        # An estimate is published soon, even on a busy machine.
        assert -1e-5 <= published_s - stamps_s[-1] - estimate["latency_ms"] * 1e-3 <= 0.5
    # The recording was played in real time: stamps are as far apart as the windows are.
    for earlier, later in itertools.pairwise(range(len(stamps_s))):
        apart_s = estimates[later]["end_s"] - estimates[earlier]["end_s"]
        assert stamps_s[later] - stamps_s[earlier] == pytest.approx(apart_s, abs=0.1)


def test_speech_begins_and_ends(two_robots):
    received, *_ = two_robots
    said = [message.data for message in received["rt/robot1/is_speaking"]]
    assert said[:2] == [False, True]
    assert said[-1] is False
    assert all(earlier != later for earlier, later in itertools.pairwise(said))


def test_diagnostics_are_published_every_second_and_name_the_robot(two_robots, speech_path):
    received, printed, *_ = two_robots
    messages = [
        m
        for m in received["rt/diagnostics"]
        if m.status[0].name == "robot1/ser_stream: speech emotion"
    ]
    times_s = [m.sample_info.source_timestamp * 1e-9 for m in messages]
    assert len(messages) >= 3
    assert times_s[2] - times_s[1] == pytest.approx(1.0, abs=0.3)
    status = messages[-1].status[0]
    values = {pair.key: pair.value for pair in status.values}
    assert (status.level, status.message) == (0, "listening")
    assert status.hardware_id == str(speech_path)
    assert values["model"] == "tiny"
    assert float(values["audio position (s)"]) > 2
    assert 0 < int(values["windows"]) <= len(printed[0])
    assert 0 < float(values["latency p50 (ms)"]) <= float(values["latency p99 (ms)"])


def test_the_publisher_is_a_node_of_the_graph(two_robots):
    received, _, endpoints, participants = two_robots
    nodes = {
        info.node_entities_info_seq[0].node_namespace: info for info in received[DISCOVERY_INFO]
    }
    assert set(nodes) == {"/robot1", "/robot2"}
    info = nodes["/robot1"]
    (node,) = info.node_entities_info_seq
    assert node.node_name == "ser_stream"
    assert participants[bytes(info.gid.data)].qos[Policy.Userdata].data == b"enclave=/;"
    writers = [endpoints[bytes(gid.data)] for gid in node.writer_gid_seq]
    assert {writer.topic_name for writer in writers} == {*topics_of("robot1"), "rt/diagnostics"}
    assert {writer.type_name for writer in writers} == {
        "hri_msgs::msg::dds_::Expression_",
        "vision_msgs::msg::dds_::Classification_",
        "std_msgs::msg::dds_::String_",
        "std_msgs::msg::dds_::Bool_",
        "diagnostic_msgs::msg::dds_::DiagnosticArray_",
    }
    for writer in writers:
        assert writer.participant_key.bytes == bytes(info.gid.data)
        assert re.fullmatch(rb"typehash=RIHS01_[0-9a-f]{64};", writer.qos[Policy.Userdata].data)
        assert isinstance(writer.qos[Policy.Reliability], Policy.Reliability.Reliable)


@pytest.fixture(scope="module")
def robot_with_words(
    participant, environment, two_turns_and_silence_path, tiny_model, tiny_can, grammar
):
    """Messages by DDS name, and printed estimates, of a robot that recognises words."""
    topics = topics_of("robot6") | topics_of_words("robot6") | {"rt/diagnostics": DIAGNOSTICS}
    subscriber = Subscriber(participant, topics)
    words = ("--asr", "pocketsphinx", "--grammar", grammar, "--text-model", tiny_can)
    words += ("--model", tiny_model, "--input", two_turns_and_silence_path)
    with running(*LISTEN, *words, "--namespace", "robot6", env=environment) as process:
        while process.poll() is None:
            subscriber.poll()
            time.sleep(0.02)
        out, err = process.communicate()
        assert process.returncode == 0, err
    return subscriber.poll(), list(map(json.loads, out.splitlines()))


def test_words_are_published_during_and_after_a_turn(robot_with_words):
    received, _ = robot_with_words
    messages = received["rt/robot6/speech"]
    assert "i sit here and nobody calls" in [
        m.final for m in messages
    ]  # recognition was loaded in time
    for message in messages:
        assert (message.incremental == "") != (message.final == "")
        assert 0 < message.confidence <= 1
        assert message.locale == "en_US"


def test_audio_text_estimates_of_windows_are_multimodal(robot_with_words):
    received, printed = robot_with_words
    second = [e for e in printed if e["modality"] == "audio+text" and e not in deciding(printed)]
    messages = received["rt/robot6/emotion/multimodal"]
    assert len(messages) == len(second) >= 1
    for message, estimate in zip(messages, second, strict=True):
        name = estimate["expression"]
        assert message.expression == HRI_NAMES.get(name, name)
        assert message.confidence == pytest.approx(estimate["confidence"], abs=1e-4)
    details = [json.loads(message.data) for message in received["rt/robot6/emotion/details"]]
    assert [found | line for found, line in zip(details, printed, strict=True)] == details


def test_a_turn_has_one_utterance_which_includes_the_text(robot_with_words):
    received, printed = robot_with_words
    found = [message.confidence for message in received["rt/robot6/emotion/utterance"]]
    assert found == pytest.approx([e["confidence"] for e in deciding(printed)], abs=1e-4)
    assert len(found) == 2


def test_diagnostics_report_on_speech_recognition(robot_with_words):
    received, _ = robot_with_words
    names = ("robot6/ser_stream: speech emotion", "robot6/ser_stream: speech recognition")
    reports = [m for m in received["rt/diagnostics"] if m.status[0].name == names[0]]
    assert [status.name for status in reports[-1].status] == list(names)
    values = {pair.key: pair.value for pair in reports[-1].status[1].values}
    assert values["restarts"] == "0"
    assert float(values["real-time factor"]) > 0


PUBLISH = """
import sys
from ser_stream.emotion import EmotionEstimate
from ser_stream.ros.dds import DdsPublisher
from ser_stream.stream.status import StreamStatus

def estimate(expression, trigger="interval"):
    return EmotionEstimate(
        1, 0.0, 1.0, trigger, "audio", expression, 0.9, 0.0, 0.0, {expression: 0.9, "happy": 0.1},
        1.0, -20.0, False, "model", 5.0,
    )

with DdsPublisher(namespace="robot3") as publisher:
    publisher.on_source("microphone")
    for line in sys.stdin:
        exec(line)
        print("done", flush=True)
"""


@contextlib.contextmanager
def publisher(env):
    """A process that executes the lines it is sent, with a `publisher` of robot3."""
    with running("-c", PUBLISH, env=env) as process:

        def tell(line):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n", process.stderr.read()

        tell("pass")
        yield tell
        tell("publisher.close(); publisher.close()")
        process.stdin.close()
        assert process.wait(timeout=10) == 0, process.stderr.read()


HANGING = """
import sys
from faulty import HangingNetwork
from ser_stream import cli
from ser_stream.engines.choose import open_network
from ser_stream.stream import opening, watchdog

def open_hanging(*arguments):
    network, info = open_network(*arguments)
    return HangingNetwork(network, after=4), info

opening.open_network, watchdog.INFERENCE_TIMEOUT_S = open_hanging, 3.0
sys.exit(cli.main(sys.argv[1:]))
"""


def test_inference_that_hangs_is_published_before_the_program_ends(
    participant, environment, speech_path
):
    diagnostics, listening = "rt/diagnostics", "rt/robot7/listening"
    subscriber = Subscriber(participant, {diagnostics: DIAGNOSTICS, listening: BOOL})
    environment = environment | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    }
    options = ("--model", "tiny", "--json", "--dds", "--namespace", "robot7", "--realtime")
    arguments = ("-c", HANGING, "listen", "--input", speech_path, *options)
    with running(*arguments, env=environment) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "error: inference hangs: no result for 3 s: the process ends with exit code 1" in err
    assert err.count("this process ends") == 1

    def statuses():
        found = [status for m in subscriber.poll()[diagnostics] for status in m.status]
        return [s for s in found if s.name == "robot7/ser_stream: speech emotion"]

    wait_until(lambda: any("inference hangs" in s.message for s in statuses()), "an error")
    (error,) = [s for s in statuses() if "inference hangs" in s.message]
    assert error.level in (2, b"\x02")
    assert [m.data for m in subscriber.received[listening]][-1] is False


def test_late_subscribers_receive_the_flags_and_the_name_of_the_node(participant, environment):
    is_speaking, emotion = "rt/robot3/is_speaking", "rt/robot3/emotion"
    listening = "rt/robot3/listening"
    with publisher(environment) as tell:
        tell("publisher.on_status(StreamStatus(speaking=True))")
        tell("publisher.on_estimate(estimate('sad'))")
        late_ns = time.time_ns()
        subscriber = Subscriber(
            participant,
            {is_speaking: BOOL, listening: BOOL, emotion: EXPRESSION, DISCOVERY_INFO: INFO},
        )
        latched = (is_speaking, listening, DISCOVERY_INFO)
        subscriber.wait_for(lambda received: all(received[name] for name in latched), "latched")
        assert [m.data for m in subscriber.received[listening]] == [True]
        (message,) = subscriber.received[is_speaking]
        assert message.data is True
        assert message.sample_info.source_timestamp < late_ns
        wait_until(lambda: subscriber.has_publisher(emotion), "the publisher of emotion is found")
        tell("publisher.on_estimate(estimate('fear'))")
        subscriber.wait_for(lambda received: received[emotion], "an emotion")
        assert [m.expression for m in subscriber.received[emotion]] == [
            "scared"
        ]  # emotions are not latched
    subscriber.wait_for(
        lambda received: len(received[is_speaking]) == len(received[listening]) == 2,
        "speech ends with the program",
    )
    assert subscriber.received[listening][1].data is False
    assert subscriber.received[is_speaking][1].data is False
    wait_until(lambda: not subscriber.has_publisher(emotion), "the node leaves the graph")


def test_publishers_in_one_process_are_independent(participant, environment):
    emotion = "rt/robot4/emotion"
    subscriber = Subscriber(participant, {emotion: EXPRESSION})
    with publisher(environment) as tell:
        tell("second = DdsPublisher(namespace='robot4'); second.on_source('microphone')")
        tell("third = DdsPublisher(namespace='robot5'); third.close()")
        wait_until(lambda: subscriber.has_publisher(emotion), "the second publisher is found")
        tell("second.on_estimate(estimate('happy')); second.close()")
        subscriber.wait_for(lambda received: received[emotion], "an emotion")


def test_stamps_go_on_after_2038(participant, environment):
    """All kinds of messages, diagnostics too, as if the clock had passed 2038 while it runs."""
    emotion, diagnostics = "rt/robot3/emotion", "rt/diagnostics"
    subscriber = Subscriber(participant, {emotion: EXPRESSION, diagnostics: DIAGNOSTICS})
    with publisher(environment) as tell:
        wait_until(lambda: subscriber.has_publisher(emotion), "the publisher is found")
        wait_until(lambda: subscriber.has_publisher(diagnostics), "the publisher is found")
        tell("publisher._transport.now_ns = lambda: 2**31 * 10**9 + 250_000_000")
        tell("publisher.on_estimate(estimate('sad'))")  # 5 ms after it was captured
        tell("publisher.on_status(StreamStatus())")
        subscriber.wait_for(lambda found: found[emotion] and found[diagnostics], "both")
    stamp = subscriber.received[emotion][0].header.stamp
    assert (stamp.sec, stamp.nanosec) == (-(2**31), 245_000_000)
    assert subscriber.received[diagnostics][0].header.stamp.sec == -(2**31)


def test_gids_have_24_bytes_for_humble(participant, environment, domain):
    # A participant of its own: one participant knows a topic by one type only.
    own = DomainParticipant(domain)
    humble = MESSAGE_TYPES | {"rmw_dds_common/msg/Gid": {"data": "uint8[24]"}}
    with publisher(environment | {"ROS_DISTRO": "humble"}):
        subscriber = Subscriber(own, {DISCOVERY_INFO: INFO}, humble)
        subscriber.wait_for(lambda received: received[DISCOVERY_INFO], "the node's name")
        (info,) = subscriber.received[DISCOVERY_INFO]
        gids = [info.gid, *info.node_entities_info_seq[0].writer_gid_seq]
        assert len(gids) == 9
        assert all(bytes(gid.data)[16:] == bytes(8) != bytes(gid.data)[8:16] for gid in gids)


def test_the_users_cyclonedds_uri_is_used(participant, environment):
    uri = {"CYCLONEDDS_URI": LOOPBACK, "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}
    subscriber = Subscriber(participant, {"rt/robot3/is_speaking": BOOL})
    with publisher(environment | uri):
        subscriber.wait_for(lambda received: received["rt/robot3/is_speaking"], "the publisher")


PEER = '<Discovery><Peers><Peer Address="no host"/></Peers></Discovery>'


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        (["--domain", "233"], {}, "domain: found 233; accepted are 0 to 232"),
        (["--domain", "-1"], {}, "domain: found -1; accepted are 0 to 232"),
        ([], {"ROS_DOMAIN_ID": "abc"}, "ROS_DOMAIN_ID: found abc; accepted are 0 to 232"),
        ([], {"ROS_DOMAIN_ID": "300"}, "ROS_DOMAIN_ID: found 300"),
        (["--namespace", "robot-1"], {}, "namespace: found 'robot-1'; accepted are letters"),
        (["--namespace", "1st"], {}, "no digit first"),
        (["--namespace", "a" * 300], {}, "(300 characters); accepted are up to"),
        ([], {"ROS_STATIC_PEERS": "127.0.0.1;robot.invalid"}, "found 'robot.invalid' ("),
        ([], {"CYCLONEDDS_URI": PEER}, "CYCLONEDDS_URI: Peer: found 'no host' ("),
        ([], {"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, "with OFF nobody could receive anything"),
        ([], {"ROS_AUTOMATIC_DISCOVERY_RANGE": "far"}, "found 'far'; accepted are SUBNET"),
        ([], {"CYCLONEDDS_URI": "<nonsense>"}, "cannot start"),
        ([], {"ROS_SECURITY_ENABLE": "true"}, "found true, but --dds can only publish"),
    ],
)
def test_unusable_options_and_variables_give_one_line_and_exit_code_2(
    monkeypatch, capfd, speech_path, options, variables, message
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["listen", "--input", str(speech_path), "--dds", *options]) == 2
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "error: " in line]
    assert message in line


@pytest.mark.parametrize("option", [["--domain", "3"], ["--namespace", "robot1"]])
def test_options_of_dds_need_dds(capsys, speech_path, option):
    assert main(["listen", "--input", str(speech_path), *option]) == 2
    assert f"{option[0]}: goes with --dds" in capsys.readouterr().err


def test_a_missing_cyclone_dds_gives_the_command_that_installs_it(environment, speech_path):
    code = "import sys; sys.modules['cyclonedds'] = None\n"
    code += "from ser_stream.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ("listen", "--dds", "--input", speech_path)
    with running("-c", code, *arguments, env=environment) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert "pip install 'ser_stream[dds]'" in err
    assert "Traceback" not in err


def test_the_dialogue_manager_comforts_a_sad_person(environment):
    example = ("-m", "ser_stream.examples.dialogue_manager_dds")
    env = environment | {"CYCLONEDDS_URI": LOOPBACK}
    with publisher(environment) as tell, running(*example, "robot3", env=env) as manager:
        assert manager.stdout.readline().startswith("listening")

        def answered():  # repeated, because nothing tells when the two have discovered each other
            tell("publisher.on_estimate(estimate('neutral'))")
            return select.select([manager.stdout], [], [], 0.1)[0]

        wait_until(answered, "an answer")
        assert "neutral 0.90     -> continue:" in manager.stdout.readline()
        tell("publisher.on_estimate(estimate('sad', 'utterance'))")
        line = next(line for line in manager.stdout if "neutral 0.90" not in line)
        assert line.startswith("turn   sad 0.90         -> comfort: ")
        manager.send_signal(signal.SIGINT)
        assert manager.wait(timeout=5) == 0, manager.stderr.read()
