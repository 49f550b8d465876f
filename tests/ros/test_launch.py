"""The package as a robot engineer uses it: colcon build, ros2 launch, Ctrl-C.

The programs of ROS run in ROS's own Python, the node in that of the tests (`venv:=`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from venv import EnvBuilder

import numpy as np
import pytest

from ros_graph import ROOT, AudioPublisher, audio_kinds, require_node, types
from ser_stream.ros.launch_arguments import read_arguments

pytestmark = pytest.mark.ros


PARAMETERS = read_arguments(ROOT / "launch" / "parameters.json")

OF_TYPE = {"str": "1e3", "int": "7", "float": "1", "bool": "False"}
EXAMPLES = {
    "channel": "1", "device": "2", "audio_rate": "44100", "smoothing": "0.5", "streams": "a1",
    "voice_id": "a1", "asr_language": "en_GB",
}  # fmt: skip
"""Launch argument -> a value that is not its default, unless it has choices or any will do.

Texts that look like numbers stay texts: rcl takes 1e3 for one, and YAML takes 2 for one.
"""

INCLUDING = """\
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

SER = PathJoinSubstitution([FindPackageShare("ser_stream"), "launch", "ser.launch.py"])

def generate_launch_description():
    arguments = {"model": "tiny", "venv": LaunchConfiguration("venv")}
    return LaunchDescription([
        DeclareLaunchArgument("engin"),
        IncludeLaunchDescription(SER, launch_arguments=arguments.items()),
    ])
"""


@contextlib.contextmanager
def launched(workspace, *arguments, file="replay.launch.py", venv=sys.prefix, environment=None):
    """Run `ros2 launch` in a session of its own, as in a terminal; `.log()` is its output."""
    what = ["ser_stream", file] if isinstance(file, str) else [str(file)]
    command = ["ros2", "launch", *what]
    if venv == sys.prefix:
        require_node()
    if venv is not None:
        command.append(f"venv:={venv}")
    log = Path(workspace["ROS_LOG_DIR"]).with_name("launch.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *arguments], env=workspace | (environment or {}), stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        process.log = log.read_text
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)  # Ctrl-C in a terminal reaches all processes
                process.wait(timeout=30)


def failed(workspace, *arguments, **options):
    """Return the one line with which launch refuses what it is given."""
    options = {"file": "ser.launch.py", "venv": None} | options
    with launched(workspace, *arguments, **options) as process:
        assert process.wait(timeout=60) == 1
    assert "Traceback" not in process.log()
    assert "process started" not in process.log()
    (line,) = [line for line in process.log().splitlines() if "[ERROR]" in line]
    return line.partition("(see debug for traceback): ")[2]


def ros2(workspace, *arguments, timeout=60) -> str:
    """Run a command of ROS 2 and return what it prints."""
    result = subprocess.run(
        ["ros2", *arguments], env=workspace, capture_output=True, text=True, timeout=timeout
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_launch_argument_has_a_description(workspace):
    shown = ros2(workspace, "launch", "ser_stream", "ser.launch.py", "--show-args")
    parameters = [argument.name for argument in PARAMETERS]
    for name in (*parameters, "audio_topic", "audio_info", "params_file", "namespace", "venv"):
        assert f"'{name}':" in shown
    assert "no description" not in shown.lower()
    shown = ros2(workspace, "launch", "ser_stream", "replay.launch.py", "--show-args")
    assert "'file':" in shown and "'venv':" in shown


def test_every_launch_argument_reaches_the_node(observer, workspace):
    from rcl_interfaces.srv import GetParameters
    from rclpy.parameter import parameter_value_to_python

    texts = {a.name: a.choices[-1] if a.choices else OF_TYPE[a.type] for a in PARAMETERS} | EXAMPLES
    arguments = [f"{name}:={text}" for name, text in texts.items()]
    with launched(workspace, *arguments, "use_sim_time:=True", file="ser.launch.py") as process:
        request = GetParameters.Request(names=[*texts, "use_sim_time"])
        values = observer.call(GetParameters, "/ser_stream/get_parameters", request).values
        assert "process has died" not in process.log()
    found = dict(zip(request.names, map(parameter_value_to_python, values), strict=True))
    expected = {argument.name: argument.value(texts[argument.name]) for argument in PARAMETERS}
    assert found == expected | {"use_sim_time": True}


def test_topics_of_audio_are_remapped(observer, workspace):
    arguments = ("source:=topic", "audio_topic:=/mic/sound", "audio_info:=/mic/format")
    kind = f"audio_type:={audio_kinds()[0]}"
    with launched(workspace, *arguments, kind, "model:=tiny", file="ser.launch.py"):
        observer.wait(lambda: observer.node.count_subscribers("/mic/sound") == 1, timeout_s=60)
        if kind != "audio_type:=AudioStamped":  # whose messages hold their format
            observer.wait(lambda: observer.node.count_subscribers("/mic/format") == 1)


@pytest.mark.parametrize(
    ("topic", "audio", "audio_info"),
    [
        ("/mic/audio", "/mic/audio", "/mic/audio_info"),
        ("audio_stamped", "/robot1/audio_stamped", "/robot1/audio_info"),
        ("mic/audio", "/robot1/mic/audio", "/robot1/mic/audio_info"),
    ],
)
def test_the_format_is_announced_beside_the_topic(observer, workspace, topic, audio, audio_info):
    if "AudioDataStamped" not in audio_kinds():
        pytest.skip("the installed audio_common_msgs holds the format in every message")
    arguments = ("source:=topic", f"audio_topic:={topic}", "namespace:=robot1", "model:=tiny")
    with launched(workspace, *arguments, file="ser.launch.py"):
        observer.wait(lambda: observer.node.count_subscribers(audio) == 1, timeout_s=60)
        observer.wait(lambda: observer.node.count_subscribers(audio_info) == 1)


def test_a_launch_argument_that_does_not_exist_is_refused_with_the_nearest_name(workspace):
    line = failed(workspace, "engin:=onnx")
    assert line == "launch argument engin does not exist; did you mean engine?"
    line = failed(workspace, "file:=x.wav", "max_stream:=3", file="replay.launch.py")
    assert line == "launch argument max_stream does not exist; did you mean max_streams?"


def test_a_launch_argument_of_a_wrong_type_is_refused(workspace):
    line = failed(workspace, "audio_rate:=fast")
    assert line == "launch argument audio_rate: found 'fast'; accepted are whole numbers"
    line = failed(workspace, "respawn:=yes")
    assert line == "launch argument respawn: found 'yes'; accepted are true and false"
    line = failed(workspace, "params_file:=~/nothing.yaml", environment={"HOME": "/home/anna"})
    assert line == "params_file: found no file /home/anna/nothing.yaml; accepted is a YAML file"


def test_a_launch_file_that_includes_ours_has_arguments_of_its_own(observer, workspace, tmp_path):
    file = tmp_path / "ser.launch.py"  # the name is not reserved
    file.write_text(INCLUDING)
    with launched(workspace, "engin:=diesel", file=file) as process:
        observer.wait(lambda: "model tiny is ready" in process.log(), timeout_s=60)


@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("~/no venv", "found no folder {home}/no venv"),
        (".", "found no Python {home}/bin/python3"),
    ],
)
def test_a_wrong_venv_is_one_line(workspace, tmp_path, monkeypatch, folder, problem):
    monkeypatch.chdir(tmp_path)
    line = failed(workspace, venv=folder, environment={"HOME": str(tmp_path)})
    advice = "one is made by: ros2 run ser_stream create_venv FOLDER"
    assert line == f"venv: {problem.format(home=tmp_path)}; {advice}"


def test_a_venv_of_another_python_is_one_line(workspace, tmp_path):
    ours = "{}.{}".format(*sys.version_info)
    others = [
        python
        for python in Path.home().glob(".pyenv/versions/3.1[0-9].*/bin/python")
        if f"/{ours}." not in str(python)
    ]
    if not others:
        pytest.skip("no other Python, from pyenv")
    subprocess.run([others[0], "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    line = failed(workspace, venv=tmp_path / "venv")
    assert re.match(rf"venv: {tmp_path}/venv has Python 3\.1\d; accepted is {ours}", line)


def test_a_missing_module_is_one_line_and_the_node_is_not_restarted(workspace, tmp_path):
    """An environment without the packages, named with `~` and a space."""
    EnvBuilder(symlinks=True).create(tmp_path / "my venv")
    options = {"file": "ser.launch.py", "venv": "~/my venv", "environment": {"HOME": str(tmp_path)}}
    with launched(workspace, **options) as process:
        assert process.wait(timeout=60) == 0  # it ends by itself
    log = process.log()
    (line,) = [line for line in log.splitlines() if "ser_node: Python" in line]
    assert f"({tmp_path}/my venv/bin/python3) has no module" in line
    assert "onnxruntime" in line
    folder = f"'{tmp_path}/my venv'"
    assert line.endswith(
        f"run `ros2 run ser_stream create_venv {folder}` and launch the node with venv:={folder}"
    )
    assert log.count("process started") == 1
    assert "exit code 2" in log
    assert "Traceback" not in log


def test_arguments_of_ros_that_cannot_be_used_are_one_line(workspace, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text("/**: {ros__parameters: [")
    with launched(workspace, f"params_file:={params}", file="ser.launch.py") as process:
        assert process.wait(timeout=60) == 0
    assert process.log().count("process started") == 1
    assert str(params) in next(
        line for line in process.log().splitlines() if "] ser_node: " in line
    )
    assert "Traceback" not in process.log()


def test_launch_publishes_emotions_and_ends_with_code_0(observer, workspace, speech_path):
    expression, *_ = types()
    emotions = observer.subscribe("/robot1/emotion", expression)
    arguments = (f"file:={speech_path}", "model:=tiny", "namespace:=robot1")
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
    observer, workspace, tmp_path, speech_path
):
    params = tmp_path / "params.yaml"
    parameters = {"model": "tiny", "source": "file", "file": str(speech_path), "voice_id": "b"}
    params.write_text(json.dumps({"/**": {"ros__parameters": parameters}}))
    expression, *_ = types()
    emotions = observer.subscribe("/humans/voices/anna/expression", expression)
    arguments = (f"params_file:={params}", "voice_id:=anna")
    with launched(workspace, *arguments, file="ser.launch.py") as process:
        observer.wait(lambda: emotions, timeout_s=60)
        assert "model tiny is ready" in process.log()


def test_a_params_file_of_other_nodes_is_one_line(workspace, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text("ser_stream: {ros__parameters: {model: tiny}}")
    line = failed(workspace, f"params_file:={params}", "namespace:=robot1")
    assert line == (
        f"params_file: found only keys of other nodes in {params}: ser_stream; accepted is "
        "/robot1/ser_stream, or /** for every node"
    )


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


def test_a_node_that_dies_is_restarted(observer, workspace):
    def node_pids():
        children = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
        ).stdout.split()
        return [int(child) for child in children]

    with launched(workspace, "model:=tiny", file="ser.launch.py") as process:
        observer.wait(lambda: "model tiny is ready" in process.log(), timeout_s=60)
        (pid,) = node_pids()
        os.kill(pid, signal.SIGKILL)
        observer.wait(lambda: process.log().count("model tiny is ready") == 2, timeout_s=60)
        assert node_pids() != [pid]
    assert process.returncode == 0


def test_every_lifecycle_transition_works_twice_under_launch_testing(
    workspace, tmp_path, speech_path
):
    params = tmp_path / "params.yaml"
    require_node()
    params.write_text(json.dumps({"/**": {"ros__parameters": {"autostart": False}}}))
    arguments = dict(file=speech_path, model="tiny", params_file=params, venv=sys.prefix)
    variables = {f"SER_STREAM_TEST_{name.upper()}": str(v) for name, v in arguments.items()}
    started = time.monotonic()
    result = subprocess.run(
        ["launch_test", str(ROOT / "tests" / "support" / "launch_lifecycle.py")],
        env=workspace | variables, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert time.monotonic() - started > 4  # two rounds of two seconds each did run
