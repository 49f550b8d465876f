"""Launches the node on a microphone, a recording, or topics of audio messages."""

import atexit
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction
from launch.events import matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from ser_stream.errors import InputError
from ser_stream.ros.launch_arguments import (
    ParameterArgument,
    Value,
    check_names,
    check_node_keys,
    is_launched_directly,
    read_arguments,
)
from ser_stream.ros.main import CONFIGURATION_ERROR
from ser_stream.ros.venv import absolute, venv_python
from ser_stream.strict_yaml import read_yaml

NAME = "ser_stream"

PARAMETERS = read_arguments(Path(__file__).with_name("parameters.json"))

USE_SIM_TIME = ParameterArgument(
    "use_sim_time", "bool", "Whether the node's time is that of /clock. Accepted: true or false."
)
RESPAWN = ParameterArgument(
    "respawn",
    "bool",
    "Restart the node if it dies. Not after a configuration error. Accepted: true or false.",
)

ARGUMENTS = [
    *(
        DeclareLaunchArgument(
            parameter.name,
            default_value="",
            choices=["", *parameter.choices] if parameter.choices else None,
            description=f"{parameter.description} Not given: as in params_file.",
        )
        for parameter in (*PARAMETERS, USE_SIM_TIME)
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([FindPackageShare("ser_stream"), "config", "ser.yaml"]),
        description="YAML file with parameters of the node.",
    ),
    DeclareLaunchArgument(
        "audio_topic", default_value="audio", description="Topic of the audio, for source:=topic."
    ),
    DeclareLaunchArgument(
        "audio_info",
        default_value="",
        description="Topic of audio_common_msgs/AudioInfo. Not given: audio_info beside the topic "
        "of the audio.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="Namespace, one per robot."),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error", "fatal"],
        description="Least severe level that is logged.",
    ),
    DeclareLaunchArgument(
        "venv",
        default_value="",
        description="Folder of the virtual environment that create_venv has made. Not given: "
        "ROS's own Python runs the node.",
    ),
    DeclareLaunchArgument(RESPAWN.name, default_value="true", description=RESPAWN.description),
]


def generate_launch_description() -> LaunchDescription:
    """Return what is launched; the launch option `--show-args` lists the arguments."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_node)])


def _node(context: LaunchContext) -> list[Node]:
    """Return the node.

    Raises:
        InputError: a launch argument cannot be used. Launch prints it and ends with code 1.
    """
    given = {
        argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS
    }
    directly = is_launched_directly(sys.argv, Path(__file__).parent)
    if directly:
        names = (argument.partition(":=")[0] for argument in context.argv)
        check_names(names, list(given))
    parameters = {
        p.name: p.value(given[p.name]) for p in (*PARAMETERS, USE_SIM_TIME) if given[p.name]
    }
    base = context.launch_configurations.get("ros_namespace")
    namespace = make_namespace_absolute(prefix_namespace(base, given["namespace"]))
    full_name = prefix_namespace(namespace, NAME)
    files = [_params_file(given["params_file"], full_name, directly)]
    if parameters:
        files.append(_write_parameters(parameters, full_name))
    remappings = [("audio", given["audio_topic"])]
    if given["audio_info"]:
        remappings.append(("audio_info", given["audio_info"]))
    node = Node(
        package=NAME,
        executable="ser_node",
        exec_name="ser_node",  # in the log, not the first word of the prefix
        name=NAME,
        namespace=given["namespace"],
        parameters=files,
        remappings=remappings,
        arguments=["--ros-args", "--log-level", given["log_level"]],
        prefix=[LaunchConfiguration("launch-prefix", default=""), " ", _prefix(given["venv"])],
        output="screen",
        respawn=RESPAWN.value(given["respawn"]),
        respawn_delay=2.0,
        on_exit=_after_exit,
    )
    return [node]


def _params_file(path: str, node: str, directly: bool) -> str:
    """Return the path of the file with parameters; without it, launch would only warn.

    Args:
        node: full name of the node.
        directly: the argument is meant for this launch file, not handed down by one that includes
            it. A file for other nodes is an error in the first case, and a warning in the second.

    Raises:
        InputError: there is no such file, or it is for other nodes.
    """
    file = absolute(path)
    if not file.is_file():
        raise InputError(f"params_file: found no file {file}; accepted is a YAML file")
    if not os.access(file, os.R_OK):
        raise InputError(f"params_file: {file} cannot be read: it is not readable for this user")
    try:
        content = read_yaml(file, f"params_file: {file}")
    except InputError as error:  # rcl decides, and the node says what rcl refuses
        get_logger("launch").warning(f"{error}; the names of its nodes are not checked")
        return str(file)
    try:
        check_node_keys(file, content, node)
    except InputError as error:
        if directly:
            raise
        get_logger("launch").warning(str(error))
    return str(file)


def _write_parameters(parameters: Mapping[str, Value], node: str) -> str:
    """Return the path of a new file with parameters, which is removed when launch ends.

    The file that launch itself would write has texts without quotes, of which rcl takes some, such
    as 1e3, for numbers.
    """
    with NamedTemporaryFile(
        "w", encoding="utf-8", prefix="ser_stream_", suffix=".yaml", delete=False
    ) as file:  # the node reads it at every restart
        json.dump({node: {"ros__parameters": parameters}}, file, ensure_ascii=False)
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name


def _prefix(venv: str) -> str:
    """Return the command that runs the node's program: the Python, with signals blocked.

    The program unblocks them once it can end with code 0, so that none is lost or deadly while the
    interpreter starts.
    """
    python = shlex.quote(_python(venv))
    block = "env --block-signal=HUP,INT,TERM"
    try:
        subprocess.run([*block.split(), "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # not GNU's env, or older than 8.31
        return python
    return f"{block} {python}"


def _python(venv: str) -> str:
    if not venv:
        return sys.executable
    try:
        return str(venv_python(absolute(venv)))
    except InputError as error:
        raise InputError(
            f"venv: {error}; one is made by: ros2 run ser_stream create_venv FOLDER"
        ) from None


def _after_exit(event: ProcessExited, context: LaunchContext) -> EmitEvent | None:
    """Keep launch from restarting a node that was ended, or whose configuration is wrong.

    Launch restarts a process after any exit code. Shutting the action down prevents that.
    """
    if event.returncode in (0, CONFIGURATION_ERROR):
        return EmitEvent(event=ShutdownProcess(process_matcher=matches_action(event.action)))
    return None
