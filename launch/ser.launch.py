"""Speech emotion recognition on a microphone, or on a topic of audio messages."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PARAMETERS = {
    "model": "Model: name or folder.",
    "source": "Where sound comes from.",
    "device": "Microphone: name, part of a name, or index.",
    "file": "Recording, for source:=file.",
    "audio_type": "Type of the topic of audio, for source:=topic.",
    "asr": "Speech recogniser.",
    "asr_model": "Of faster_whisper: size, repository of the Hugging Face Hub, or folder.",
    "asr_language": "Language code such as en.",
    "asr_grammar": "Of pocketsphinx: file of what may be said.",
    "text_model": "Model that sees words beside sound, such as can-english; needs asr.",
}
"""Parameters of the node that may be named in the launch command; "" leaves them to params_file."""

CHOICES = {
    "source": ["", "microphone", "topic", "file"],
    "audio_type": ["", "AudioData", "AudioDataStamped", "AudioStamped"],
    "asr": ["", "none", "pocketsphinx", "faster_whisper"],
}

ARGUMENTS = [
    *(
        DeclareLaunchArgument(
            name,
            default_value="",
            choices=CHOICES.get(name),
            description=f"{what} Empty: as params_file.",
        )
        for name, what in PARAMETERS.items()
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([FindPackageShare("ser_stream"), "config", "ser.yaml"]),
        description="YAML file with all parameters.",
    ),
    DeclareLaunchArgument(
        "audio_topic", default_value="audio", description="Topic of audio, for source:=topic."
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
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_node)])


def _node(context: LaunchContext) -> list[Node]:
    argument = LaunchConfiguration
    texts = {name: argument(name).perform(context) for name in PARAMETERS}
    named = {n: ParameterValue(text, value_type=str) for n, text in texts.items() if text}
    python = PythonExpression(["'", argument("venv"), "' and '", argument("venv"), "/bin/python3'"])
    node = Node(
        package="ser_stream",
        executable="ser_node",
        name="ser_stream",
        namespace=argument("namespace"),
        parameters=[argument("params_file"), *([named] if named else [])],
        remappings=[("audio", argument("audio_topic"))],
        arguments=["--ros-args", "--log-level", argument("log_level")],
        prefix=python,
        output="screen",
        respawn=argument("respawn"),
        respawn_delay=2.0,
    )
    return [node]
