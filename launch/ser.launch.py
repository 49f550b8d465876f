"""Speech emotion recognition on a microphone, or on a topic of audio messages."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = [
    DeclareLaunchArgument("model", default_value="default", description="Model: name or folder."),
    DeclareLaunchArgument(
        "source",
        default_value="microphone",
        choices=["microphone", "topic", "file"],
        description="Where sound comes from.",
    ),
    DeclareLaunchArgument(
        "device", default_value="", description="Microphone: name, part of a name, or index."
    ),
    DeclareLaunchArgument("file", default_value="", description="Recording, for source:=file."),
    DeclareLaunchArgument(
        "audio_topic", default_value="audio", description="Topic of audio, for source:=topic."
    ),
    DeclareLaunchArgument(
        "audio_type",
        default_value="AudioDataStamped",
        choices=["AudioData", "AudioDataStamped", "AudioStamped"],
        description="Type of that topic.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([FindPackageShare("ser_stream"), "config", "ser.yaml"]),
        description="YAML file with all parameters; the arguments above go before it.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="Namespace: one per robot."),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error", "fatal"],
        description="What is logged.",
    ),
    DeclareLaunchArgument(
        "venv",
        default_value="",
        description="Virtual environment that has torch, if ROS's own Python does not.",
    ),
    DeclareLaunchArgument(
        "respawn",
        default_value="true",
        choices=["true", "false"],
        description="Start the node again if it dies.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """See `ros2 launch ser_stream ser.launch.py --show-args`."""
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
                name: ParameterValue(argument(name), value_type=str)
                for name in ("model", "source", "device", "file", "audio_type")
            },
        ],
        remappings=[("audio", argument("audio_topic"))],
        arguments=["--ros-args", "--log-level", argument("log_level")],
        prefix=python,
        output="screen",
        respawn=argument("respawn"),
        respawn_delay=2.0,
    )
    return LaunchDescription([*ARGUMENTS, node])
