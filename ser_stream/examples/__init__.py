"""Programs that use the node's topics, to be read and copied.

They import nothing else of ser_stream, and run with ROS's own Python, without a virtual
environment.
"""
