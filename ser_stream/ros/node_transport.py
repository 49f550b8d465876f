"""What the streams of a node need of rclpy. `ser_stream.ros.rclpy_transport` implements it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from ser_stream.ros.audio_topic import AudioMessages
from ser_stream.ros.graph import Transport
from ser_stream.ros.messages import Topic

OnFlag = Callable[[bool], None]
"""Called with the value of each message on a topic of std_msgs/msg/Bool."""


class NodeTransport(Transport, Protocol):
    """Publishes and subscribes. Its methods are called in the thread of rclpy's executor."""

    def open(self, topics: Iterable[Topic]) -> None:
        """Create the publishers of topics."""

    def close(self, topics: Iterable[Topic]) -> None:
        """Destroy the publishers of topics."""

    def check_audio_type(self, audio_type: str) -> None:
        """Check that a message type of audio is installed.

        Raises:
            InputError: the installed audio_common_msgs does not have it, or there is none.
        """

    def subscribe_to_audio(
        self, audio: AudioMessages, audio_type: str, topic: str = "audio"
    ) -> list[Any]:
        """Pass the messages of an audio topic, and of `audio_info` beside it; return subscriptions.

        Raises:
            InputError: see `check_audio_type`.
        """

    def subscribe_to_flag(self, topic: str, on_flag: OnFlag) -> list[Any]:
        """Pass the values of a topic of std_msgs/msg/Bool; return the subscription."""

    def unsubscribe(self, subscriptions: Iterable[Any]) -> None:
        """End subscriptions."""

    def topics(self) -> Mapping[str, Collection[str]]:
        """Return the topics of the graph: full name -> message types."""

    def full_topic_name(self, topic: str) -> str:
        """Return the name of a topic with its namespace, after remapping."""

    def count_publishers(self, topic: str) -> int:
        """Return the number of publishers of a topic."""

    def other_type_problem(self, audio_type: str, topic: str = "audio") -> str:
        """Return a message if a topic is published with another type, which is never received."""
