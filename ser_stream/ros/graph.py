"""What the package publishes in a ROS 2 graph, and when: one publisher for every transport.

The transports are `ser_stream.ros.node` (rclpy) and `ser_stream.ros.dds` (Cyclone DDS). This module
imports neither of them. What the messages contain is in `ser_stream.ros.messages`.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from ser_stream.emotion import EmotionEstimate
from ser_stream.ros.estimate_messages import estimate_messages
from ser_stream.ros.health import (
    ASR_COMPONENT,
    EMOTION_COMPONENT,
    ERROR,
    OK,
    STALE,
    Health,
    asr_report,
)
from ser_stream.ros.locales import language_field
from ser_stream.ros.messages import (
    DIAGNOSTICS,
    IS_SPEAKING,
    LISTENING,
    SPEECH,
    TRACKED_VOICES,
    Content,
    Report,
    Sound,
    Topic,
    diagnostics_message,
    flag_message,
    speech_message,
    tracked_message,
    voice_topics,
)
from ser_stream.ros.stamps import MonotonicStamps, to_ns, to_stamp
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.watchdog import InferenceWatchdog, ProblemLog
from ser_stream.units import Seconds
from ser_stream.words import Speech

logger = logging.getLogger("ser_stream.ros")

UPDATE_PERIOD_S: Seconds = 0.1
"""How often a transport calls `GraphPublisher.update`."""

DIAGNOSTICS_PERIOD_S: Seconds = 1.0


class Transport(Protocol):
    """Publishes messages; the only thing that the publisher knows about rclpy or DDS."""

    def publish(self, topic: Topic, content: Content) -> None:
        """Publish a message with this content on one of the topics of `published_topics`."""

    def now_ns(self) -> int:
        """Return the time of the clock that messages are stamped with, in ns since the epoch."""

    def ok(self) -> bool:
        """Return False after the transport was shut down and cannot publish any more."""

    def fields(self, message_type: str) -> Mapping[str, str]:
        """Return the fields of a message type, as the installed definition has them."""


@dataclasses.dataclass(frozen=True)
class NodeState:
    """State of the node at one moment.

    Attributes:
        status: status of the recogniser; None while there is none.
        active: a stream is running.
        model: name of the model.
        problem: why no sound can be used, where the status does not say so; "" = no problem.
        asr_problem: why speech recognition could not be started; "" = no problem.
        ended: the source, a recording, has been read to its end.
        left_out: number of messages of audio that could not be used.
    """

    status: StreamStatus | None = None
    active: bool = True
    model: str = ""
    problem: str = ""
    asr_problem: str = ""
    ended: bool = False
    left_out: int = 0


class GraphPublisher:
    """Publishes estimates, words, whether someone speaks, and diagnostics.

    `listening` tells the people present whether emotions are being recognised: it is true between
    `on_source` and `on_end` while recognition is enabled. While it is false, neither estimates nor
    words are published, also those of sound that came before.

    Methods may be called from any thread.

    Args:
        transport: delivers the messages.
        node_name: full name of the node, for diagnostics.
        language: language that is spoken, for `speech`; "": what speech recognition says.
        voice_id: publish under `/humans/voices/<voice_id>/` too; "" = do not.
        on_inference_timeout: called with an error message when inference is regarded as hung, after
            the end of the stream and an error in diagnostics were published. None: the program
            looks at the status itself, and nothing of it is logged here.
        clock: monotonic time in seconds.

    Raises:
        InputError: the voice id cannot be part of a topic name.
    """

    def __init__(
        self,
        transport: Transport,
        node_name: str,
        language: str = "",
        voice_id: str = "",
        on_inference_timeout: Callable[[str], None] | None = logger.error,
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._node_name = node_name
        self._language = language
        self._voice_id = voice_id
        self._voice_topics = voice_topics(voice_id) if voice_id else {}
        self._clock = clock
        self._lock = threading.RLock()  # `on_inference_timeout` may call `on_end`
        self._stamps = MonotonicStamps()
        self._source_name = "none"
        self._source_has_ros_time = False
        self._frame_id: Callable[[], str] = str
        self._streaming = False
        self._enabled = True
        self._flags: dict[Topic, bool] = {}  # what was published last
        self._health = Health()
        self._next_diagnostics_s = clock()
        self._problems = ProblemLog()
        self._watchdog = InferenceWatchdog(clock, logs=on_inference_timeout is not None)
        self._on_inference_timeout = on_inference_timeout

    def on_source(
        self,
        name: str,
        has_ros_time: bool = False,
        frame_id: Callable[[], str] | None = None,
    ) -> None:
        """Begin the stream of a source.

        Args:
            name: name of the source, for diagnostics.
            has_ros_time: the times of the source are those of the transport's clock, and estimates
                are stamped with them. Otherwise they are stamped with the current time minus their
                latency.
            frame_id: returns the frame of the source's messages, for those that are published about
                its sound; None: it has none.
        """
        with self._lock:
            self._source_name = name
            self._source_has_ros_time = has_ros_time
            self._frame_id = frame_id or str
            self._streaming = True
            self._health = Health()
            self._publish_listening()
            self._publish_tracked([self._voice_id])

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        """Publish an estimate.

        It is stamped with the time at which its last sample was captured. For an utterance that is
        the last sample of the turn, before the pause that ended it.
        """
        with self._lock:
            if not self.listening:
                return
            self._health.add(estimate)
            sound = self._sound(estimate, estimate.trigger, estimate.modality)
            for topic, content in estimate_messages(estimate, sound):
                self._publish(topic, content)

    def on_speech(self, speech: Speech) -> None:
        """Publish the words of a turn, at its end or so far."""
        with self._lock:
            if not self.listening:
                return
            sound = self._sound(speech, SPEECH.name)
            field = language_field(self._transport.fields(SPEECH.type))
            self._publish(SPEECH, speech_message(speech, self._language, sound, field))

    def enable(self, enabled: bool) -> None:
        """Set whether emotions are recognised, in this stream and in those that follow."""
        with self._lock:
            self._enabled = enabled
            self._publish_listening()

    def update(self, state: NodeState) -> None:
        """Publish what follows from the state: call it every `UPDATE_PERIOD_S`.

        Publishes `is_speaking` when it has changed and diagnostics once a second, logs problems of
        the source and their end, and checks that inference does not hang.
        """
        now_s = self._clock()
        with self._lock:
            hangs = False
            if state.active and state.status is not None:
                self._publish_flag(IS_SPEAKING, self._streaming and state.status.speaking)
                problem = state.problem or state.status.source
                if self._on_inference_timeout is not None:
                    self._problems.update(problem, now_s, self._source_name)
                hangs = self._watchdog.update(state.status.scoring_s)
            if hangs:
                self.on_end()
                self._next_diagnostics_s = now_s  # for the process may end below
            if now_s >= self._next_diagnostics_s:
                self._publish_diagnostics(state)
                self._next_diagnostics_s += DIAGNOSTICS_PERIOD_S
                if self._next_diagnostics_s <= now_s:  # the process was stopped for a while
                    self._next_diagnostics_s = now_s + DIAGNOSTICS_PERIOD_S
            if hangs and self._on_inference_timeout is not None:
                self._on_inference_timeout(self._watchdog.message)

    def on_end(self) -> None:
        """End the stream, and publish that nobody speaks and that nothing is recognised or tracked.

        Call it before the first stream too: `is_speaking` and `listening` have a value then.
        """
        with self._lock:
            was_streaming, self._streaming = self._streaming, False
            self._publish_flag(IS_SPEAKING, False)
            self._publish_listening()
            if was_streaming:
                self._publish_tracked([])  # it is latched: late subscribers get the last one

    @property
    def listening(self) -> bool:
        """Whether results are published: a stream runs, and recognition is enabled."""
        return self._streaming and self._enabled

    def _sound(self, result: EmotionEstimate | Speech, *kind: str) -> Sound:
        """The sound of a result; `kind` identifies the sequence of its stamps."""
        end = self._stamps.next(self._capture_ns(result), *kind)
        start_ns = to_ns(end) - round((result.end_s - result.start_s) * 1e9)
        return Sound(to_stamp(start_ns), end, self._frame_id(), self._source_name, self._node_name)

    def _capture_ns(self, result: EmotionEstimate | Speech) -> int:
        """Time at which the last sample of a result was captured."""
        if self._source_has_ros_time:
            return round(result.end_s * 1e9)
        return self._transport.now_ns() - round(result.latency_ms * 1e6)

    def _publish_listening(self) -> None:
        self._publish_flag(LISTENING, self.listening)

    def _publish_tracked(self, voice_ids: list[str]) -> None:
        if self._voice_id:
            stamp = to_stamp(self._transport.now_ns())
            self._publish(TRACKED_VOICES, tracked_message(voice_ids, stamp))

    def _publish_flag(self, topic: Topic, value: bool) -> None:
        """Publish a value if it has changed."""
        if self._flags.get(topic) != value:
            self._flags[topic] = value
            self._publish(topic, flag_message(value))

    def _publish_diagnostics(self, state: NodeState) -> None:
        stamp = to_stamp(self._transport.now_ns())
        reports = {EMOTION_COMPONENT: self._emotion_report(state)}
        if state.asr_problem:
            reports[ASR_COMPONENT] = (ERROR, state.asr_problem, {})
        elif state.status is not None and state.status.asr is not None:
            reports[ASR_COMPONENT] = asr_report(state.status.asr, state.status.text_error)
        content = diagnostics_message(self._node_name, self._source_name, reports, stamp)
        self._publish(DIAGNOSTICS, content)

    def _emotion_report(self, state: NodeState) -> Report:
        if state.status is None:
            return STALE, "not configured", {}
        if not state.active:
            return STALE, "not active", {}
        level, message, values = self._health.report(state.status, state.problem, state.left_out)
        if state.ended:
            level, message = OK, "the recording has ended"
        if self._watchdog.message:
            level, message = ERROR, self._watchdog.message
        return level, message, {**values, "model": state.model}

    def _publish(self, topic: Topic, content: Content) -> None:
        if not self._transport.ok():
            return
        self._transport.publish(topic, content)
        if topic in self._voice_topics:
            self._transport.publish(self._voice_topics[topic], content)
