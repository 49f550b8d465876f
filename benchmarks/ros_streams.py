"""Robots that one process of the ROS 2 node serves, in real time in a real graph.

    python benchmarks/ros_streams.py [--robots N] [--block-ms MS] [--seconds S] [--model NAME|DIR]

Publishes the test recordings, joined by pauses, on `/robot0/audio`, `/robot1/audio` ..., each from
another place, best effort, to a node with `streams: /*/audio`. Prints one JSON object:

* robots, block_ms, seconds, model, middleware;
* cpu_cores: processor time of the node per second; memory_mib: its resident memory at the end;
* estimates: number, all robots together;
* latency_ms: p50, p99 and the largest of interval estimates, from their last sample, by the stamps
  of the blocks, to the arrival of `emotion/details` here. It includes the rest of that sample's
  block, the transport in both directions, and however long blocks wait in rclpy;
* late_publish_ms: p99 of how late blocks were published here: if it is not small, the publisher is
  what the computer is too slow for.

Needs a sourced ROS 2 with ros-drivers' audio_common_msgs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
WARM_UP_S = 5.0
PAUSE_S = 1.5
ROOT = Path(__file__).parents[1]
SPOKEN = ROOT / "tests" / "recordings"


def recorded_sound() -> np.ndarray:
    """Return the test recordings with pauses between, (n,) int16."""
    recordings = [soundfile.read(path, dtype="int16")[0] for path in sorted(SPOKEN.glob("*.flac"))]
    return np.concatenate([np.pad(r, (0, round(PAUSE_S * RATE_HZ))) for r in recordings])


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    (line,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) / 1024


class Robots:
    """The publishers of all robots, and the estimates that come back."""

    def __init__(self, node, count: int, block_s: float) -> None:
        from audio_common_msgs.msg import AudioDataStamped
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from std_msgs.msg import String

        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._node = node
        self._message = AudioDataStamped
        self._length = round(block_s * RATE_HZ)
        self._sound = recorded_sound()
        rng = np.random.default_rng(0)
        self._positions = rng.integers(0, len(self._sound), count)
        self._delays = np.sort(rng.uniform(0, block_s, count))  # no two publish at once
        self.latencies_ms: list[float] = []
        self.late_ms: list[float] = []
        self.estimates = 0
        self.counting = False
        self.publishers = []
        for number in range(count):
            name = f"/robot{number}"
            self.publishers.append(node.create_publisher(AudioDataStamped, f"{name}/audio", qos))
            node.create_subscription(String, f"{name}/emotion/details", self._receive, 100)

    def play(self, seconds: float) -> None:
        """Publish at the pace of microphones for so long."""
        started = time.monotonic()
        for block in range(round(seconds * RATE_HZ / self._length)):
            for number, delay_s in enumerate(self._delays):
                due = started + (block + 1) * self._length / RATE_HZ + delay_s
                time.sleep(max(0.0, due - time.monotonic()))
                self.late_ms.append(1e3 * (time.monotonic() - due))
                self._publish(number)

    def _publish(self, number: int) -> None:
        start = self._positions[number]
        samples = np.take(self._sound, np.arange(start, start + self._length), mode="wrap")
        self._positions[number] = (start + self._length) % len(self._sound)
        message = self._message()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.audio.data = array("B", samples.astype("<i2").tobytes())
        self.publishers[number].publish(message)

    def _receive(self, message) -> None:
        now_s = time.time()
        if not self.counting:
            return
        estimate = json.loads(message.data)
        self.estimates += 1
        if estimate["trigger"] == "interval":
            self.latencies_ms.append(1e3 * (now_s - estimate["end_s"]))


def spin(node) -> None:
    """Receive until rclpy is shut down."""
    import rclpy
    from rclpy.executors import ExternalShutdownException

    with contextlib.suppress(ExternalShutdownException):
        rclpy.spin(node)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robots", type=int, default=10)
    parser.add_argument("--block-ms", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--model", default="small")
    arguments = parser.parse_args()

    import rclpy

    rclpy.init()
    node = rclpy.create_node("benchmark")
    robots = Robots(node, arguments.robots, arguments.block_ms * 1e-3)
    spinning = threading.Thread(target=spin, args=(node,))
    spinning.start()
    command = [sys.executable, str(ROOT / "scripts" / "ser_node"), "--ros-args"]
    command += ["-p", "source:=topic", "-p", "streams:=/*/audio", "-p", "max_streams:=1000"]
    process = subprocess.Popen([*command, "-p", f"model:={arguments.model}"])
    try:
        while not all(p.get_subscription_count() for p in robots.publishers):
            time.sleep(0.1)
        robots.play(WARM_UP_S)
        robots.counting, robots.late_ms = True, []
        before_s, started = cpu_s(process.pid), time.monotonic()
        robots.play(arguments.seconds)
        cores = (cpu_s(process.pid) - before_s) / (time.monotonic() - started)
        memory = memory_mib(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        rclpy.try_shutdown()
        spinning.join()
    p50, p99, largest = np.percentile(robots.latencies_ms, (50, 99, 100))
    found = {
        "robots": arguments.robots,
        "block_ms": arguments.block_ms,
        "seconds": arguments.seconds,
        "model": arguments.model,
        "middleware": rclpy.get_rmw_implementation_identifier(),
        "cpu_cores": round(cores, 3),
        "memory_mib": round(memory),
        "estimates": robots.estimates,
        "latency_ms": {"p50": round(p50, 1), "p99": round(p99, 1), "max": round(largest, 1)},
        "late_publish_ms": round(float(np.percentile(robots.late_ms, 99)), 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
