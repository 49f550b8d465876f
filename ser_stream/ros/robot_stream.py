"""One of several streams of a node: a robot's topics, in the robot's namespace. Needs no rclpy."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

from ser_stream.audio.block import AudioBlock
from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.ros.audio_topic import AudioMessages
from ser_stream.ros.graph import GraphPublisher, NodeState, Transport
from ser_stream.ros.messages import Content, Topic, published_topics
from ser_stream.ros.names import full_name
from ser_stream.ros.node_parameters import FleetSettings
from ser_stream.ros.node_transport import NodeTransport
from ser_stream.ros.source_log import FormatLog
from ser_stream.ros.stream_names import StreamTopic
from ser_stream.stream.pool import StreamPool
from ser_stream.units import Seconds

STREAM_TOPICS = published_topics()
"""What is published of each robot."""


class NamespacedTransport:
    """A `Transport` whose relative topics are in a namespace.

    Args:
        transport: delivers the messages.
        namespace: precedes the topics' names.
    """

    def __init__(self, transport: Transport, namespace: str) -> None:
        self._transport = transport
        self._namespace = namespace
        self.named = functools.cache(self._named)

    def _named(self, topic: Topic) -> Topic:
        return dataclasses.replace(topic, name=full_name(topic.name, self._namespace))

    def publish(self, topic: Topic, content: Content) -> None:
        self._transport.publish(self.named(topic), content)

    def now_ns(self) -> int:
        return self._transport.now_ns()

    def ok(self) -> bool:
        return self._transport.ok()

    def fields(self, message_type: str) -> Mapping[str, str]:
        return self._transport.fields(message_type)


class RobotStream:
    """Subscribes to a robot's sound and publishes its emotions, from construction until `close`.

    The methods are called in one thread, but for `publish_end`. Estimates are published in the
    pool's thread.

    Args:
        transport: publishes and subscribes.
        pool: computes the estimates.
        stream: the robot's topic and namespace.
        settings: of all streams, at present.
        node_name: full name of the node that diagnostics ascribe the stream to.
        end_process: called with the reason when recognition fails or hangs.

    Raises:
        InputError: the pool has no room for another stream.
        Exception: rclpy cannot create a publisher or a subscription; nothing is left open.
    """

    def __init__(
        self,
        transport: NodeTransport,
        pool: StreamPool,
        stream: StreamTopic,
        settings: FleetSettings,
        node_name: str,
        end_process: Callable[[str], None],
    ) -> None:
        self.stream = stream
        self._transport = transport
        self._audio_type = settings.audio_type
        self._end_process = end_process
        self._model = pool.info.name
        named = NamespacedTransport(transport, stream.namespace)
        self._topics = [named.named(topic) for topic in STREAM_TOPICS]
        self._graph = GraphPublisher(named, node_name, on_inference_timeout=end_process)
        self._audio = AudioMessages(
            settings.audio_format,
            self._push,
            now_s=lambda: transport.now_ns() * 1e-9,
            name=f"topic {stream.topic}",
        )
        self._format_log = FormatLog(self._audio.name)
        self._type_problem = ""
        self._grace_until_s = time.monotonic() + self._audio.MAX_SILENCE_S
        self._interrupted = False
        self._enabled = settings.enabled
        self._robot_speaks = False
        self._pooled = pool.open(stream.namespace, self._on_estimate, self._audio.settle_s)
        self._subscriptions: list[Any] = []
        self._opened = False  # whether all topics have a publisher
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        self._transport.open(self._topics)
        self._opened = True
        self.enable(self._enabled)
        self._graph.on_source(self._audio.name, True, frame_id=lambda: self._audio.frame_id)
        self._subscriptions += self._transport.subscribe_to_flag(
            f"{self.stream.namespace}/robot_speaking", self._on_robot_speaking
        )
        self._subscriptions += self._transport.subscribe_to_audio(
            self._audio, self._audio_type, self.stream.topic
        )

    @property
    def dropped_s(self) -> Seconds:
        """Length of the sound that was dropped because the pool could not keep up."""
        return self._pooled.status.dropped_s

    def enable(self, enabled: bool) -> None:
        """Set whether emotions are recognised."""
        self._enabled = enabled
        self._graph.enable(enabled)
        self._update_muted()

    def check_type(self) -> None:
        """Look whether the topic is published with another type: call it once a second."""
        self._type_problem = ""
        if self._audio.last_error:
            self._type_problem = self._transport.other_type_problem(
                self._audio_type, self.stream.topic
            )

    def update(self) -> None:
        """Publish what follows from the state: call it every `UPDATE_PERIOD_S`."""
        interrupted = self._audio.interrupted
        if interrupted and not self._interrupted:
            self._push(None)
        self._interrupted = interrupted
        self._graph.update(
            NodeState(
                self._pooled.status,
                model=self._model,
                problem=self._problem(),
                left_out=self._audio.left_out,
            )
        )

    def end(self) -> None:
        """Receive nothing any more, without waiting for the last estimate."""
        self._transport.unsubscribe(self._subscriptions)
        self._subscriptions = []
        self._pooled.close(timeout_s=0.0)

    def close(self, timeout_s: Seconds | None = None) -> None:
        """End the stream: its last estimate is waited for, but not longer than the timeout."""
        self.end()
        self._pooled.close(timeout_s)
        self.publish_end()
        self._transport.close(self._topics)

    def publish_end(self) -> None:
        """Publish that nobody speaks and that nothing is recognised any more."""
        if self._opened:
            self._graph.on_end()

    def _problem(self) -> str:
        """What is wrong with the topic; "" while its first message may still be on its way."""
        if self._pooled.status.position_s == 0 and time.monotonic() < self._grace_until_s:
            return ""
        return self._type_problem or self._audio.last_error

    def _push(self, block: AudioBlock | None) -> None:
        """Pass a block, or None for an interruption, to the pool."""
        if block is not None:
            self._format_log.add(block)
        try:
            self._pooled.push_block(block)
        except InputError as error:  # the pool has ended it, and has logged why
            self._end_process(f"recognition failed: {error}")

    def _on_estimate(self, _: str, estimate: EmotionEstimate) -> None:
        self._graph.on_estimate(estimate)

    def _on_robot_speaking(self, speaks: bool) -> None:
        self._robot_speaks = speaks
        self._update_muted()

    def _update_muted(self) -> None:
        self._pooled.muted = self._robot_speaks or not self._enabled
