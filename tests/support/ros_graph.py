"""Helpers for tests of the node: its process, and an observer in the same graph.

Imports of ROS are inside functions, so that the tests are collected, and skipped, without ROS.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import signal
import subprocess
import sys
import time
from array import array
from importlib.util import find_spec
from pathlib import Path

import pytest

from paths import ROOT
from ser_stream.ros.main import REQUIRED

DOMAIN = str(40 + os.getpid() % 60)  # separates test runs in parallel
ENVIRONMENT = {
    "ROS_DOMAIN_ID": DOMAIN,
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
}
TIMEOUT_S = 90.0  # a busy machine imports torch for 20 s


class Observer:
    """A node of the test that keeps all messages it receives, by topic."""

    def __init__(self):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node

        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=int(DOMAIN))
        self.node = Node("observer", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.received = {}

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def subscribe(self, topic, message_type, latched=False):
        """Return a list that fills with the messages on the topic."""
        from rclpy.qos import DurabilityPolicy, QoSProfile

        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        received = self.received[topic] = []
        qos = QoSProfile(depth=100, durability=durability)
        self.node.create_subscription(message_type, topic, received.append, qos)
        return received

    def wait(self, condition, timeout_s=TIMEOUT_S):
        """Spin until the condition is true; fail after the timeout."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (
                f"not within {timeout_s} s; received {self.summary()}"
            )
            self._executor.spin_once(timeout_sec=0.1)

    def spin(self, seconds):
        """Receive messages for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.05)

    def call(self, service_type, name, request):
        """Call a service and return its response."""
        client = self.node.create_client(service_type, name)
        self.wait(client.service_is_ready)
        future = client.call_async(request)
        self.wait(future.done)
        self.node.destroy_client(client)
        return future.result()

    def summary(self):
        return {topic: len(messages) for topic, messages in self.received.items()}


def require_node():
    """Skip the test where this Python lacks what the node needs, as ROS's own may do."""
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@contextlib.contextmanager
def node(tmp_path, *remaps, environment=None, params_file=None, **parameters):
    """Run the node with these parameters in a process of its own; its log is tmp_path/log."""
    require_node()
    arguments = [f"{name}:={json.dumps(value)}" for name, value in parameters.items()]
    command = [sys.executable, ROOT / "scripts" / "ser_node", "--ros-args"]
    for argument in arguments:
        command += ["-p", argument]
    for remap in remaps:
        command += ["-r", remap]
    if params_file is not None:
        command += ["--params-file", params_file]
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
    """Process ids of the speech recognisers that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command, stat = path.read_text(errors="replace"), path.with_name("stat").read_text()
        except OSError:  # it has ended
            continue
        if "ser_stream.asr.child" in command and int(stat.rpartition(")")[2].split()[1]) == parent:
            found.append(int(path.parent.name))
    return found


def types():
    """Message classes: Expression, Classification, String, Bool, DiagnosticArray."""
    from diagnostic_msgs.msg import DiagnosticArray
    from hri_msgs.msg import Expression
    from std_msgs.msg import Bool, String
    from vision_msgs.msg import Classification

    return Expression, Classification, String, Bool, DiagnosticArray


def stamp_s(message):
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def diagnosis(messages):
    """Level and message of the last report on speech emotion; None before the first."""
    for report in reversed(messages):
        for status in report.status:
            if "speech emotion" in status.name:
                return status.level[0], status.message
    return None


def play_together(*publishers, block_s=0.032):
    """Publish the samples of `AudioPublisher`s of one observer at the speed of microphones."""
    for publisher in publishers:
        publisher.wait_for_subscriber()
    started = time.monotonic()
    blocks = (publisher.blocks(block_s) for publisher in publishers)
    for end_s, publisher, part in heapq.merge(*blocks, key=lambda block: block[0]):
        publisher.observer.spin(max(0.0, started + end_s - time.monotonic()))
        publisher.send(part)


class AudioPublisher:
    """Publishes samples, block by block, in real time.

    Args:
        samples: (n,) or (n, channels), full scale +-1.
        kind: "AudioData", "AudioDataStamped" or "AudioStamped"; None: one that is installed.
        rate_hz: sample rate of the samples.
        clock: returns the time in seconds that stamps a block.
        topic: the topic that is published.
    """

    def __init__(
        self,
        observer,
        samples,
        kind=None,
        rate_hz=16_000,
        best_effort=True,
        clock=time.time,
        topic="audio",
    ):
        from audio_common_msgs import msg
        from rclpy.qos import QoSProfile, ReliabilityPolicy

        self._kind = kind or audio_kinds()[-1]
        self._msg = msg
        self._rate_hz = rate_hz
        self.observer = observer
        self._clock = clock
        reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        self.publisher = observer.node.create_publisher(
            getattr(msg, self._kind), topic, QoSProfile(depth=50, reliability=reliability)
        )
        self._samples = (samples * 32767).astype("<i2")

    def wait_for_subscriber(self):
        self.observer.wait(lambda: self.publisher.get_subscription_count() > 0)

    def play(self, block_s=0.032):
        """Publish all samples at the speed of a microphone."""
        play_together(self, block_s=block_s)

    def blocks(self, block_s):
        """Yield when each block ends in seconds, this publisher, and the block's samples."""
        block = round(block_s * self._rate_hz)
        for start in range(0, len(self._samples), block):
            part = self._samples[start : start + block]
            yield (start + len(part)) / self._rate_hz, self, part

    def leave(self):
        """Destroy the publisher, as when a robot is switched off."""
        self.observer.node.destroy_publisher(self.publisher)

    def send(self, part):
        """Publish one message: samples (n,) or (n, channels) int16, or bytes of any content."""
        now_s = self._clock()
        if self._kind == "AudioStamped":
            message = self._msg.AudioStamped()
            message.audio.info.format = 8  # paInt16
            message.audio.info.channels = 1 if part.ndim == 1 else part.shape[1]
            message.audio.info.rate = self._rate_hz
            message.audio.audio_data.int16_data = array("h", part.tobytes())
            now_s -= len(part) / self._rate_hz  # it is stamped with the start of the block
        else:
            data = array("B", part if isinstance(part, bytes) else part.tobytes())
            message = getattr(self._msg, self._kind)()
            getattr(message, "audio", message).data = data
        if hasattr(message, "header"):
            message.header.stamp.sec = int(now_s)
            message.header.stamp.nanosec = int(now_s % 1 * 1e9)
        self.publisher.publish(message)


class SimulatedClock:
    """Publishes /clock while the observer spins, as `ros2 bag play --clock` does."""

    def __init__(self, observer):
        from rosgraph_msgs.msg import Clock

        self._message = Clock
        self._publisher = observer.node.create_publisher(Clock, "/clock", 10)
        self._offset_s = 0.0
        observer.node.create_timer(0.02, self._publish)

    def start_at(self, time_s):
        """Set the clock, which continues from there in real time."""
        self._offset_s = time_s - time.monotonic()

    def now_s(self):
        return self._offset_s + time.monotonic()

    def _publish(self):
        message = self._message()
        message.clock.sec, message.clock.nanosec = divmod(int(self.now_s() * 1e9), 1_000_000_000)
        self._publisher.publish(message)


def audio_kinds():
    """Message types of the installed audio_common_msgs: two packages have that name."""
    from audio_common_msgs import msg

    return ["AudioStamped"] if hasattr(msg, "AudioStamped") else ["AudioData", "AudioDataStamped"]


def set_parameter(observer, name, value):
    """Set a parameter of the node; return the result of the service."""
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return observer.call(SetParameters, "ser_stream/set_parameters", request).results[0]
