"""Doctests of the package: modules that need ROS 2 or DDS are left out where it is missing."""

from importlib.util import find_spec

NEED_ROS = ["ser_stream/ros/node.py", "ser_stream/ros/rclpy_transport.py"]
NEED_DDS = ["benchmarks/dds_subscriber.py"]

collect_ignore = [] if find_spec("rclpy") else NEED_ROS
collect_ignore += [] if find_spec("cyclonedds") else NEED_DDS
