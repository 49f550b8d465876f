"""The ROS 2 node: parameters, lifecycle, topics. What it does is in `ser_stream.stream.recognizer`.

    ros2 run ser_stream ser_node

Three threads: rclpy's executor runs the callbacks below, none of which waits; the recogniser
listens in a thread of its own, and judges in `_recognise`, which publishes.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping

import rclpy
from diagnostic_updater import DiagnosticStatusWrapper, Updater
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rosidl_runtime_py.set_message import set_message_fields
from rosidl_runtime_py.utilities import get_message
from std_msgs.msg import Bool

from ser_stream.asr.base import NONE, AsrSettings
from ser_stream.audio.block import AudioSource
from ser_stream.audio.microphone import Microphone
from ser_stream.audio.recording import Recording
from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.ros.audio_topic import AudioFormat, AudioTopic
from ser_stream.ros.health import ASR_PART, EMOTION_PART, ERROR, Health, asr_report
from ser_stream.ros.messages import (
    IS_SPEAKING,
    SPEECH,
    TOPICS,
    TRACKED_VOICES,
    Stamps,
    Topic,
    estimate_messages,
    speaking_message,
    speech_message,
    stamp_of,
    tracked_message,
    voice_topics,
)
from ser_stream.ros.parameters import BY_NAME, PARAMETERS, Parameter
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech

BACK_AFTER_S = 3.0
"""So long without trouble, and it is over: where good messages come among bad ones, it is not."""

HUNG_AFTER_S = 10.0
"""A window that is judged for so long will never be: the process ends, for launch to start it."""


def logged(transition: Callable) -> Callable:
    """A lifecycle transition whose errors are logged: rclpy would swallow them."""

    @functools.wraps(transition)
    def run(self: EmotionNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(self, state)
        except InputError as error:
            self.get_logger().error(str(error))
        except Exception as error:
            self.get_logger().error(f"{transition.__name__}: {error!r}")
        return TransitionCallbackReturn.FAILURE

    return run


class EmotionNode(LifecycleNode):
    """Configure loads the model, activate opens the source, deactivate closes it."""

    def __init__(self) -> None:
        super().__init__("ser_stream")
        for parameter in PARAMETERS:
            self.declare_parameter(parameter.name, parameter.default, _descriptor(parameter))
        self.add_on_set_parameters_callback(self._on_parameters)
        self._recognizer: Recognizer | None = None
        self._source: AudioSource | None = None
        self._worker: threading.Thread | None = None
        self._stopping = threading.Event()
        self._robot_speaks = False
        self._failure = ""
        self._asr_failure = ""
        self._language = ""
        self._said = ""  # the trouble that was logged last, without its numbers
        self._trouble_at = 0.0  # monotonic
        self._speaking: bool | None = None
        self._stamps = Stamps()
        self._health = Health()
        self._outputs: dict[Topic, object] = {}
        self._voice_topics: dict[Topic, Topic] = {}
        self._while_active: list = []  # subscriptions and timers
        self._updater = Updater(self)
        self._updater.setHardwareID("none")
        self._updater.add(EMOTION_PART, self._diagnose)
        self._log_handler = _LogHandler(self.get_logger())
        logging.getLogger("ser_stream").addHandler(self._log_handler)

    # Lifecycle

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and warm it up."""
        self._recognizer = self._load()
        voice_id = self._value("voice_id")
        self._voice_topics = voice_topics(voice_id) if voice_id else {}
        topics = [topic for topic in TOPICS if topic.name != "/diagnostics"]
        topics += [*self._voice_topics.values(), *([TRACKED_VOICES] if voice_id else [])]
        for topic in topics:
            self._outputs[topic] = self.create_publisher(
                get_message(topic.type),
                topic.name,
                _qos(topic),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
        if self._value("asr") != NONE:
            self._updater.add(ASR_PART, self._diagnose_asr)
        self._health = Health(self._recognizer.info.name)
        self.get_logger().info(f"model {self._recognizer.info.name} is ready")
        return super().on_configure(state)

    def _load(self) -> Recognizer:
        """With words, where that is asked for and can be done; else by sound alone."""
        asr = AsrSettings(
            self._value("asr"),
            model=self._value("asr_model"),
            language=self._value("asr_language"),
            device=self._value("asr_device"),
            compute_type=self._value("asr_compute_type"),
            grammar=self._value("asr_grammar"),
        )
        self._language = asr.spoken_language
        self._asr_failure = ""
        make = functools.partial(
            Recognizer,
            self._value("model"),
            window_s=self._value("window") or None,
            channel=_channel(self._value("channel")),
            device=self._value("torch_device"),
            **_settings(self._value),
        )
        try:
            return make(asr=asr, text_model=self._value("text_model"))
        except InputError as error:
            recognizer = make()  # raises it, where it is not about words
            self._asr_failure = str(error)
            self.get_logger().error(f"{error}; goes on with sound alone")
            return recognizer

    @logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the source. That it is not there is no failure: it is looked for."""
        self._stopping.clear()
        self._failure = ""
        self._robot_speaks = False
        self._update_muted()
        if voice_id := self._value("voice_id"):
            self._publish(TRACKED_VOICES, tracked_message([voice_id], self._now()))
        self._source = self._open()
        self._updater.setHardwareID(self._source.name)
        self._while_active += [
            self.create_subscription(Bool, "robot_speaking", self._on_robot_speaking, 10),
            # Simulated time may stand still; whether recognition is alive must be seen then too.
            self.create_timer(0.1, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME)),
        ]
        self._worker = threading.Thread(
            target=self._recognise, name="ser_stream-judge", daemon=True
        )
        self._worker.start()
        return super().on_activate(state)

    @logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the source."""
        self._stop()
        return super().on_deactivate(state)

    @logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free all."""
        self._free()
        return super().on_cleanup(state)

    @logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the source and free all."""
        self._stop()
        self._free()
        return super().on_shutdown(state)

    def start(self) -> None:
        """Configure and activate, if `autostart` says so."""
        if not self._value("autostart"):
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def close(self) -> None:
        """Stop whatever runs."""
        self._stop()
        self._free()
        logging.getLogger("ser_stream").removeHandler(self._log_handler)

    def _stop(self) -> None:
        self._stopping.set()
        if self._source is not None:
            self._source.close()
        if self._worker is not None:
            self._worker.join(timeout=5.0)
        for entity in self._while_active:
            destroy = self.destroy_timer if hasattr(entity, "reset") else self.destroy_subscription
            destroy(entity)
        self._while_active.clear()
        self._source = self._worker = None
        self._say_speaking(False)

    def _free(self) -> None:
        for publisher in self._outputs.values():
            self.destroy_publisher(publisher)
        self._outputs.clear()
        if self._recognizer is not None:
            self._recognizer.close()
        self._recognizer = None
        self._updater.removeByName(ASR_PART)
        self._speaking = None

    # Sound in

    def _open(self) -> AudioSource:
        """The source that the parameters name."""
        source = self._value("source")
        if source == "microphone":
            return Microphone(self._value("device") or None, wait=True)
        if source == "file":
            return Recording(self._value("file"), realtime=True)
        return self._open_topic()

    def _open_topic(self) -> AudioTopic:
        kind = self._value("audio_type")
        messages = _audio_messages(kind)
        audio_format = AudioFormat(
            self._value("audio_rate"),
            self._value("audio_channels"),
            self._value("audio_format"),
        )
        topic = AudioTopic(audio_format)
        handlers = {
            "AudioData": lambda m: topic.push_bytes(m.data.tobytes(), self._now_s()),
            "AudioDataStamped": lambda m: topic.push_bytes(
                m.audio.data.tobytes(), self._stamp_s(m)
            ),
            "AudioStamped": lambda m: topic.push_audio(m.audio, self._stamp_s(m)),
        }
        # Best effort hears both kinds of publisher; a short queue would lose sound whenever
        # Python stalls.
        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        override = QoSOverridingOptions.with_default_policies()
        self._while_active.append(
            self.create_subscription(
                getattr(messages, kind), "audio", handlers[kind], qos,
                qos_overriding_options=override,
            )
        )  # fmt: skip
        if kind != "AudioStamped":
            self._while_active.append(
                self.create_subscription(messages.AudioInfo, "audio_info", topic.announce, 10)
            )
        return topic

    def _on_robot_speaking(self, message: Bool) -> None:
        self._robot_speaks = message.data
        self._update_muted()

    def _update_muted(self) -> None:
        if self._recognizer is not None:
            self._recognizer.muted = self._robot_speaks or not self._value("enabled")

    # Emotions out

    def _recognise(self) -> None:
        """WindowScorer and publish until the source ends or is closed."""
        try:
            for estimate in self._recognizer.stream(self._source, self._publish_speech):
                self._publish_estimate(estimate)
        except InputError as error:  # a file or channel that cannot be used: no retry changes it
            self._failure = str(error)
        except Exception as error:
            # After a Ctrl-C rclpy has shut down, and publishing fails: that is no failure.
            if not self._stopping.is_set() and self.context.ok():
                self._end_process(f"recognition failed: {error!r}")

    def _end_process(self, reason: str) -> None:
        """Die and say why. A source is spent once closed; launch starts the process afresh."""
        self.get_logger().fatal(f"{reason}: ending")
        os._exit(1)  # from any thread, whatever the others hang in

    def _publish_estimate(self, estimate: EmotionEstimate) -> None:
        self._health.note(estimate)
        stamp = self._stamps(self._heard_ns(estimate), estimate.trigger, estimate.modality)
        for topic, content in estimate_messages(estimate, stamp):
            self._publish(topic, content)

    def _publish_speech(self, speech: Speech) -> None:
        stamp = self._stamps(self._heard_ns(speech), SPEECH.name)
        content = speech_message(speech, self._language, stamp)
        if not hasattr(get_message(SPEECH.type)(), "locale"):  # hri_msgs until 2.0
            content["language"] = content.pop("locale")
        self._publish(SPEECH, content)

    def _heard_ns(self, heard: EmotionEstimate | Speech) -> int:
        """When the last sample was heard, of what is known just now."""
        if isinstance(self._source, AudioTopic):  # its clock is that of the stamps
            return round(heard.end_s * 1e9)
        return self.get_clock().now().nanoseconds - round(heard.latency_ms * 1e6)

    def _publish(self, topic: Topic, content: dict) -> None:
        for each in (topic, self._voice_topics.get(topic)):
            if each is not None:
                message = get_message(each.type)()
                set_message_fields(message, content)
                self._outputs[each].publish(message)

    def _say_speaking(self, speaking: bool) -> None:
        # After a Ctrl-C rclpy has shut down, and nothing can be published any more.
        if speaking != self._speaking and self._outputs and self.context.ok():
            self._speaking = speaking
            self._publish(IS_SPEAKING, speaking_message(speaking))

    def _watch(self) -> None:
        """Ten times a second: who speaks, and is recognition alive."""
        status = self._recognizer.status
        self._say_speaking(status.speaking)
        if status.scoring_s > HUNG_AFTER_S:
            self._end_process(f"inference hangs for {status.scoring_s:.0f} s")
        trouble, now = self._trouble(status), time.monotonic()
        if trouble:
            self._trouble_at = now
            gist = re.sub(r"[\d.]+", "", trouble)  # seconds that pass are no other trouble
            if gist != self._said:
                self._said = gist
                self.get_logger().error(trouble)
        elif self._said and now - self._trouble_at > BACK_AFTER_S:
            self._said = ""
            self.get_logger().info("sound is back")

    def _trouble(self, status: StreamStatus) -> str:
        """Why no sound can be heard; "" if it can."""
        if self._failure or not status.source or not isinstance(self._source, AudioTopic):
            return self._failure or status.source
        # A subscription never hears of publishers of another type.
        wanted = f"audio_common_msgs/msg/{self._value('audio_type')}"
        name = self.resolve_topic_name("audio")
        others = {info.topic_type for info in self.get_publishers_info_by_topic(name)} - {wanted}
        if not others:
            return status.source
        return f"{name} is published as {', '.join(sorted(others))}; audio_type is for {wanted}"

    def _diagnose(self, report: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        if self._recognizer is None:
            report.summary(DiagnosticStatusWrapper.STALE, "not configured")
            return report
        if self._source is None:
            report.summary(DiagnosticStatusWrapper.STALE, "not active")
            return report
        status = self._recognizer.status
        level, message, values = self._health.report(status)
        if trouble := self._trouble(status):
            level, message = ERROR, trouble
        return _filled(report, level, message, values)

    def _diagnose_asr(self, report: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        status = self._recognizer.status
        if status.asr is None:
            return _filled(report, ERROR, self._asr_failure, {})
        return _filled(report, *asr_report(status.asr, status.text_error))

    # Parameters

    def _value(self, name: str):
        return self.get_parameter(name).value

    def _on_parameters(self, changes: list[RosParameter]) -> SetParametersResult:
        """Check a change and make it, or say why not."""
        changed = {change.name: change.value for change in changes if change.name in BY_NAME}
        for name, value in changed.items():
            if reason := BY_NAME[name].refusal(value):
                return SetParametersResult(successful=False, reason=reason)
        if self._recognizer is not None:
            try:
                self._recognizer.change(
                    **_settings(lambda name: changed.get(name, self._value(name)))
                )
            except InputError as error:
                return SetParametersResult(successful=False, reason=str(error))
            if "enabled" in changed:
                self._recognizer.muted = self._robot_speaks or not changed["enabled"]
        return SetParametersResult(successful=True)

    def _now(self) -> tuple[int, int]:
        return stamp_of(self.get_clock().now().nanoseconds)

    def _stamp_s(self, message) -> float:
        """Its stamp; of a driver that leaves that empty, the time of arrival."""
        stamp = message.header.stamp
        return stamp.sec + stamp.nanosec * 1e-9 or self._now_s()

    def _now_s(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9


class _LogHandler(logging.Handler):
    """Hands what the package logs on to the node's logger, and so to /rosout."""

    def __init__(self, logger):
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(message)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(message)
        else:
            self._logger.info(message)


def _filled(
    report: DiagnosticStatusWrapper, level: int, message: str, values: Mapping[str, str]
) -> DiagnosticStatusWrapper:
    report.summary(bytes([level]), message)
    for key, value in values.items():
        report.add(key, value)
    return report


def _settings(value: Callable[[str], float]) -> dict[str, float | None]:
    """What `Recognizer.change` takes, from parameters."""
    return {
        "hop_s": value("hop") or None,
        "min_speech_s": value("min_speech"),
        "min_confidence": _or_none(value("min_confidence")),
        "smoothing": _or_none(value("smoothing")),
    }


def _or_none(value: float) -> float | None:
    return None if value < 0 else value


def _channel(text: str) -> int | str:
    if text == "mix" or text.isdecimal():
        return text if text == "mix" else int(text)
    raise InputError(f"channel: found {text!r}; accepted are mix, or a number from 0")


def _qos(topic: Topic) -> QoSProfile:
    durability = DurabilityPolicy.TRANSIENT_LOCAL if topic.transient_local else None
    return QoSProfile(
        depth=topic.depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=durability or DurabilityPolicy.VOLATILE,
    )


def _audio_messages(kind: str):
    """The module audio_common_msgs.msg, if it is the package that has that type."""
    try:
        from audio_common_msgs import msg
    except ImportError as error:
        raise InputError(
            "source topic: no package audio_common_msgs; install ros-<distro>-audio-common-msgs"
        ) from error
    # Both packages have an AudioData, but only one of them has bytes in it.
    found = ["AudioStamped"] if hasattr(msg, "AudioStamped") else ["AudioData", "AudioDataStamped"]
    if kind not in found:
        raise InputError(
            f"audio_type: the installed audio_common_msgs has no {kind}, but {', '.join(found)}; "
            "two packages have that name, see the README"
        )
    return msg


def _descriptor(parameter: Parameter) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=parameter.description,
        read_only=parameter.read_only,
        additional_constraints=f"accepted: {parameter.accepted}",
    )
    if parameter.low is not None:
        if isinstance(parameter.default, int):
            limits = IntegerRange(from_value=int(parameter.low), to_value=int(parameter.high))
            descriptor.integer_range = [limits]
        else:
            limits = FloatingPointRange(from_value=parameter.low, to_value=parameter.high)
            descriptor.floating_point_range = [limits]
    return descriptor


def main() -> None:
    """Run the node until it is told to end: exit code 0."""
    rclpy.init()
    node = EmotionNode()
    try:
        node.start()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except rclpy_implementation.RCLError:
        if rclpy.ok():  # else Ctrl-C ended the context just when spin was to wait on it
            raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not break the end
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
