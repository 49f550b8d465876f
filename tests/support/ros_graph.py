"""What tests of the node have in common: a node of their own in its graph, and its process.

Imports of ROS are inside functions: the tests are collected, and skipped, where it is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from array import array
from pathlib import Path

from paths import ROOT

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


@contextlib.contextmanager
def node(tmp_path, *remaps, environment=None, **parameters):
    """The node's process; its log is in tmp_path/log."""
    arguments = [f"{name}:={json.dumps(value)}" for name, value in parameters.items()]
    command = [sys.executable, "-m", "ser_stream.ros.node", "--ros-args"]
    for argument in arguments:
        command += ["-p", argument]
    for remap in remaps:
        command += ["-r", remap]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | (environment or {}) | ENVIRONMENT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=20)


def asr_processes(parent):
    """Process ids of the speech recognisers of that process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command, stat = path.read_text(), path.with_name("stat").read_text()
        except OSError:  # it has ended
            continue
        if "ser_stream.asr.child" in command and int(stat.rpartition(")")[2].split()[1]) == parent:
            found.append(int(path.parent.name))
    return found


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
    for report in reversed(messages):
        for status in report.status:
            if "speech emotion" in status.name:
                return status.level[0], status.message
    return None


class AudioPublisher:
    """Publishes a recording (n,) or (n, channels) on `audio`, block by block, in real time.

    Args:
        kind: "AudioData", "AudioDataStamped" or "AudioStamped".
        rate_hz: of the recording.
        clock: gives the time in s that blocks are stamped by; None is the system's.
    """

    def __init__(
        self, observer, samples, kind=None, rate_hz=16_000, best_effort=True, clock=time.time
    ):
        from audio_common_msgs import msg
        from rclpy.qos import QoSProfile, ReliabilityPolicy

        self._kind = kind or audio_kinds()[-1]
        self._msg = msg
        self._rate_hz = rate_hz
        self._observer = observer
        self._clock = clock
        reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        self.publisher = observer.node.create_publisher(
            getattr(msg, self._kind), "audio", QoSProfile(depth=50, reliability=reliability)
        )
        self._samples = (samples * 32767).astype("<i2")

    def wait_until_heard(self):
        self._observer.wait(lambda: self.publisher.get_subscription_count() > 0)

    def play(self, block_s=0.032):
        """At the pace of a microphone."""
        self.wait_until_heard()
        started = time.monotonic()
        block = round(block_s * self._rate_hz)
        for start in range(0, len(self._samples), block):
            part = self._samples[start : start + block]
            end_s = (start + len(part)) / self._rate_hz
            self._observer.spin(max(0.0, started + end_s - time.monotonic()))
            self.send(part)

    def send(self, part):
        """One message: samples (n,) or (n, channels) int16, or bytes of whatever they are."""
        now_s = self._clock()
        if self._kind == "AudioStamped":
            message = self._msg.AudioStamped()
            message.audio.info.format = 8  # paInt16
            message.audio.info.channels = 1 if part.ndim == 1 else part.shape[1]
            message.audio.info.rate = self._rate_hz
            message.audio.audio_data.int16_data = array("h", part.tobytes())
            now_s -= len(part) / self._rate_hz  # its stamp is the block's beginning
        else:
            data = array("B", part if isinstance(part, bytes) else part.tobytes())
            message = getattr(self._msg, self._kind)()
            getattr(message, "audio", message).data = data
        if hasattr(message, "header"):
            message.header.stamp.sec = int(now_s)
            message.header.stamp.nanosec = int(now_s % 1 * 1e9)
        self.publisher.publish(message)


class SimulatedClock:
    """Publishes /clock, as `ros2 bag play --clock` does, while the observer spins."""

    def __init__(self, observer):
        from rosgraph_msgs.msg import Clock

        self._message = Clock
        self._publisher = observer.node.create_publisher(Clock, "/clock", 10)
        self._offset_s = 0.0
        observer.node.create_timer(0.02, self._publish)

    def start_at(self, time_s):
        """Time jumps there and goes on at its usual pace."""
        self._offset_s = time_s - time.monotonic()

    def now_s(self):
        return self._offset_s + time.monotonic()

    def _publish(self):
        message = self._message()
        message.clock.sec, message.clock.nanosec = divmod(int(self.now_s() * 1e9), 1_000_000_000)
        self._publisher.publish(message)


def audio_kinds():
    """Message types of the audio_common_msgs that is installed: there are two such packages."""
    from audio_common_msgs import msg

    return ["AudioStamped"] if hasattr(msg, "AudioStamped") else ["AudioData", "AudioDataStamped"]


def set_parameter(observer, name, value):
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return observer.call(SetParameters, "ser_stream/set_parameters", request).results[0]
