"""What connects the package to a node of rclpy: publishers, audio subscriptions, log.

`RclpyTransport` is the transport of `ser_stream.ros.graph` in ROS 2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rosidl_runtime_py.set_message import set_message_fields
from rosidl_runtime_py.utilities import get_message

from ser_stream.ros.audio_messages import message_types
from ser_stream.ros.audio_topic import AudioTopic
from ser_stream.ros.messages import DIAGNOSTICS, Content, Topic


class RclpyTransport:
    """Publishes through rclpy. Diagnostics have a publisher all the time, other topics while open.

    Args:
        node: owns the publishers.
    """

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._diagnostics = self._create(DIAGNOSTICS)
        self._publishers: dict[Topic, Any] = {}

    def open(self, topics: Iterable[Topic]) -> None:
        """Create the publishers."""
        for topic in topics:
            if topic != DIAGNOSTICS:
                self._publishers[topic] = self._create(topic)

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers.clear()

    def publish(self, topic: Topic, content: Content) -> None:
        message = get_message(topic.type)()
        if topic == DIAGNOSTICS:  # rclpy has bytes of length 1 for the type byte
            statuses = [{**s, "level": bytes([s["level"]])} for s in content["status"]]
            content = {**content, "status": statuses}
        set_message_fields(message, content)
        (self._diagnostics if topic == DIAGNOSTICS else self._publishers[topic]).publish(message)

    def now_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds

    def ok(self) -> bool:
        return self._node.context.ok()

    def fields(self, message_type: str) -> Mapping[str, str]:
        return get_message(message_type).get_fields_and_field_types()

    def _create(self, topic: Topic) -> Any:
        durability = (
            DurabilityPolicy.TRANSIENT_LOCAL if topic.transient_local else DurabilityPolicy.VOLATILE
        )
        qos = QoSProfile(
            depth=topic.depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability
        )
        override = QoSOverridingOptions.with_default_policies()
        return self._node.create_publisher(
            get_message(topic.type), topic.name, qos, qos_overriding_options=override
        )


def subscribe_to_audio(node: LifecycleNode, audio_type: str, topic: AudioTopic) -> list[Any]:
    """Pass the messages on `audio` and `audio_info` to an `AudioTopic`; return the subscriptions.

    Raises:
        InputError: the installed audio_common_msgs does not have the message type.
    """
    messages = message_types(audio_type)
    subscription = node.create_subscription(
        getattr(messages, audio_type),
        "audio",
        topic.push_message,
        # Best effort connects to both kinds of publisher. A shorter queue loses audio whenever
        # Python stalls.
        QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT),
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )
    if audio_type == "AudioStamped":  # each message holds its format
        return [subscription]
    info = node.create_subscription(messages.AudioInfo, "audio_info", topic.push_info, 10)
    return [subscription, info]


def other_type_problem(node: LifecycleNode, audio_type: str) -> str:
    """Return a message if `audio` is published with another type, which is never received."""
    expected = f"audio_common_msgs/msg/{audio_type}"
    name = node.resolve_topic_name("audio")
    found = {info.topic_type for info in node.get_publishers_info_by_topic(name)} - {expected}
    if not found:
        return ""
    return f"{name} is published as {', '.join(sorted(found))}; audio_type is for {expected}"


class LogForwarder(logging.Handler):
    """Passes the package's log records to the node's logger, and so to /rosout."""

    def __init__(self, ros_logger: Any) -> None:
        super().__init__()
        self._logger = ros_logger

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(message)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(message)
        else:
            self._logger.info(message)
