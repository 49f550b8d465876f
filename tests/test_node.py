"""The node in a real graph: a process of its own, seen through rclpy.

Run by `make test` where ROS 2 is installed, with whatever middleware RMW_IMPLEMENTATION names.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.ros

ROOT = Path(__file__).parents[1]
DOMAIN = str(40 + os.getpid() % 60)  # parallel runs must not hear each other
ENVIRONMENT = {
    "ROS_DOMAIN_ID": DOMAIN,
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
}
PATIENCE_S = 30.0


class Observer:
    """A node of the test's own, which remembers all that it hears."""

    def __init__(self):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node

        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=int(DOMAIN))
        self.node = Node("observer", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.heard = {}

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def listen(self, topic, message_type, latched=False):
        from rclpy.qos import DurabilityPolicy, QoSProfile

        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        heard = self.heard[topic] = []
        qos = QoSProfile(depth=100, durability=durability)
        self.node.create_subscription(message_type, topic, heard.append, qos)
        return heard

    def wait(self, condition, patience_s=PATIENCE_S):
        """Spin until the condition is true."""
        deadline = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < deadline, f"never happened; heard {self.summary()}"
            self._executor.spin_once(timeout_sec=0.1)

    def spin(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.05)

    def call(self, service_type, name, request):
        client = self.node.create_client(service_type, name)
        self.wait(client.service_is_ready)
        future = client.call_async(request)
        self.wait(future.done)
        self.node.destroy_client(client)
        return future.result()

    def summary(self):
        return {topic: len(messages) for topic, messages in self.heard.items()}


@pytest.fixture
def observer(monkeypatch):
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    observer = Observer()
    yield observer
    observer.close()


@contextlib.contextmanager
def node(tmp_path, *remaps, **parameters):
    """The node's process; its log is in tmp_path/log."""
    arguments = [f"{name}:={json.dumps(value)}" for name, value in parameters.items()]
    command = [sys.executable, "-m", "ser_stream.ros.node", "--ros-args"]
    for argument in arguments:
        command += ["-p", argument]
    for remap in remaps:
        command += ["-r", remap]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=20)


def types():
    from diagnostic_msgs.msg import DiagnosticArray
    from hri_msgs.msg import Expression
    from std_msgs.msg import Bool, String
    from vision_msgs.msg import Classification

    return Expression, Classification, String, Bool, DiagnosticArray


def stamp_s(message):
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def diagnosis(messages):
    """Level (int) and message of the last report on speech emotion."""
    for array in reversed(messages):
        for status in array.status:
            if "speech emotion" in status.name:
                return status.level[0], status.message
    return None


class AudioPublisher:
    """Publishes a recording on `audio`, block by block, in real time."""

    def __init__(self, observer, samples, best_effort, topic="audio"):
        from audio_common_msgs.msg import AudioDataStamped
        from rclpy.qos import QoSProfile, ReliabilityPolicy

        kind = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        qos = QoSProfile(depth=50, reliability=kind)
        self._observer = observer
        self._message = AudioDataStamped
        self._publisher = observer.node.create_publisher(AudioDataStamped, topic, qos)
        self._samples = (samples * 32767).astype("<i2")

    def play(self, block=512, until=None):
        self._observer.wait(lambda: self._publisher.get_subscription_count() > 0)
        started = time.monotonic()
        clock = self._observer.node.get_clock()
        for start in range(0, len(self._samples), block):
            end_s = min(start + block, len(self._samples)) / 16_000
            self._observer.spin(max(0.0, started + end_s - time.monotonic()))
            self.send(self._samples[start : start + block].tobytes(), clock.now())

    def send(self, data, now):
        from array import array

        message = self._message()
        message.header.stamp = now.to_msg()
        message.audio.data = array("B", data)
        self._publisher.publish(message)


def test_a_recording_gives_all_topics(observer, tmp_path, tiny_model, speech_path):
    expression, classification, string, boolean, diagnostics = types()
    emotions = observer.listen("emotion", expression)
    utterances = observer.listen("emotion/utterance", expression)
    scores = observer.listen("emotion/scores", classification)
    details = observer.listen("emotion/details", string)
    speaking = observer.listen("is_speaking", boolean, latched=True)
    reports = observer.listen("/diagnostics", diagnostics)
    with node(tmp_path, source="file", file=str(speech_path), model=str(tiny_model)):
        observer.wait(lambda: utterances and len(speaking) >= 3 and reports)
        observer.wait(lambda: len(details) == len(scores) + 1)
    stamps = [stamp_s(message) for message in emotions]
    assert np.all(np.diff(stamps) > 0)
    assert abs(time.time() - stamps[-1]) < 60
    objects = [json.loads(message.data) for message in details]
    assert [o["trigger"] for o in objects][-1] == "utterance"
    assert len(emotions) == sum(o["trigger"] == "interval" for o in objects)
    assert {r.class_id for r in scores[0].results} >= {"scared", "disgusted", "surprised"}
    assert sum(r.score for r in scores[0].results) == pytest.approx(1.0)
    assert [message.data for message in speaking][:3] == [False, True, False]


def test_every_transition_twice(observer, tmp_path, tiny_model, speech_path):
    from lifecycle_msgs.msg import State, Transition
    from lifecycle_msgs.srv import ChangeState, GetState

    expression, *_ = types()
    utterances = observer.listen("emotion/utterance", expression)

    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert observer.call(ChangeState, "ser_stream/change_state", request).success

    def state():
        return observer.call(GetState, "ser_stream/get_state", GetState.Request()).current_state.id

    parameters = dict(source="file", file=str(speech_path), model=str(tiny_model), autostart=False)
    with node(tmp_path, **parameters):
        for round_number in (1, 2):
            assert state() == State.PRIMARY_STATE_UNCONFIGURED
            assert observer.node.count_publishers("emotion") == 0
            change(Transition.TRANSITION_CONFIGURE)
            assert state() == State.PRIMARY_STATE_INACTIVE
            change(Transition.TRANSITION_ACTIVATE)
            assert state() == State.PRIMARY_STATE_ACTIVE
            observer.wait(lambda n=round_number: len(utterances) == n)
            change(Transition.TRANSITION_DEACTIVATE)
            change(Transition.TRANSITION_CLEANUP)
            observer.wait(lambda: observer.node.count_publishers("emotion") == 0)


@pytest.mark.parametrize("best_effort", [True, False], ids=["best effort", "reliable"])
def test_a_topic_of_audio_is_heard(observer, tmp_path, tiny_model, speech, best_effort):
    expression, _, string, *_ = types()
    utterances = observer.listen("emotion/utterance", expression)
    details = observer.listen("emotion/details", string)
    publisher = AudioPublisher(observer, np.pad(speech, (0, 16_000)), best_effort)
    with node(tmp_path, source="topic", model=str(tiny_model)):
        before_s = time.time()
        publisher.play()
        observer.wait(lambda: utterances)
    stamp = stamp_s(utterances[0])
    assert before_s < stamp < time.time()
    utterance = json.loads(details[-1].data)
    assert utterance["trigger"] == "utterance"
    assert stamp == pytest.approx(utterance["end_s"], abs=0.01)
    assert utterance["end_s"] - utterance["start_s"] == pytest.approx(3.5, abs=0.6)


def test_mp3_bytes_are_named_once_and_the_node_lives(observer, tmp_path, tiny_model, speech):
    expression, *_, diagnostics = types()
    reports = observer.listen("/diagnostics", diagnostics)
    utterances = observer.listen("emotion/utterance", expression)
    mp3 = tmp_path / "speech.mp3"
    soundfile.write(mp3, speech, 16_000)
    data = mp3.read_bytes()
    publisher = AudioPublisher(observer, np.pad(speech, (0, 16_000)), best_effort=False)
    with node(tmp_path, source="topic", model=str(tiny_model)) as process:
        observer.wait(lambda: publisher._publisher.get_subscription_count() > 0)
        for _ in range(25):
            publisher.send(data[:2000], observer.node.get_clock().now())
            observer.spin(0.1)
        observer.wait(lambda: diagnosis(reports) and "MP3" in diagnosis(reports)[1])
        assert diagnosis(reports)[0] == 2
        publisher.play()
        observer.wait(lambda: utterances)
        observer.wait(lambda: diagnosis(reports)[0] == 0)
        assert process.poll() is None
    assert (tmp_path / "log").read_text().count("MP3") == 1


def set_parameter(observer, name, value):
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return observer.call(SetParameters, "ser_stream/set_parameters", request).results[0]


def test_parameters_change_while_it_runs_and_bad_values_are_refused(
    observer, tmp_path, tiny_model, speech_path
):
    with node(tmp_path, source="file", file=str(speech_path), model=str(tiny_model)):
        for name, value in (("hop", 0.2), ("smoothing", 0.5), ("min_confidence", 0.9)):
            assert set_parameter(observer, name, value).successful
        for name, value, reason in (
            ("hop", 0.33, "nearest are 0.2, 0.3, 0.4 s"),
            ("min_speech", 99.0, ""),
            ("model", "other", ""),
        ):
            refused = set_parameter(observer, name, value)
            assert not refused.successful
            assert reason in refused.reason
            assert refused.reason


def test_while_the_robot_speaks_nothing_is_heard(observer, tmp_path, tiny_model, speech):
    _, _, string, boolean, _ = types()
    details = observer.listen("emotion/details", string)
    robot = observer.node.create_publisher(boolean, "robot_speaking", 10)
    publisher = AudioPublisher(observer, np.pad(speech, (0, 16_000)), best_effort=False)
    with node(tmp_path, source="topic", model=str(tiny_model)):
        observer.wait(lambda: robot.get_subscription_count() > 0)
        robot.publish(boolean(data=True))
        publisher.play()
        assert details == []
        robot.publish(boolean(data=False))
        publisher.play()
        observer.wait(lambda: details)


def test_two_robots_do_not_hear_each_other(observer, tmp_path, tiny_model, speech_path):
    expression, *_ = types()
    first = observer.listen("/first/emotion/utterance", expression)
    second = observer.listen("/second/emotion/utterance", expression)
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    parameters = dict(source="file", file=str(speech_path), model=str(tiny_model))
    with node(tmp_path / "1", "__ns:=/first", **parameters):
        observer.wait(lambda: first)
        assert second == []
        with node(tmp_path / "2", "__ns:=/second", **parameters):
            observer.wait(lambda: second)
    assert len(first) == 1


def test_a_missing_model_is_said_and_the_node_lives(observer, tmp_path):
    from lifecycle_msgs.srv import GetState

    with node(tmp_path, model="nonsense") as process:
        state = observer.call(GetState, "ser_stream/get_state", GetState.Request())
        assert state.current_state.label == "unconfigured"
        assert process.poll() is None
    log = (tmp_path / "log").read_text()
    assert "'nonsense': no such folder" in log
    assert "Traceback" not in log


def test_without_a_microphone_it_is_active_and_says_so(observer, tmp_path, tiny_model):
    *_, diagnostics = types()
    reports = observer.listen("/diagnostics", diagnostics)
    nowhere = {"PULSE_SERVER": "none", "HOME": str(tmp_path)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in nowhere.items():
            patch.setenv(name, value)
        with node(tmp_path, model=str(tiny_model)):
            observer.wait(lambda: diagnosis(reports) and diagnosis(reports)[0] == 2)
    assert "microphone" in diagnosis(reports)[1] or "PortAudio" in diagnosis(reports)[1]


def test_sigint_ends_with_code_0(observer, tmp_path, tiny_model, speech_path):
    expression, *_ = types()
    emotions = observer.listen("emotion", expression)
    with node(tmp_path, source="file", file=str(speech_path), model=str(tiny_model)) as process:
        observer.wait(lambda: emotions)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
