"""The node with one stream: its recogniser, its source, its thread, and what is published of it."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ser_stream.asr.base import NONE
from ser_stream.audio.block import AudioSource
from ser_stream.audio.microphone import Microphone
from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError
from ser_stream.ros.audio_topic import AudioTopic
from ser_stream.ros.graph import GraphPublisher, NodeState
from ser_stream.ros.messages import published_topics
from ser_stream.ros.node_parameters import (
    Values,
    asr_settings,
    audio_format,
    changeable_settings,
    channel,
    check_record,
    new_recorder,
    open_recognizer,
)
from ser_stream.ros.node_transport import NodeTransport
from ser_stream.ros.source_log import LoggedSource, announced_text, format_text
from ser_stream.sessions.record import SessionRecorder
from ser_stream.words import Speech

logger = logging.getLogger("ser_stream.ros")

JOIN_TIMEOUT_S = 5.0


class SingleStream:
    """A recogniser, loaded and warmed up, which listens to one source between `start` and `stop`.

    It captures sound in a thread of its own and runs inference in the thread `_recognize`. The
    methods are called in one thread, and none of them waits.

    Args:
        transport: publishes and subscribes.
        value: values of the node's parameters.
        node_name: full name of the node.
        end_process: called with the reason when recognition fails or hangs.

    Raises:
        InputError: a parameter cannot be used.
    """

    def __init__(
        self,
        transport: NodeTransport,
        value: Values,
        node_name: str,
        end_process: Callable[[str], None],
    ) -> None:
        self._transport = transport
        self._value = value
        self._check_source()
        check_record(value)
        self._end_process = end_process
        voice_id = value("voice_id")
        self._recognizer, self._asr_problem = open_recognizer(value)
        self._topics = published_topics(
            voice_id,
            asr=self._recognizer.settings.asr.backend != NONE,
            text_model=self._recognizer.text_info is not None,
        )
        language = asr_settings(value).spoken_language
        self._graph = GraphPublisher(transport, node_name, language, voice_id, end_process)
        self._source: AudioSource | None = None
        self._recorder: SessionRecorder | None = None  # between start and stop, where asked for
        self._worker: threading.Thread | None = None
        self._stopping = threading.Event()
        self._robot_speaks = False
        self._failure = ""  # why recognition has ended
        self._ended = False  # whether a recording was read to its end
        self._subscriptions: list[Any] = []  # between start and stop
        try:
            transport.open(self._topics)
            self._graph.on_end()
        except BaseException:
            self.close()
            raise

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._recognizer.info.name

    def start(self) -> None:
        """Open the audio source. A microphone that is missing is no failure: it is retried.

        Where it raises, everything is as before the call.

        Raises:
            InputError: the source cannot be used any more, or nothing can be recorded.
        """
        self._stopping.clear()
        self._failure = ""
        self._ended = False
        self._robot_speaks = False
        self._enable(self._value("enabled"))
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self._recorder = new_recorder(self._value, self._recognizer)
        source = self._source = self._open_source()
        self._subscriptions += self._transport.subscribe_to_flag(
            "robot_speaking", self._on_robot_speaking
        )
        if isinstance(source, AudioTopic):
            topic = source
            self._graph.on_source(topic.name, True, frame_id=lambda: topic.frame_id)
        else:
            self._graph.on_source(source.name)
        worker = threading.Thread(
            target=self._recognize,
            args=(source, self._recorder),
            name="ser_stream-recognize",
            daemon=True,
        )
        worker.start()
        self._worker = worker
        logger.info(
            "active: %s, model %s, engine %s",
            self._source_text(source), self.model, self._recognizer.engine,
        )  # fmt: skip

    def stop(self) -> None:
        """Close the audio source."""
        self._stopping.set()
        self._transport.unsubscribe(self._subscriptions)
        self._subscriptions = []
        if self._source is not None:
            self._source.close()
            if self._worker is not None:
                self._worker.join(timeout=JOIN_TIMEOUT_S)
            self._source = self._worker = None
            self._graph.on_end()
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.__exit__(None, None, None)

    def close(self) -> None:
        """Free the model and the publishers."""
        self._transport.close(self._topics)
        self._recognizer.close()

    def update(self) -> None:
        """Publish what follows from the state: call it every `UPDATE_PERIOD_S`."""
        status, problem = self._recognizer.status, self._failure
        if self._recorder is not None and self._source is not None:
            self._recorder.on_status(status)
        if status.source and isinstance(self._source, AudioTopic):
            problem = problem or self._transport.other_type_problem(self._value("audio_type"))
        state = NodeState(
            status,
            active=self._source is not None,
            model=self.model,
            problem=problem,
            asr_problem=self._asr_problem,
            ended=self._ended,
            left_out=self._source.left_out if isinstance(self._source, AudioTopic) else 0,
        )
        self._graph.update(state)

    def change(self, changed: Mapping[str, Any]) -> None:
        """Apply parameters that change while the node runs.

        Raises:
            InputError: one of them cannot be used; all stay as they were.
        """
        settings = changeable_settings(lambda name: changed.get(name, self._value(name)))
        self._recognizer.change(**settings)
        if "enabled" in changed:
            self._enable(changed["enabled"])

    def _check_source(self) -> None:
        """Check what the source needs, while its parameters can still be changed.

        Raises:
            InputError: the file cannot be read, or the message type is not installed.
        """
        if self._value("source") == "file":
            self._open_recording()
        elif self._value("source") == "topic":
            self._transport.check_audio_type(self._value("audio_type"))

    def _source_text(self, source: AudioSource) -> str:
        """The source with what is known of its sound before any has arrived."""
        if isinstance(source, Recording):
            known = format_text(source.sample_rate_hz, source.channels)
            return f"source file, {source.name}, {known}"
        if isinstance(source, AudioTopic):
            audio_type = self._value("audio_type")
            name = self._transport.full_topic_name("audio")
            known = announced_text(audio_type, audio_format(self._value))
            return f"source topic, {name} ({audio_type}), no message yet, {known}"
        device = self._value("device") or "the system's default device"
        return f"source microphone, {device}, not opened yet"

    def _open_source(self) -> AudioSource:
        """The audio source that the parameters describe."""
        kind = self._value("source")
        if kind == "microphone":
            return Microphone(self._value("device") or None, channel(self._value), wait=True)
        if kind == "file":
            return self._open_recording()
        topic = AudioTopic(audio_format(self._value), now_s=lambda: self._transport.now_ns() * 1e-9)
        self._subscriptions += self._transport.subscribe_to_audio(topic, self._value("audio_type"))
        return topic

    def _open_recording(self) -> Recording:
        """Open the file, which may have vanished since the node was configured.

        Raises:
            InputError: it cannot be read.
        """
        path, accepted = self._value("file"), "accepted with source file is a recording's path"
        if not path:
            raise InputError(f"file: found ''; {accepted}")
        try:
            return Recording(path, realtime=True)
        except InputError as error:
            raise InputError(f"file: {error}; {accepted}") from error

    def _enable(self, enabled: bool) -> None:
        self._graph.enable(enabled)
        self._update_muted(enabled)

    def _on_robot_speaking(self, speaks: bool) -> None:
        self._robot_speaks = speaks
        self._update_muted(self._value("enabled"))

    def _update_muted(self, enabled: bool) -> None:
        self._recognizer.muted = self._robot_speaks or not enabled

    def _recognize(self, source: AudioSource, recorder: SessionRecorder | None) -> None:
        """Run inference, publish and record, until the source ends or is closed."""
        estimates = 0

        def on_speech(speech: Speech) -> None:
            self._graph.on_speech(speech)
            if recorder is not None and self._graph.listening:
                recorder.on_speech(speech)

        heard: AudioSource = LoggedSource(source)
        if recorder is not None:
            recorder.on_source(source.name)
            heard = recorder.recorded(heard, lambda: self._recognizer.muted)
        try:
            for estimate in self._recognizer.stream(heard, on_speech):
                error = estimate.asr_error or self._asr_problem
                published = dataclasses.replace(estimate, asr_error=error)
                self._graph.on_estimate(published)
                if recorder is not None and self._graph.listening:
                    recorder.on_estimate(published)
                estimates += 1
        except InputError as error:  # a file or channel that cannot be used: no retry changes it
            self._failure = str(error)
        except Exception as error:
            if not self._stopping.is_set() and self._transport.ok():
                self._graph.on_end()
                self._end_process(f"recognition failed: {error!r}")
        else:
            if not self._stopping.is_set():
                self._ended = True
                sound_s = self._recognizer.status.position_s
                logger.info("%s: ended after %.1f s, %d estimates", source.name, sound_s, estimates)
        finally:
            if source is self._source:  # otherwise `stop` does not wait any longer, or has done so
                self._graph.on_end()
