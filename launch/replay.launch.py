"""Speech emotion recognition on a recording, at the speed of a microphone."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = [
    DeclareLaunchArgument("file", description="Recording: wav, flac, ogg, opus or mp3."),
    DeclareLaunchArgument("model", default_value="default", description="Model: name or folder."),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([FindPackageShare("ser_stream"), "config", "ser.yaml"]),
        description="YAML file with all parameters; the arguments above go before it.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="Namespace: one per robot."),
    DeclareLaunchArgument(
        "venv",
        default_value="",
        description="Virtual environment that has torch, if ROS's own Python does not.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """See `ros2 launch ser_stream replay.launch.py --show-args`."""
    argument = LaunchConfiguration
    python = PythonExpression(["'", argument("venv"), "' and '", argument("venv"), "/bin/python3'"])
    node = Node(
        package="ser_stream",
        executable="ser_node",
        name="ser_stream",
        namespace=argument("namespace"),
        parameters=[
            argument("params_file"),
            {
                "source": "file",
                "file": ParameterValue(argument("file"), value_type=str),
                "model": ParameterValue(argument("model"), value_type=str),
            },
        ],
        prefix=python,
        output="screen",
    )
    return LaunchDescription([*ARGUMENTS, node])
