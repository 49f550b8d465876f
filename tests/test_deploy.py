"""Files for other programs agree with the package: deploy/, workflows, Foxglove's layout."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from paths import ROOT
from ser_stream.emotion import EMOTIONS
from ser_stream.ros import messages
from ser_stream.ros.names import full_name
from ser_stream.ros.parameters import BY_NAME

DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
COMPOSE = DEPLOY / "docker" / "compose.yaml"
UNIT = DEPLOY / "systemd" / "ser_stream.service"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ROS_WORKFLOW = ROOT / ".github" / "workflows" / "ros.yml"
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
STARTED_BY = [
    "/opt/ser_stream/venv/bin/python3",
    "/opt/ser_stream/install/ser_stream/lib/ser_stream/ser_node",
    "--ros-args", "--params-file", "/etc/ser_stream/ser.yaml",
]  # fmt: skip
"""The command that starts the node, everywhere."""

# Packages of the image and of the workflow that the node itself does not need.
OTHER_PACKAGES = {"rmw_cyclonedds_cpp", "launch_testing_ros"}
IN_EVERY_IMAGE = {
    "rclpy", "rcl_interfaces", "rosidl_runtime_py", "launch", "launch_ros", "ros2launch", "ros2run",
    "builtin_interfaces", "diagnostic_msgs", "std_msgs", "std_srvs",
}  # fmt: skip
"""Packages of ROS that the images contain."""


def text(path):
    return path.read_text(encoding="utf-8").replace("\\\n", " ")


def instructions(name):
    """Return the arguments of each such instruction of the Dockerfile."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return re.findall(rf"^{name} (.+)$", joined, re.MULTILINE)


def dependencies():
    """Return the packages that package.xml says are needed to run."""
    root = ElementTree.parse(ROOT / "package.xml").getroot()
    return {element.text for element in root.iter("exec_depend")}


def programs():
    """Return the programs that setup.py installs for `ros2 run`."""
    setup = text(ROOT / "setup.py")
    return {
        *re.findall(r'"([\w-]+) = ser_stream\.[\w.]+:main"', setup),
        *(Path(path).name for path in re.findall(r'"(scripts/\w+)"', setup)),
    }


def launch_arguments():
    declared = {
        name
        for path in (ROOT / "launch").glob("*.launch.py")
        for name in re.findall(r'DeclareLaunchArgument\(\s*"(\w+)"', text(path))
    }
    return declared | set(BY_NAME) | {"use_sim_time"}  # of the node, and of every node


@pytest.mark.parametrize("path", [DOCKERFILE, ROS_WORKFLOW], ids=lambda path: path.name)
def test_the_packages_of_ros_are_those_of_package_xml(path):
    named = re.findall(r"ros-\$\{?ROS_DISTRO\}?-([a-z-]+)", text(path))
    packages = {name.replace("-", "_") for name in named}
    assert packages - OTHER_PACKAGES <= dependencies()
    of_ubuntu = {name for name in dependencies() if name.startswith(("python3-", "portaudio"))}
    assert dependencies() - of_ubuntu - IN_EVERY_IMAGE <= packages


def test_the_image_contains_what_setup_py_installs(tmp_path):
    """The files that are let into the build are enough for a build."""
    lines = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    kept = [line[1:] for line in lines if line.startswith("!")]
    for name in kept:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "weights")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        elif source.exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, tmp_path / name)
    command = [sys.executable, "setup.py", "--quiet", "install_data", "--install-dir", "installed"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    share = tmp_path / "installed" / "share" / "ser_stream"
    assert (share / "launch" / "ser.launch.py").is_file()
    assert (share / "config" / "ser.yaml").is_file()
    for source in re.findall(r"src/ser_stream/(\S+)", " ".join(instructions("RUN"))):
        assert (tmp_path / source).is_file(), source


def test_the_dockerfile_is_one_for_both_distributions():
    assert instructions("ARG")[0] == "ROS_DISTRO=jazzy"
    assert instructions("FROM") == ["ros:${ROS_DISTRO}-ros-base"]
    assert instructions("USER")[-1] == "ser_stream"


def test_the_node_is_started_by_the_same_command_everywhere():
    (command,) = instructions("CMD")
    assert yaml.safe_load(command) == STARTED_BY
    assert instructions("ENTRYPOINT") == ['["/opt/ser_stream/entrypoint.sh"]']
    (unit,) = re.findall(r"^ExecStart=(.+)$", text(UNIT), re.MULTILINE)
    assert shlex.split(unit) == ["/opt/ser_stream/entrypoint.sh", *STARTED_BY]
    for service in yaml.safe_load(COMPOSE.read_text())["services"].values():
        started = service.get("command", STARTED_BY)
        assert started[: len(STARTED_BY)] == STARTED_BY
        rest = started[len(STARTED_BY) :]
        assert set(rest[::2]) <= {"-p"}
        assert {argument.split(":=")[0] for argument in rest[1::2]} <= set(BY_NAME)


def test_the_compose_file_names_files_that_exist():
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    assert set(services) == {"alsa", "pulse"}
    for service in services.values():
        context = COMPOSE.parent / service["build"]["context"]
        assert (context / service["build"]["dockerfile"]).is_file()
        assert set(service["build"]["args"]) == {"ROS_DISTRO"}
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source.startswith("$") or (COMPOSE.parent / source).is_file()
        assert service["read_only"] and service["restart"].startswith("on-failure")


def test_the_unit_does_not_restart_after_a_configuration_error():
    settings = dict(re.findall(r"^(\w+)=(.*)$", text(UNIT), re.MULTILINE))
    assert settings["Restart"] == "on-failure"
    assert settings["RestartPreventExitStatus"] == "2"
    assert settings["KillSignal"] == "SIGINT"


def test_systemd_accepts_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("not installed: systemd-analyze")
    unit = tmp_path / UNIT.name
    # The program need not exist on this computer.
    unit.write_text(
        UNIT.read_text().replace("ExecStart=/opt/ser_stream/entrypoint.sh", "ExecStart=/bin/true")
    )
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_runs_exists(path):
    workflow = yaml.safe_load(path.read_text())
    runs = [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]
    makefile = text(ROOT / "Makefile")
    for target in re.findall(r"\bmake ([a-z-]+)", " ".join(runs)):
        if target != "python":  # a package of Ubuntu follows the program's name
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for name in re.findall(r"\btests/[\w/.]+", " ".join(runs)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("path", [*PAGES, DOCKERFILE, *WORKFLOWS], ids=lambda path: path.name)
def test_programs_launch_files_and_arguments_of_ros_exist(path):
    for name in re.findall(r"ros2 run ser_stream (\w+)", text(path)):
        assert name in programs()
    for name, rest in re.findall(r"ros2 launch ser_stream (\S+)(.*)", text(path)):
        assert (ROOT / "launch" / name).is_file(), name
        arguments = set(re.findall(r"(\w+):=", rest.split("#")[0].split("`")[0]))
        assert arguments <= launch_arguments()


def message_paths(config):
    """Yield the topics and fields that the panels of Foxglove's layout show."""
    for key, value in config.items():
        if key in ("path", "value", "topicPath", "topicToRender"):
            yield value
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from message_paths(part)


def test_foxglove_shows_fields_of_topics_that_are_published():
    layout = json.loads((ROOT / "config" / "foxglove" / "ser.json").read_text())
    topics = {
        full_name(topic.name): topic.type
        for topic in vars(messages).values()
        if isinstance(topic, messages.Topic)
    }
    paths = list(message_paths(layout["configById"]))
    for path in paths:
        topic, *fields = re.sub(r"\[:\]|\{.*?\}", "", path).split(".")
        kind = topics[topic]
        for field in fields:
            kind = messages.MESSAGE_TYPES[kind][field].removesuffix("[]")
    classes = {match[1] for path in paths if (match := re.search(r'class_id=="(\w+)"', path))}
    assert classes == {"neutral", "happy", "sad", "angry", "scared", "disgusted", "surprised"}


def panels(layout):
    """Return the names of the panels that a layout arranges."""
    if isinstance(layout, str):
        return [layout]
    return panels(layout["first"]) + panels(layout["second"])


def test_foxglove_arranges_each_panel_once():
    layout = json.loads((ROOT / "config" / "foxglove" / "ser.json").read_text())
    assert sorted(panels(layout["layout"])) == sorted(layout["configById"])


def test_the_layout_of_sessions_shows_fields_that_they_have():
    pytest.importorskip("mcap", reason="the extra record is not installed")
    from ser_stream.sessions import mcap

    layout = json.loads((ROOT / "config" / "foxglove" / "session.json").read_text())
    assert sorted(panels(layout["layout"])) == sorted(layout["configById"])
    fields = {"/emotion": mcap.ESTIMATE, "/emotion/utterance": mcap.ESTIMATE}
    fields["/status"] = mcap.STATUS
    labels = set()
    for path in message_paths(layout["configById"]):
        topic, *names = path.split(".")
        if names[:1] == ["scores"]:
            labels.add(names[1])
        elif names:
            assert names[0] in fields[topic], path
    assert labels == set(EMOTIONS)


# The entry point, for real


def run_entrypoint(folder, *command, **variables):
    shutil.copy(DEPLOY / "entrypoint.sh", folder)
    environment = {k: v for k, v in os.environ.items() if k != "ROS_DISTRO"} | variables
    return subprocess.run(
        [folder / "entrypoint.sh", *command], env=environment, capture_output=True, text=True
    )


def test_the_entry_point_says_which_variable_it_needs(tmp_path):
    done = run_entrypoint(tmp_path, "true")
    assert done.returncode != 0
    assert "ROS_DISTRO: set it to humble or jazzy" in done.stderr


@pytest.mark.ros
def test_the_entry_point_runs_a_command_in_the_environment_of_ros_and_the_workspace(tmp_path):
    installed = sorted(Path("/opt/ros").glob("*/setup.bash"))
    if not installed:
        pytest.skip("no /opt/ros/*/setup.bash")
    (tmp_path / "install").mkdir()
    (tmp_path / "install" / "setup.bash").write_text("export SOURCED_AFTER=$AMENT_PREFIX_PATH\n")
    code = "import os, rclpy; print(os.environ['SOURCED_AFTER']); raise SystemExit(2)"
    ros = installed[-1].parent
    done = run_entrypoint(tmp_path, sys.executable, "-c", code, ROS_DISTRO=ros.name)
    assert done.returncode == 2, done.stderr
    assert str(ros) in done.stdout
