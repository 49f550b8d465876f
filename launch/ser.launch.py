"""Launches the node on a microphone, a recording, or topics of audio messages."""

import shlex
import subprocess
import sys
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction
from launch.events import matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from ser_stream.errors import InputError
from ser_stream.ros.launch_arguments import check_names, read_arguments
from ser_stream.ros.venv import absolute, venv_python

FILES = ("ser.launch.py", "replay.launch.py")
"""The launch files of this package: one of them includes the other."""

PARAMETERS = read_arguments(Path(__file__).with_name("parameters.json"))

ARGUMENTS = [
    *(
        DeclareLaunchArgument(
            parameter.name,
            default_value="",
            choices=["", *parameter.choices] if parameter.choices else None,
            description=f"{parameter.description} Not given: as in params_file.",
        )
        for parameter in PARAMETERS
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
        "use_sim_time",
        default_value="",
        choices=["", "true", "false"],
        description="Whether the node's time is that of /clock. Not given: as in params_file.",
    ),
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
    DeclareLaunchArgument(
        "respawn",
        default_value="true",
        choices=["true", "false"],
        description="Restart the node if it dies. Not after a configuration error.",
    ),
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
    if any(Path(argument).name in FILES for argument in sys.argv):  # nobody includes this file
        names = (argument.partition(":=")[0] for argument in context.argv)
        check_names(names, list(given))
    parameters = {p.name: p.value(given[p.name]) for p in PARAMETERS if given[p.name]}
    if given["use_sim_time"]:
        parameters["use_sim_time"] = given["use_sim_time"] == "true"
    remappings = [("audio", given["audio_topic"])]
    if given["audio_info"]:
        remappings.append(("audio_info", given["audio_info"]))
    node = Node(
        package="ser_stream",
        executable="ser_node",
        exec_name="ser_node",  # in the log, not the first word of the prefix
        name="ser_stream",
        namespace=given["namespace"],
        parameters=[_params_file(given["params_file"]), *([parameters] if parameters else [])],
        remappings=remappings,
        arguments=["--ros-args", "--log-level", given["log_level"]],
        prefix=[LaunchConfiguration("launch-prefix", default=""), " ", _prefix(given["venv"])],
        output="screen",
        respawn=given["respawn"] == "true",
        respawn_delay=2.0,
        on_exit=_after_exit,
    )
    return [node]


def _params_file(path: str) -> str:
    """Return the path of the file with parameters; without it, launch would only warn."""
    file = absolute(path)
    if not file.is_file():
        raise InputError(f"params_file: found no file {file}; accepted is a YAML file")
    return str(file)


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

    Launch restarts whatever its exit code is, unless the action is shut down meanwhile.
    """
    if event.returncode in (0, 2):
        return EmitEvent(event=ShutdownProcess(process_matcher=matches_action(event.action)))
    return None
