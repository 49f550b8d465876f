"""ROS 2: what is published, in `messages.py` (needs no ROS), and the node (needs rclpy)."""
