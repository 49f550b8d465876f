"""What connects the package to a node of rclpy: publishers, subscriptions, log.

`RclpyTransport` is the `NodeTransport` of `ser_stream.ros.node_transport`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message
from rosidl_runtime_py.set_message import set_message_fields
from rosidl_runtime_py.utilities import get_message
from std_msgs.msg import Bool

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import (
    ANNOUNCED,
    info_class,
    message_class,
    message_type_name,
    types_text,
)
from ser_stream.ros.audio_reader import AudioReader
from ser_stream.ros.audio_topic import AudioMessages
from ser_stream.ros.message_limits import check_size
from ser_stream.ros.messages import DIAGNOSTICS, Content, Topic
from ser_stream.ros.node_transport import OnFlag
from ser_stream.units import Seconds

LAST_MESSAGES_WAIT: Seconds = 0.5
"""Longest time for which the last messages of publishers are waited for."""


class RclpyTransport:
    """Publishes and subscribes through rclpy.

    Diagnostics have a publisher all the time, other topics while open.

    Args:
        node: owns the publishers.
        warns: returns whether rclpy logs where another node's QoS does not fit. It costs two more
            objects per publisher and subscription, over all of which rclpy's executor loops for
            each message: too much where there are hundreds.
    """

    def __init__(self, node: LifecycleNode, warns: Callable[[], bool]) -> None:
        self._node = node
        self._warns = warns
        self._diagnostics = self._create(DIAGNOSTICS)
        self._publishers: dict[Topic, Any] = {}
        self._reader = AudioReader(node)

    def open(self, topics: Iterable[Topic]) -> None:
        for topic in topics:
            if topic != DIAGNOSTICS:
                self._publishers[topic] = self._create(topic)

    def close(self, topics: Iterable[Topic]) -> None:
        publishers = [self._publishers.pop(each) for each in topics if each in self._publishers]
        wait_until_received(publishers)
        for publisher in publishers:
            self._node.destroy_publisher(publisher)

    def publish(self, topic: Topic, content: Content) -> None:
        message = get_message(topic.type)()
        if topic.type == DIAGNOSTICS.type:  # rclpy has bytes of length 1 for the type byte
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

    def check_audio_type(self, audio_type: str) -> None:
        message_class(audio_type)

    def subscribe_to_audio(
        self, audio: AudioMessages, audio_type: str, topic: str = "audio"
    ) -> list[Any]:
        kind = message_class(audio_type)

        def on_bytes(data: bytes) -> None:
            push_bytes(audio, kind, data)

        subscription = self._node.create_subscription(
            kind,
            topic,
            on_bytes,
            # Best effort connects to both kinds of publisher. A shorter queue loses audio whenever
            # Python stalls.
            QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT),
            callback_group=self._reader.callback_group,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            event_callbacks=self._subscription_events(),
            raw=True,
        )
        self._reader.add(subscription, on_bytes, lambda: audio.due_at)
        if audio_type not in ANNOUNCED:  # each message holds its format
            return [subscription]
        try:
            info = self._node.create_subscription(
                info_class(),
                self._info_topic(topic),
                audio.push_info,
                10,
                event_callbacks=self._subscription_events(),
            )
        except BaseException:
            self.unsubscribe([subscription])
            raise
        return [subscription, info]

    def subscribe_to_flag(self, topic: str, on_flag: OnFlag) -> list[Any]:
        def on_message(message: Bool) -> None:
            on_flag(message.data)

        subscription = self._node.create_subscription(
            Bool, topic, on_message, 10, event_callbacks=self._subscription_events()
        )
        return [subscription]

    def unsubscribe(self, subscriptions: Iterable[Any]) -> None:
        for subscription in subscriptions:
            self._reader.remove(subscription)
            self._node.destroy_subscription(subscription)

    def topics(self) -> Mapping[str, Collection[str]]:
        return dict(self._node.get_topic_names_and_types())

    def full_topic_name(self, topic: str) -> str:
        return self._node.resolve_topic_name(topic)

    def count_publishers(self, topic: str) -> int:
        return self._node.count_publishers(topic)

    def other_type_problem(self, audio_type: str, topic: str = "audio") -> str:
        expected = message_type_name(audio_type)
        name = self.full_topic_name(topic)
        found = {info.topic_type for info in self._node.get_publishers_info_by_topic(name)}
        others = found - {expected}
        if not others:
            return ""
        return f"{name} is published as {types_text(others)}; audio_type is for {expected}"

    def _create(self, topic: Topic) -> Any:
        durability = (
            DurabilityPolicy.TRANSIENT_LOCAL if topic.transient_local else DurabilityPolicy.VOLATILE
        )
        qos = QoSProfile(
            depth=topic.depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability
        )
        override = QoSOverridingOptions.with_default_policies()
        return self._node.create_publisher(
            get_message(topic.type),
            topic.name,
            qos,
            qos_overriding_options=override,
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=self._warns()),
        )

    def _info_topic(self, topic: str) -> str:
        """Name of the topic that announces the format of an audio topic.

        It is `audio_info` beside the topic, whatever that is remapped to. Where the node's own
        `audio_info` is remapped itself, that counts for the node's own topic.
        """
        resolve = self._node.resolve_topic_name
        own = topic == "audio"
        if own and resolve("audio_info") != resolve("audio_info", only_expand=True):
            return "audio_info"
        return f"{resolve(topic).rpartition('/')[0]}/audio_info"

    def _subscription_events(self) -> SubscriptionEventCallbacks:
        return SubscriptionEventCallbacks(use_default_callbacks=self._warns())


def wait_until_received(publishers: Iterable[Any]) -> None:
    """Wait until subscribers have what was published last, such as `is_speaking: false`.

    A lost message is sent again only while its publisher exists.
    """
    deadline = time.monotonic() + LAST_MESSAGES_WAIT
    for publisher in publishers:
        publisher.wait_for_all_acked(Duration(seconds=max(0.0, deadline - time.monotonic())))


def push_bytes(audio: AudioMessages, kind: type, data: bytes) -> None:
    """Pass on a message, unless it is too large.

    rclpy's conversion takes about as much memory again as the bytes, and ends the process where
    there are less than four.
    """
    try:
        check_size(len(data))
        message = deserialize_message(data.ljust(4, b"\0"), kind)
    except (InputError, RuntimeError) as error:  # of rclpy: bytes that are no message of the type
        audio.refuse(InputError(" ".join(str(error).split())))
    else:
        audio.push_message(message)


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
