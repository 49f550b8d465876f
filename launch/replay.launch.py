"""Launches the node on a recording, which is played at the speed of a microphone."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

SER = PathJoinSubstitution([FindPackageShare("ser_stream"), "launch", "ser.launch.py"])


def generate_launch_description() -> LaunchDescription:
    """Return what is launched; the arguments of ser.launch.py are accepted too."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("file", description="Recording: wav, flac, ogg, opus or mp3."),
            IncludeLaunchDescription(SER, launch_arguments={"source": "file"}.items()),
        ]
    )
