"""The node with several streams: one pool of streams, which robots join and leave.

::

    /robot1/audio --> RobotStream --+                  +--> /robot1/emotion ...
                                    +--> StreamPool ---+
    /robot2/audio --> RobotStream --+                  +--> /robot2/emotion ...

Which topics are served is in `ser_stream.ros.stream_names`. Needs no rclpy.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import is_audio_type, message_type_name, types_text
from ser_stream.ros.graph import DIAGNOSTICS_PERIOD_S
from ser_stream.ros.health import ERROR, OK, STALE, WARN
from ser_stream.ros.messages import DIAGNOSTICS, Report, diagnostics_message
from ser_stream.ros.node_parameters import FleetSettings
from ser_stream.ros.node_transport import NodeTransport
from ser_stream.ros.robot_stream import STREAM_TOPICS, RobotStream
from ser_stream.ros.security import explain_error
from ser_stream.ros.source_log import announced_text
from ser_stream.ros.stamps import to_stamp
from ser_stream.ros.stream_names import StreamTopic
from ser_stream.stream.pool import StreamPool
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream.ros")

POLL_PERIOD_S: Seconds = DIAGNOSTICS_PERIOD_S
"""How often the graph is asked for topics that have appeared or have lost their publishers."""

GONE_S: Seconds = 5.0
"""A stream that a pattern found ends when its topic has had no publisher for so long."""

CLOSE_TIMEOUT_S: Seconds = 5.0
"""Longest time that the end of all streams is waited for."""

COMPONENT = "streams"
"""The component whose report is on all streams together."""


class Fleet:
    """A pool, loaded and warmed up, which serves streams between `start` and `stop`.

    The methods are called in one thread. Estimates are published in the pool's thread.

    Args:
        transport: publishes and subscribes.
        pool: computes the estimates of all streams; closed by `close`.
        settings: which streams are served.
        node_name: full name of the node.
        end_process: called with the reason when recognition fails or hangs.
        clock: monotonic time in seconds.

    Raises:
        InputError: the message type of the audio is not installed.
        Exception: a message type of what is published is not installed.
    """

    def __init__(
        self,
        transport: NodeTransport,
        pool: StreamPool,
        settings: FleetSettings,
        node_name: str,
        end_process: Callable[[str], None],
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._pool = pool
        self._settings = settings
        self._node_name = node_name
        self._end_process = end_process
        self._clock = clock
        self._active = False
        self._enabled = settings.enabled
        self._streams: dict[str, RobotStream] = {}  # by namespace
        self._seen_s: dict[str, Seconds] = {}  # namespace -> when it last had a publisher
        self._refused: dict[str, str] = {}  # topic -> why it is not served
        self._past_dropped_s = 0.0  # sound of streams that have left
        self._reported_dropped_s = 0.0
        self._next_poll_s = clock()
        try:
            transport.check_audio_type(settings.audio_type)
            for topic in STREAM_TOPICS:
                transport.fields(topic.type)
        except BaseException:
            self.close()
            raise

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._pool.info.name

    def start(self) -> None:
        """Serve the named streams, and those that patterns find."""
        self._active = True
        self._next_poll_s = self._clock()
        logger.info(
            "active: source topic, streams %s (%s), %s, model %s, engine %s",
            ", ".join(self._settings.names.entries),
            self._settings.audio_type,
            announced_text(self._settings.audio_type, self._settings.audio_format),
            self.model,
            self._pool.engine,
        )

    def stop(self) -> None:
        """End all streams."""
        self._active = False
        deadline_s = time.monotonic() + CLOSE_TIMEOUT_S
        for robot in self._streams.values():
            robot.end()  # all of them, so that the pool ends them together
        for namespace in list(self._streams):
            self._leave(namespace, max(0.0, deadline_s - time.monotonic()))
        self._refused.clear()

    def close(self) -> None:
        """Free the pool."""
        self._pool.close(CLOSE_TIMEOUT_S)

    def change(self, changed: Mapping[str, Any]) -> None:
        """Apply parameters that change while the node runs.

        Raises:
            InputError: one of them cannot change where several streams are served.
        """
        fixed = sorted(set(changed) - {"enabled"})
        if fixed:
            raise InputError(
                f"{', '.join(fixed)}: cannot be changed while the node serves several streams; "
                "accepted is enabled; set the others before the node is configured"
            )
        self._enabled = changed.get("enabled", self._enabled)
        for stream in self._streams.values():
            stream.enable(self._enabled)

    def update(self) -> None:
        """Publish what follows from the state: call it every `UPDATE_PERIOD_S`.

        Once a second, streams join and leave, and diagnostics are published.
        """
        for stream in self._streams.values():
            stream.update()
        now_s = self._clock()
        if now_s < self._next_poll_s:
            return
        self._next_poll_s = now_s + POLL_PERIOD_S
        if self._active:
            self._poll(now_s)
        self._publish_diagnostics()

    def _poll(self, now_s: Seconds) -> None:
        """Let streams join and leave."""
        found, refused = self._found()
        for namespace, stream in found.items():
            if namespace not in self._streams or self._streams[namespace].stream == stream:
                self._seen_s[namespace] = now_s
        for namespace in list(self._streams):
            if now_s - self._seen_s[namespace] > GONE_S:
                self._leave(namespace, CLOSE_TIMEOUT_S)
        for namespace, stream in found.items():
            if namespace not in self._streams and (problem := self._join(stream)):
                refused[stream.topic] = problem
        for topic in refused.keys() - self._refused.keys():
            logger.error("%s: not served: %s", topic, refused[topic])
        self._refused = refused
        for robot in self._streams.values():
            robot.check_type()

    def _found(self) -> tuple[dict[str, StreamTopic], dict[str, str]]:
        """Return the streams that are to be served, by namespace; and why other topics are not.

        A namespace has one topic: the named one, else the one that is served, else the first.
        """
        found = {stream.namespace: stream for stream in self._settings.names.named}
        refused: dict[str, str] = {}
        matches = self._matches()
        for stream, types in matches:
            if self._has_type(types):
                other = found.setdefault(stream.namespace, stream).topic
                if other != stream.topic:
                    refused[stream.topic] = f"{stream.namespace} is served from {other}"
        for stream, types in matches:
            if stream.namespace not in found and any(map(is_audio_type, types)):
                refused[stream.topic] = (
                    f"it is published as {types_text(types)}; audio_type is "
                    f"{self._settings.audio_type}"
                )
        return found, refused

    def _matches(self) -> list[tuple[StreamTopic, Collection[str]]]:
        """Return the published topics that match a pattern, with their types; served ones first."""
        matches = [
            (stream, types)
            for topic, types in sorted(self._transport.topics().items())
            if (stream := self._settings.names.match(topic)) is not None
            and self._transport.count_publishers(topic)
        ]
        served = [robot.stream for robot in self._streams.values()]
        return sorted(matches, key=lambda match: match[0] not in served)

    def _has_type(self, types: Collection[str]) -> bool:
        return message_type_name(self._settings.audio_type) in types

    def _join(self, stream: StreamTopic) -> str:
        """Begin a stream; return why that is not possible, "" if it is."""
        try:
            robot = RobotStream(
                self._transport,
                self._pool,
                stream,
                dataclasses.replace(self._settings, enabled=self._enabled),
                f"{stream.namespace}/{self._node_name.rpartition('/')[2]}",
                self._fail,
            )
        except InputError as error:
            return str(error)
        except Exception as error:  # of rclpy: SROS2, QoS overrides, a name that is too long
            reason = explain_error(error, os.environ, sys.argv)
            return f"{type(error).__name__}: {reason}"
        self._streams[stream.namespace] = robot
        self._seen_s[stream.namespace] = self._clock()
        logger.info("%s: served, results in %s", stream.topic, stream.namespace)
        return ""

    def _fail(self, reason: str) -> None:
        """End the process, after publishing the end of all streams. Called in any thread."""
        for robot in list(self._streams.values()):
            robot.publish_end()
        self._end_process(reason)

    def _leave(self, namespace: str, timeout_s: Seconds) -> None:
        robot = self._streams.pop(namespace)
        self._seen_s.pop(namespace, None)
        robot.close(timeout_s)
        self._past_dropped_s += robot.dropped_s
        logger.info("%s: not served any more", robot.stream.topic)

    def _publish_diagnostics(self) -> None:
        stamp = to_stamp(self._transport.now_ns())
        content = diagnostics_message(
            self._node_name, "topics of audio", {COMPONENT: self._report()}, stamp
        )
        if self._transport.ok():
            self._transport.publish(DIAGNOSTICS, content)

    def _report(self) -> Report:
        """The state of all streams together; each has a report of its own, too."""
        dropped_s = self._past_dropped_s + sum(s.dropped_s for s in self._streams.values())
        values = {
            "streams open": str(len(self._streams)),
            "streams accepted": str(self._settings.max_streams),
            "dropped sound (s)": f"{dropped_s:.2f}",
            "model": self.model,
            **{f"not served: {topic}": why for topic, why in sorted(self._refused.items())},
        }
        newly_dropped_s = dropped_s - self._reported_dropped_s
        self._reported_dropped_s = dropped_s
        if not self._active:
            return STALE, "not active", values
        if self._refused:
            topic = min(self._refused)
            return (
                ERROR,
                f"{len(self._refused)} not served: {topic}: {self._refused[topic]}",
                values,
            )
        if newly_dropped_s > 0:
            return WARN, f"{newly_dropped_s:.1f} s of sound dropped: inference is too slow", values
        return OK, f"{len(self._streams)} served", values
