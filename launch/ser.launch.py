"""Launches the node on a microphone or on a topic of audio messages."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PARAMETERS = {
    "model": "Name or folder of the model.",
    "source": "Where the audio comes from.",
    "device": "Microphone: its name, a part of its name, or its index.",
    "file": "Recording to play, for source:=file.",
    "audio_type": "Message type of the audio, for source:=topic.",
    "streams": "Several robots in one process, for source:=topic: namespaces and patterns of "
    "topics, divided by spaces.",
    "asr": "Speech recogniser.",
    "asr_model": "Model of faster_whisper: size, repository of the Hugging Face Hub, or folder.",
    "asr_language": "Language code such as en.",
    "asr_grammar": "Grammar of pocketsphinx: a file that lists what can be said.",
    "text_model": "Model of audio and words, such as can-english; needs asr.",
}
"""Node parameters that are launch arguments too -> description; "" leaves them to params_file."""

CHOICES = {
    "source": ["", "microphone", "topic", "file"],
    "audio_type": ["", "AudioData", "AudioDataStamped", "AudioStamped", "AudioBuffer"],
    "asr": ["", "none", "pocketsphinx", "faster_whisper"],
}

ARGUMENTS = [
    *(
        DeclareLaunchArgument(
            name,
            default_value="",
            choices=CHOICES.get(name),
            description=f"{description} Empty: as in params_file.",
        )
        for name, description in PARAMETERS.items()
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([FindPackageShare("ser_stream"), "config", "ser.yaml"]),
        description="YAML file with parameters of the node.",
    ),
    DeclareLaunchArgument(
        "audio_topic", default_value="audio", description="Topic of the audio, for source:=topic."
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
        description="Virtual environment with torch, if ROS's own Python has none.",
    ),
    DeclareLaunchArgument(
        "respawn",
        default_value="true",
        choices=["true", "false"],
        description="Restart the node if it dies.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Return what is launched; the launch option `--show-args` lists the arguments."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_node)])


def _node(context: LaunchContext) -> list[Node]:
    argument = LaunchConfiguration
    values = {name: argument(name).perform(context) for name in PARAMETERS}
    given = {n: ParameterValue(value, value_type=str) for n, value in values.items() if value}
    python = PythonExpression(["'", argument("venv"), "' and '", argument("venv"), "/bin/python3'"])
    node = Node(
        package="ser_stream",
        executable="ser_node",
        name="ser_stream",
        namespace=argument("namespace"),
        parameters=[argument("params_file"), *([given] if given else [])],
        remappings=[("audio", argument("audio_topic"))],
        arguments=["--ros-args", "--log-level", argument("log_level")],
        prefix=python,
        output="screen",
        respawn=argument("respawn"),
        respawn_delay=2.0,
    )
    return [node]
