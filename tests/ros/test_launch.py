"""The package as a robot engineer uses it: colcon build, ros2 launch, Ctrl-C.

The programs of ROS run in ROS's own Python, the node in that of the tests (`venv:=`).
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

from ros_graph import ROOT, AudioPublisher, audio_kinds, types

pytestmark = pytest.mark.ros


@contextlib.contextmanager
def launched(workspace, *arguments, file="replay.launch.py"):
    """Run `ros2 launch` in a session of its own, as in a terminal; `.log()` is its output."""
    command = ["ros2", "launch", "ser_stream", file, f"venv:={sys.prefix}", *arguments]
    log = Path(workspace["ROS_LOG_DIR"]).with_name("launch.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=workspace, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        process.log = log.read_text
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)  # Ctrl-C in a terminal reaches all processes
                process.wait(timeout=30)


def ros2(workspace, *arguments, timeout=60) -> str:
    """Run a command of ROS 2 and return what it prints."""
    result = subprocess.run(
        ["ros2", *arguments], env=workspace, capture_output=True, text=True, timeout=timeout
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_launch_argument_has_a_description(workspace):
    shown = ros2(workspace, "launch", "ser_stream", "ser.launch.py", "--show-args")
    for name in ("model", "device", "source", "asr", "audio_topic", "params_file", "namespace"):
        assert f"'{name}':" in shown
    assert "no description" not in shown.lower()
    shown = ros2(workspace, "launch", "ser_stream", "replay.launch.py", "--show-args")
    assert "'file':" in shown and "'venv':" in shown


def test_launch_publishes_emotions_and_ends_with_code_0(
    observer, workspace, tiny_model, speech_path
):
    expression, *_ = types()
    emotions = observer.subscribe("/robot1/emotion", expression)
    arguments = (f"file:={speech_path}", f"model:={tiny_model}", "namespace:=robot1")
    with launched(workspace, *arguments) as process:
        observer.wait(lambda: emotions, timeout_s=60)
        assert "/robot1/ser_stream" in ros2(
            workspace, "node", "list", "--no-daemon", "--spin-time", "5"
        )
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert "process has finished cleanly" in process.log()
    assert "Traceback" not in process.log()


def test_arguments_that_are_not_given_are_taken_from_the_params_file(
    observer, workspace, tmp_path, tiny_model, tiny_can, speech_path
):
    params = tmp_path / "params.yaml"
    parameters = {"model": str(tiny_model), "source": "file", "file": str(speech_path)}
    params.write_text(json.dumps({"/**": {"ros__parameters": parameters}}))
    expression, *_ = types()
    second = observer.subscribe("/emotion/multimodal", expression)
    arguments = (f"params_file:={params}", "asr:=pocketsphinx", f"text_model:={tiny_can}")
    with launched(workspace, *arguments, file="ser.launch.py") as process:
        observer.wait(lambda: second, timeout_s=90)
        assert "model tiny is ready" in process.log()


def test_one_launched_node_serves_several_robots(observer, workspace):
    arguments = ("source:=topic", "streams:=robot1, /*/audio", "model:=tiny")
    speaking = [observer.subscribe(f"/{n}/is_speaking", types()[3], latched=True) for n in "ab"]
    for name in "ab":
        AudioPublisher(observer, np.zeros(0), topic=f"/{name}/audio")
    kind = f"audio_type:={audio_kinds()[-1]}"
    with launched(workspace, *arguments, kind, file="ser.launch.py") as process:
        observer.wait(lambda: all(speaking), timeout_s=60)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert process.log().count("served, results in") == 3
    assert "process has finished cleanly" in process.log()
    assert "Traceback" not in process.log()


def test_a_node_that_dies_is_restarted(observer, workspace, tiny_model):
    def node_pids():
        children = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
        ).stdout.split()
        return [int(child) for child in children]

    with launched(workspace, f"model:={tiny_model}", file="ser.launch.py") as process:
        observer.wait(lambda: "model tiny is ready" in process.log(), timeout_s=60)
        (pid,) = node_pids()
        os.kill(pid, signal.SIGKILL)
        observer.wait(lambda: process.log().count("model tiny is ready") == 2, timeout_s=60)
        assert node_pids() != [pid]
    assert process.returncode == 0


def test_every_lifecycle_transition_works_twice_under_launch_testing(
    workspace, tmp_path, tiny_model, speech_path
):
    params = tmp_path / "params.yaml"
    params.write_text(json.dumps({"/**": {"ros__parameters": {"autostart": False}}}))
    arguments = dict(file=speech_path, model=tiny_model, params_file=params, venv=sys.prefix)
    variables = {f"SER_STREAM_TEST_{name.upper()}": str(v) for name, v in arguments.items()}
    started = time.monotonic()
    result = subprocess.run(
        ["launch_test", str(ROOT / "tests" / "support" / "launch_lifecycle.py")],
        env=workspace | variables, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert time.monotonic() - started > 4  # two rounds of two seconds each did run
