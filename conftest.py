"""Doctests of the package: modules that need a missing optional package are left out."""

from importlib.util import find_spec

NEEDED = {
    "hri_msgs": [
        "ser_stream/examples/dialogue_manager.py",
        "ser_stream/examples/py_trees_dialogue.py",
    ],
    "rclpy": [
        "benchmarks/ros_start.py",
        "ser_stream/examples/dialogue_manager.py",
        "ser_stream/examples/listening_notice.py",
        "ser_stream/examples/py_trees_dialogue.py",
        "ser_stream/examples/running.py",
        "ser_stream/ros/audio_reader.py",
        "ser_stream/ros/enable_service.py",
        "ser_stream/ros/node.py",
        "ser_stream/ros/rclpy_transport.py",
    ],
    "livekit": ["ser_stream/examples/livekit_agent.py", "ser_stream/integrations/livekit.py"],
    "pipecat": ["ser_stream/examples/pipecat_bot.py", "ser_stream/integrations/pipecat.py"],
    "pocketsphinx": ["ser_stream/examples/pipecat_bot.py"],
    "cyclonedds": ["benchmarks/dds_subscriber.py", "ser_stream/examples/dialogue_manager_dds.py"],
    "starlette": [
        "ser_stream/serving/app.py",
        "ser_stream/serving/connection.py",
        "ser_stream/serving/server.py",
        "ser_stream/serving/stream_socket.py",
        "ser_stream/serving/watch_socket.py",
    ],
    "uvicorn": ["ser_stream/serving/server.py"],
    "prometheus_client": ["ser_stream/serving/metrics.py", "ser_stream/serving/app.py"],
    "websockets": ["ser_stream/examples/serve_client.py"],
    "py_trees": [
        "ser_stream/examples/emotion_tree.py",
        "ser_stream/examples/py_trees_dialogue.py",
    ],
}
"""Package -> modules that cannot be imported without it."""

collect_ignore = [path for name, paths in NEEDED.items() if not find_spec(name) for path in paths]
