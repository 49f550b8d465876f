"""ROS 2: what is published and when, over rclpy (the node) or Cyclone DDS (without ROS)."""
