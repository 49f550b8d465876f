"""What the package publishes in a ROS 2 graph, and when: one publisher for every transport.

The transports are `ser_stream.ros.node` (rclpy) and `ser_stream.ros.dds` (Cyclone DDS). This module
imports neither of them. What the messages contain is in `ser_stream.ros.messages`.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from ser_stream.emotion import EmotionEstimate
from ser_stream.ros.health import (
    ASR_COMPONENT,
    EMOTION_COMPONENT,
    ERROR,
    STALE,
    Health,
    asr_report,
)
from ser_stream.ros.messages import (
    DIAGNOSTICS,
    IS_SPEAKING,
    SPEECH,
    TOPICS,
    TRACKED_VOICES,
    Content,
    Report,
    Topic,
    diagnostics_message,
    estimate_messages,
    language_field,
    speaking_message,
    speech_message,
    tracked_message,
    voice_topics,
)
from ser_stream.ros.stamps import MonotonicStamps, to_stamp
from ser_stream.stream.status import StreamStatus
from ser_stream.units import Seconds
from ser_stream.words import Speech

logger = logging.getLogger("ser_stream.ros")

UPDATE_PERIOD_S: Seconds = 0.1
"""How often a transport calls `GraphPublisher.update`."""

DIAGNOSTICS_PERIOD_S: Seconds = 1.0

RECOVERY_S: Seconds = 3.0
"""Recovery is reported only after so long without errors: intermittent errors do not count."""

INFERENCE_TIMEOUT_S: Seconds = 10.0
"""Inference on one window that takes longer is regarded as hung."""


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
    """

    status: StreamStatus | None = None
    active: bool = True
    model: str = ""
    problem: str = ""
    asr_problem: str = ""


def published_topics(voice_id: str = "") -> tuple[Topic, ...]:
    """Return all topics that a `GraphPublisher` with this voice id publishes.

    Raises:
        InputError: the id cannot be part of a topic name.
    """
    if not voice_id:
        return TOPICS
    return (*TOPICS, *voice_topics(voice_id).values(), TRACKED_VOICES)


class GraphPublisher:
    """Publishes estimates, words, whether someone speaks, and diagnostics.

    Methods may be called from any thread.

    Args:
        transport: delivers the messages.
        node_name: full name of the node, for diagnostics.
        language: language that is spoken, for `speech`; "" = unknown.
        voice_id: publish under `/humans/voices/<voice_id>/` too; "" = do not.
        on_inference_timeout: called with an error message when inference is regarded as hung.
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
        on_inference_timeout: Callable[[str], None] = logger.error,
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._node_name = node_name
        self._language = language
        self._voice_id = voice_id
        self._voice_topics = voice_topics(voice_id) if voice_id else {}
        self._clock = clock
        self._lock = threading.Lock()
        self._stamps = MonotonicStamps()
        self._source_name = "none"
        self._source_has_ros_time = False
        self._speaking: bool | None = None
        self._health = Health()
        self._next_diagnostics_s = clock()
        self._problems = ProblemLog()
        self._watchdog = InferenceWatchdog(on_inference_timeout)

    def on_source(self, name: str, has_ros_time: bool = False) -> None:
        """Begin the stream of a source.

        Args:
            name: name of the source, for diagnostics.
            has_ros_time: the times of the source are those of the transport's clock, and estimates
                are stamped with them. Otherwise they are stamped with the current time minus their
                latency.
        """
        with self._lock:
            self._source_name = name
            self._source_has_ros_time = has_ros_time
            if self._voice_id:
                stamp = to_stamp(self._transport.now_ns())
                self._publish(TRACKED_VOICES, tracked_message([self._voice_id], stamp))

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        """Publish an estimate.

        It is stamped with the time at which its last sample was captured. For an utterance that is
        the last sample of the turn, before the pause that ended it.
        """
        with self._lock:
            self._health.add(estimate)
            capture_ns = self._capture_ns(estimate)
            stamp = self._stamps.next(capture_ns, estimate.trigger, estimate.modality)
            for topic, content in estimate_messages(estimate, stamp):
                self._publish(topic, content)

    def on_speech(self, speech: Speech) -> None:
        """Publish the words of a turn, at its end or so far."""
        with self._lock:
            stamp = self._stamps.next(self._capture_ns(speech), SPEECH.name)
            field = language_field(self._transport.fields(SPEECH.type))
            self._publish(SPEECH, speech_message(speech, self._language, stamp, field))

    def update(self, state: NodeState) -> None:
        """Publish what follows from the state: call it every `UPDATE_PERIOD_S`.

        Publishes `is_speaking` when it has changed and diagnostics once a second, logs problems of
        the source and their end, and checks that inference does not hang.
        """
        now_s = self._clock()
        with self._lock:
            if state.active and state.status is not None:
                self._publish_speaking(state.status.speaking)
                problem = state.problem or state.status.source
                self._problems.update(problem, now_s, self._source_name)
                self._watchdog.update(state.status.scoring_s)
            if now_s >= self._next_diagnostics_s:
                self._publish_diagnostics(state)
                self._next_diagnostics_s += DIAGNOSTICS_PERIOD_S
                if self._next_diagnostics_s <= now_s:  # the process was stopped for a while
                    self._next_diagnostics_s = now_s + DIAGNOSTICS_PERIOD_S

    def publish_silence(self) -> None:
        """Publish that nobody speaks: call it before the first stream and after each one."""
        with self._lock:
            self._publish_speaking(False)

    def _capture_ns(self, result: EmotionEstimate | Speech) -> int:
        """Time at which the last sample of a result was captured."""
        if self._source_has_ros_time:
            return round(result.end_s * 1e9)
        return self._transport.now_ns() - round(result.latency_ms * 1e6)

    def _publish_speaking(self, speaking: bool) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            self._publish(IS_SPEAKING, speaking_message(speaking))

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
        level, message, values = self._health.report(state.status, state.problem)
        if self._watchdog.message:
            level, message = ERROR, self._watchdog.message
        return level, message, {**values, "model": state.model}

    def _publish(self, topic: Topic, content: Content) -> None:
        if not self._transport.ok():
            return
        self._transport.publish(topic, content)
        if topic in self._voice_topics:
            self._transport.publish(self._voice_topics[topic], content)


class ProblemLog:
    """Logs each problem of the source once, and its end after `RECOVERY_S` without a problem."""

    def __init__(self) -> None:
        self._logged = ""
        self._last_problem_s: Seconds = 0.0

    def update(self, problem: str, now_s: Seconds, source: str) -> None:
        """Log the current problem of the source if it is new; "" means that there is none."""
        if problem:
            self._last_problem_s = now_s
            # Messages that differ in their numbers only ("no message for 4 s") are one problem.
            without_numbers = re.sub(r"[\d.]+", "", problem)
            if without_numbers != self._logged:
                self._logged = without_numbers
                logger.error("%s", problem)
        elif self._logged and now_s - self._last_problem_s > RECOVERY_S:
            self._logged = ""
            logger.info("%s: sound is back", source)


class InferenceWatchdog:
    """Detects inference that hangs, which nothing inside the process can end.

    Args:
        on_timeout: called once with an error message each time inference is regarded as hung.

    Attributes:
        message: the error message while inference hangs; else "".
    """

    def __init__(self, on_timeout: Callable[[str], None]) -> None:
        self._on_timeout = on_timeout
        self.message = ""

    def update(self, inference_s: Seconds) -> None:
        """Take into account how long inference on the current window has been running."""
        if inference_s <= INFERENCE_TIMEOUT_S:
            self.message = ""
            return
        reported = self.message
        self.message = f"inference hangs: no result for {inference_s:.0f} s"
        if not reported:
            self._on_timeout(self.message)
