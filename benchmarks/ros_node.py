"""CPU, memory, latency and lost estimates of the ROS 2 node, in real time in a real graph.

    python -m benchmarks.ros_node [--minutes M] [--model NAME|DIR]

Plays the test recordings on the topic `audio`, best effort, again and again, to two processes: the
node, and a peer, which is an rclpy node that only receives the audio. Prints each one's share of a
core and its memory after a minute and at the end, how many estimates the same samples give offline,
and how many arrived. Needs a sourced ROS 2 with ros-drivers' audio_common_msgs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import time
from array import array

import numpy as np

from benchmarks.measuring import MODEL, ROOT, cpu_s, memory_mb
from benchmarks.sound import BLOCK_LENGTH, speech
from ser_stream.units import SAMPLE_RATE_HZ

PEER = "receive-only"


def receive_only() -> None:
    """Run the peer: subscribe as the node does, and do nothing with the messages."""
    import rclpy
    from audio_common_msgs.msg import AudioDataStamped
    from rclpy.executors import ExternalShutdownException
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    rclpy.init()
    node = rclpy.create_node("receive_only")
    qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(AudioDataStamped, "audio", lambda message: None, qos)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


def sound(minutes: float) -> np.ndarray:
    """Return the test recordings, repeated for that long, 1 s of silence between, (n,) int16."""
    repeated = np.resize(speech(), round(60 * minutes * SAMPLE_RATE_HZ))
    return np.round(np.pad(repeated, (0, SAMPLE_RATE_HZ)) * 32767).astype("<i2")


def offline_estimates(samples: np.ndarray, model: str) -> int:
    """Return how many estimates these samples give when they are pushed at once."""
    from ser_stream import Recognizer

    return len(Recognizer(model).push(samples, SAMPLE_RATE_HZ))


def play(node, publisher, message_type, samples: np.ndarray) -> None:
    """Publish samples at the pace of a microphone, and spin meanwhile."""
    import rclpy

    started = time.monotonic()
    for start in range(0, len(samples), BLOCK_LENGTH):
        part = samples[start : start + BLOCK_LENGTH]
        due = started + (start + len(part)) / SAMPLE_RATE_HZ
        while (left_s := due - time.monotonic()) > 0:
            rclpy.spin_once(node, timeout_sec=left_s)
        message = message_type()
        message.header.stamp = node.get_clock().now().to_msg()
        message.audio.data = array("B", part.tobytes())
        publisher.publish(message)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--model", default=MODEL)
    arguments = parser.parse_args()

    import rclpy
    from audio_common_msgs.msg import AudioDataStamped
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from std_msgs.msg import String

    samples = sound(arguments.minutes)
    minute = 60 * SAMPLE_RATE_HZ
    expected = offline_estimates(samples, arguments.model)
    rclpy.init()
    node = rclpy.create_node("benchmark")
    qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = node.create_publisher(AudioDataStamped, "audio", qos)
    details = []
    node.create_subscription(String, "emotion/details", details.append, 100)

    ser_stream_node = [sys.executable, str(ROOT / "scripts" / "ser_node"), "--ros-args"]
    ser_stream_node += ["-p", "source:=topic", "-p", f"model:={arguments.model}"]
    commands = {
        "ser_stream": ser_stream_node,
        PEER: [sys.executable, "-m", "benchmarks.ros_node", PEER],
    }
    processes = {name: subprocess.Popen(command, cwd=ROOT) for name, command in commands.items()}
    try:
        while publisher.get_subscription_count() < 2:
            rclpy.spin_once(node, timeout_sec=0.1)
        before = {name: cpu_s(process.pid) for name, process in processes.items()}
        play(node, publisher, AudioDataStamped, samples[:minute])
        early = {name: memory_mb(process.pid)["rss_mb"] for name, process in processes.items()}
        play(node, publisher, AudioDataStamped, samples[minute:])
        ends_at = time.monotonic() + 3
        while time.monotonic() < ends_at:
            rclpy.spin_once(node, timeout_sec=0.1)
        shares = {
            name: (cpu_s(process.pid) - before[name]) / (60 * arguments.minutes)
            for name, process in processes.items()
        }
        late = {name: memory_mb(process.pid)["rss_mb"] for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGINT)
            process.wait(timeout=20)
    estimates = [json.loads(message.data) for message in details]
    # The latency of a whole turn includes the pause that ended it.
    latencies = [e["latency_ms"] for e in estimates if e["trigger"] == "interval"]
    print(f"middleware: {rclpy.get_rmw_implementation_identifier()}")
    for name, share in shares.items():
        print(f"CPU of {name}: {share:.1%} of one core")
    for name in commands:
        held = f"{early[name]:.0f} MB after a minute, {late[name]:.0f} at the end"
        print(f"memory of {name}: {held}")
    print(f"CPU, ratio: {shares['ser_stream'] / shares[PEER]:.2f}")
    print(f"latency: p50 {np.median(latencies):.1f} ms, p99 {np.percentile(latencies, 99):.1f} ms")
    print(f"estimates: {len(details)} of {expected} arrived, {expected - len(details)} lost")


if __name__ == "__main__":
    receive_only() if sys.argv[1:] == [PEER] else main()
