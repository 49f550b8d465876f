"""CPU and memory of the ROS 2 node by the length of messages and the number of channels.

    python -m benchmarks.ros_audio [--seconds S] [--formats RATExCHANNELS ...] [--blocks MS ...]
                                   [--channel N|mix|auto] [--source DIR]

Plays the test recordings on the topic `audio`, best effort, in real time, to two processes: the
node, and an rclpy node that only receives the audio. Of several channels the last one has speech,
the others noise. Prints a row of a Markdown table for each format and length. `--source` measures
the node of another checkout. Needs a sourced ROS 2 with ros-drivers' audio_common_msgs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from array import array
from pathlib import Path

import numpy as np
import soxr

from benchmarks.measuring import ROOT, child_environment, cpu_s, memory_mb
from benchmarks.ros_node import PEER
from benchmarks.sound import speech
from ser_stream.units import SAMPLE_RATE_HZ

WARM_UP_S = 3.0
NOISE_RMS = 0.003

COLUMNS = (
    "channels", "rate", "channel", "messages", "CPU of the node",
    "CPU of a node that only receives", "ratio", "memory", "latency: median, 99th percentile",
)  # fmt: skip


def sound(seconds: float, rate_hz: int, channels: int) -> np.ndarray:
    """Return noise with the test recordings on the last channel, (n, channels) int16."""
    once = soxr.resample(speech(), SAMPLE_RATE_HZ, rate_hz)
    spoken = np.resize(once, round(seconds * rate_hz))
    samples = np.random.default_rng(0).normal(0.0, NOISE_RMS, (len(spoken), channels))
    samples[:, -1] += spoken
    return np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")


class Player:
    """Publishes audio and collects estimates; `node` is the benchmark's own."""

    def __init__(self, node) -> None:
        from audio_common_msgs.msg import AudioDataStamped
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from std_msgs.msg import String

        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.node, self._message = node, AudioDataStamped
        self.publisher = node.create_publisher(AudioDataStamped, "audio", qos)
        self.latencies_ms: list[float] = []
        node.create_subscription(String, "emotion/details", self._receive, 100)

    def play(self, samples: np.ndarray, rate_hz: int, block_ms: int) -> None:
        """Publish samples (n, channels) at the pace of a microphone, and receive meanwhile."""
        import rclpy

        length, started = rate_hz * block_ms // 1000, time.monotonic()
        for start in range(0, len(samples) - length + 1, length):
            due = started + (start + length) / rate_hz
            while (left_s := due - time.monotonic()) > 0:
                rclpy.spin_once(self.node, timeout_sec=left_s)
            message = self._message()
            message.header.stamp = self.node.get_clock().now().to_msg()
            message.audio.data = array("B", samples[start : start + length].tobytes())
            self.publisher.publish(message)

    def _receive(self, message) -> None:
        estimate = json.loads(message.data)
        if estimate["trigger"] == "interval":
            self.latencies_ms.append(1e3 * (time.time() - estimate["end_s"]))


def measure(player: Player, arguments: argparse.Namespace, rate_hz: int, channels: int) -> None:
    """Print the rows of one format."""
    import rclpy

    samples = sound(arguments.seconds, rate_hz, channels)
    parameters = {
        "source": "topic", "audio_rate": rate_hz, "audio_channels": channels,
        "channel": json.dumps(arguments.channel),
    }  # fmt: skip
    command = [sys.executable, str(arguments.source / "scripts" / "ser_node"), "--ros-args"]
    command += [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    environment = child_environment()
    paths = [str(arguments.source), environment["PYTHONPATH"]]
    processes = {
        "node": subprocess.Popen(
            command,
            cwd=arguments.source,
            env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
        ),
        PEER: subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ros_node", PEER], cwd=ROOT, env=environment
        ),
    }
    try:
        while player.publisher.get_subscription_count() < 2:
            time.sleep(0.1)
        for block_ms in arguments.blocks:
            player.play(samples[: round(WARM_UP_S * rate_hz)], rate_hz, block_ms)
            player.latencies_ms.clear()
            before = {name: cpu_s(process.pid) for name, process in processes.items()}
            started = time.monotonic()
            player.play(samples, rate_hz, block_ms)
            seconds = time.monotonic() - started
            node, peer = ((cpu_s(p.pid) - before[n]) / seconds for n, p in processes.items())
            memory = memory_mb(processes["node"].pid)["rss_mb"]
            p50, p99 = np.percentile(player.latencies_ms or [np.nan], (50, 99))
            print(
                f"| {channels} | {rate_hz // 1000} kHz | {arguments.channel} | {block_ms} ms "
                f"| {node:.1%} | {peer:.1%} | {node / peer:.2f} | {memory:.0f} MB "
                f"| {p50:.0f} ms, {p99:.0f} ms |",
                flush=True,
            )
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGINT)
        for process in processes.values():
            process.wait(timeout=20)
    while player.publisher.get_subscription_count():
        rclpy.spin_once(player.node, timeout_sec=0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--formats", nargs="+", default=["16000x1", "48000x6", "48000x16"])
    parser.add_argument("--blocks", nargs="+", type=int, default=[10, 20, 32, 100])
    parser.add_argument("--channel", default="0")
    parser.add_argument("--source", type=Path, default=ROOT)
    arguments = parser.parse_args()
    arguments.source = arguments.source.resolve()

    import rclpy

    rclpy.init()
    node = rclpy.create_node("benchmark")
    player = Player(node)
    print(f"middleware: {rclpy.get_rmw_implementation_identifier()}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    for name in arguments.formats:
        rate_hz, channels = map(int, name.split("x"))
        measure(player, arguments, rate_hz, channels)


if __name__ == "__main__":
    main()
