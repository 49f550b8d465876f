"""How long it takes from `ros2 launch` to the first estimate on /emotion.

    python benchmarks/ros_start.py --venv ser_venv [--runs 5]

Launches replay.launch.py on a test recording, in which speech begins after 0.8 s, and prints one
JSON object per run, in seconds since `ros2 launch` was started: the start of the node's process,
the model's readiness, the first `is_speaking: true`, and the first estimate. The first run is a
cold start where /proc/sys/vm/drop_caches can be written.

Needs a workspace with ser_stream, sourced, and runs in ROS's own Python.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import rclpy
from hri_msgs.msg import Expression
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Bool

RECORDING = Path(__file__).resolve().parents[1] / "tests" / "recordings" / "2-happy.flac"


def drop_caches() -> bool:
    """Empty the cache of files; return whether that was possible."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


class Start:
    """Launches the node once and notes when what happens.

    Args:
        venv: the folder of the node's environment.
    """

    def __init__(self, node: rclpy.node.Node, venv: str) -> None:
        self._node = node
        self.seconds: dict[str, float] = {}
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        subscriptions = [
            node.create_subscription(Expression, "emotion", lambda _: self._note("emotion"), 10),
            node.create_subscription(
                Bool, "is_speaking", lambda m: m.data and self._note("speaking"), latched
            ),
        ]
        command = ["ros2", "launch", "ser_stream", "replay.launch.py", f"venv:={venv}"]
        self._started = time.monotonic()
        process = subprocess.Popen(
            [*command, f"file:={RECORDING}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        reading = threading.Thread(target=self._read, args=(process,))
        reading.start()
        while "emotion" not in self.seconds and process.poll() is None:
            rclpy.spin_once(node, timeout_sec=0.1)
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        reading.join()
        for subscription in subscriptions:
            node.destroy_subscription(subscription)

    def _read(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            if "process started" in line:
                self._note("process")
            elif "is ready" in line:
                self._note("ready")

    def _note(self, event: str) -> None:
        self.seconds.setdefault(event, round(time.monotonic() - self._started, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", required=True)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node("observer")
    for run in range(arguments.runs + 1):
        cold = run == 0 and drop_caches()
        print(json.dumps({"cold": cold} | Start(node, arguments.venv).seconds), flush=True)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
