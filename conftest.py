"""Doctests of the package: a module that needs ROS 2 is left out where ROS 2 is missing."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("rclpy") else ["ser_stream/ros/node.py"]
