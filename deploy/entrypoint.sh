#!/bin/bash
# Runs a command in the environment of ROS and of the workspace beside this script:
#     ROS_DISTRO=jazzy /opt/ser_stream/entrypoint.sh ros2 topic list
set -e
folder=$(dirname "$(readlink -f "$0")")
source "/opt/ros/${ROS_DISTRO:?set it to humble or jazzy}/setup.bash"
source "$folder/install/setup.bash"
exec "$@"
