"""The node with one stream: its recogniser, its source, its thread, and what is published of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ser_stream.audio.block import AudioSource
from ser_stream.audio.microphone import Microphone
from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError
from ser_stream.ros.audio_topic import AudioTopic
from ser_stream.ros.graph import GraphPublisher, NodeState, published_topics
from ser_stream.ros.node_parameters import (
    Values,
    asr_settings,
    audio_format,
    changeable_settings,
    channel,
    open_recognizer,
)
from ser_stream.ros.node_transport import NodeTransport

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
        self._end_process = end_process
        voice_id = value("voice_id")
        self._topics = published_topics(voice_id)
        self._recognizer, self._asr_problem = open_recognizer(value)
        language = asr_settings(value).spoken_language
        self._graph = GraphPublisher(transport, node_name, language, voice_id, end_process)
        self._source: AudioSource | None = None
        self._worker: threading.Thread | None = None
        self._stopping = threading.Event()
        self._robot_speaks = False
        self._failure = ""  # why recognition has ended
        self._subscriptions: list[Any] = []  # between start and stop
        try:
            transport.open(self._topics)
        except BaseException:
            self.close()
            raise

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._recognizer.info.name

    def start(self) -> None:
        """Open the audio source. A microphone that is missing is no failure: it is retried.

        Raises:
            InputError: the source cannot be used.
        """
        self._stopping.clear()
        self._failure = ""
        self._robot_speaks = False
        self._update_muted(self._value("enabled"))
        source = self._open_source()
        self._subscriptions += self._transport.subscribe_to_flag(
            "robot_speaking", self._on_robot_speaking
        )
        self._graph.on_source(source.name, has_ros_time=isinstance(source, AudioTopic))
        self._source = source
        self._worker = threading.Thread(
            target=self._recognize, args=(source,), name="ser_stream-recognize", daemon=True
        )
        self._worker.start()

    def stop(self) -> None:
        """Close the audio source."""
        self._stopping.set()
        self._transport.unsubscribe(self._subscriptions)
        self._subscriptions = []
        if self._source is None:
            return
        self._source.close()
        if self._worker is not None:
            self._worker.join(timeout=JOIN_TIMEOUT_S)
        self._source = self._worker = None
        self._graph.publish_silence()

    def close(self) -> None:
        """Free the model and the publishers."""
        self._transport.close(self._topics)
        self._recognizer.close()

    def update(self) -> None:
        """Publish what follows from the state: call it every `UPDATE_PERIOD_S`."""
        status, problem = self._recognizer.status, self._failure
        if status.source and isinstance(self._source, AudioTopic):
            problem = problem or self._transport.other_type_problem(self._value("audio_type"))
        state = NodeState(
            status,
            active=self._source is not None,
            model=self.model,
            problem=problem,
            asr_problem=self._asr_problem,
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
            self._update_muted(changed["enabled"])

    def _open_source(self) -> AudioSource:
        """The audio source that the parameters describe."""
        kind = self._value("source")
        if kind == "microphone":
            return Microphone(self._value("device") or None, channel(self._value), wait=True)
        if kind == "file":
            return Recording(self._value("file"), realtime=True)
        topic = AudioTopic(audio_format(self._value), now_s=lambda: self._transport.now_ns() * 1e-9)
        self._subscriptions += self._transport.subscribe_to_audio(topic, self._value("audio_type"))
        return topic

    def _on_robot_speaking(self, speaks: bool) -> None:
        self._robot_speaks = speaks
        self._update_muted(self._value("enabled"))

    def _update_muted(self, enabled: bool) -> None:
        self._recognizer.muted = self._robot_speaks or not enabled

    def _recognize(self, source: AudioSource) -> None:
        """Run inference and publish, until the source ends or is closed."""
        try:
            for estimate in self._recognizer.stream(source, self._graph.on_speech):
                self._graph.on_estimate(estimate)
        except InputError as error:  # a file or channel that cannot be used: no retry changes it
            self._failure = str(error)
        except Exception as error:
            if not self._stopping.is_set() and self._transport.ok():
                self._end_process(f"recognition failed: {error!r}")
