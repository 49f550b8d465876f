"""Latency of a live stream: last sample in, to the estimate, and to a DDS subscriber.

`ser-stream listen --dds --realtime` plays a recording at the speed of a microphone. Its estimates
give the latency to the estimate. A subscriber in a process of its own (`dds_subscriber`) gives that
to the reception of `/emotion` and `/emotion/scores`: the clock when the message is there, minus the
message's stamp, which is the instant of the last sample. DDS stays on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.engines import BEFORE, NOW
from benchmarks.measuring import (
    DEFAULT,
    MODEL,
    Result,
    SkippedError,
    child_environment,
    latency_summary,
    python,
    run_part,
    version,
)
from benchmarks.sound import write_speech
from ser_stream.emotion import INTERVAL

DOMAIN = 97
"""DDS domain of the measurement."""
TOPICS = {"emotion": "hri_msgs/msg/Expression", "emotion/scores": "vision_msgs/msg/Classification"}
SOUND_S, SHORTER_S = 600.0, 200.0
"""How long is played with `MODEL` and the engine that a robot uses, and otherwise."""
SETTLE_S = 30.0
"""Estimates of this long are left out: the program's first ones, while caches fill."""


def measure(arguments: argparse.Namespace) -> Result:
    """Play to `ser-stream listen` while a subscriber listens, for each model and engine in turn."""
    if version("cyclonedds") is None:
        raise SkippedError("cyclonedds is not installed")
    lengths_s = {(MODEL, NOW): SOUND_S, (MODEL, BEFORE): SHORTER_S, (DEFAULT, NOW): SHORTER_S}
    if arguments.quick:
        lengths_s = {(MODEL, NOW): 8.0}
    results: dict[str, Result] = {MODEL: {}, DEFAULT: {}}
    with tempfile.TemporaryDirectory() as folder:
        for (model, engine), sound_s in lengths_s.items():
            print(f"{model}, {engine}: {sound_s:.0f} s in real time", flush=True)
            recording = write_speech(Path(folder) / "speech.wav", sound_s)
            settle_s = 0.0 if arguments.quick else SETTLE_S
            results[model][engine] = {
                "sound_s": sound_s,
                **_measure(model, engine, recording, settle_s),
            }
    return {"engines": results[MODEL], "default_engines": results[DEFAULT]}


def _measure(model: str, engine: str, recording: Path, settle_s: float) -> Result:
    listen = ["-m", "ser_stream.cli", "listen", "--json", "--realtime", "--dds"]
    listen += ["--model", model, "--engine", engine]
    environment = local_graph()
    robot = f"bench_{os.getpid()}"  # several runs may share the domain
    topics = [f"{robot}/{name}={kind}" for name, kind in TOPICS.items()]
    with subprocess.Popen(
        python("-m", "benchmarks.dds_subscriber", *topics),
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as subscriber:  # fmt: skip
        try:
            assert subscriber.stdin and subscriber.stdout
            assert subscriber.stdout.readline() == "ready\n"
            listened = subprocess.run(
                python(*listen, "--namespace", robot, "--input", recording),
                env=environment, capture_output=True, text=True,
            )  # fmt: skip
            if listened.returncode:
                raise RuntimeError(f"ser-stream listen: {listened.stderr.strip()}")
            subscriber.stdin.close()
            found = json.loads(subscriber.stdout.read())
        finally:
            subscriber.kill()
    estimates = [json.loads(line) for line in listened.stdout.splitlines()]
    intervals = [each for each in estimates if each["trigger"] == INTERVAL]
    received = {name: found[f"{robot}/{name}"] for name in TOPICS}
    first = sum(each["end_s"] < settle_s for each in intervals)
    return {
        "estimate": latency_summary(each["latency_ms"] for each in intervals[first:]),
        **{name: latency_summary(times[first:]) for name, times in received.items()},
        "published": len(intervals),
        "received": len(received["emotion/scores"]),
    }


def local_graph() -> dict[str, str]:
    """Return an environment whose DDS stays on this machine and in a domain of its own."""
    kept = {
        name: value
        for name, value in child_environment().items()
        if not name.startswith(("ROS_", "CYCLONEDDS"))
    }
    return kept | {
        "ROS_DOMAIN_ID": str(DOMAIN),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }


if __name__ == "__main__":
    run_part(measure)
