"""The ROS 2 lifecycle node: parameters, lifecycle, spinning.

    ros2 run ser_stream ser_node

What is published and when is decided in `ser_stream.ros.graph`; emotions are recognised in
`ser_stream.stream.recognizer`. Callbacks run in rclpy's executor, and none of them waits. The
recogniser captures audio in a thread of its own and runs inference in the thread `_recognize`.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Bool

from ser_stream.audio.block import AudioSource
from ser_stream.audio.microphone import Microphone
from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError
from ser_stream.ros.audio_topic import AudioTopic
from ser_stream.ros.graph import UPDATE_PERIOD_S, GraphPublisher, NodeState, published_topics
from ser_stream.ros.node_parameters import (
    asr_settings,
    audio_format,
    changeable_settings,
    descriptor,
    open_recognizer,
)
from ser_stream.ros.parameters import BY_NAME, PARAMETERS
from ser_stream.ros.rclpy_transport import (
    LogForwarder,
    RclpyTransport,
    other_type_problem,
    subscribe_to_audio,
)
from ser_stream.stream.recognizer import Recognizer


def logged(transition: Callable) -> Callable:
    """Log the errors of a lifecycle transition, which rclpy swallows otherwise."""

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
    """Configure loads the model, activate opens the audio source, deactivate closes it."""

    def __init__(self) -> None:
        super().__init__("ser_stream")
        for parameter in PARAMETERS:
            self.declare_parameter(parameter.name, parameter.default, descriptor(parameter))
        self._log_handler = LogForwarder(self.get_logger())
        logging.getLogger("ser_stream").addHandler(self._log_handler)
        logging.getLogger("ser_stream").setLevel(logging.INFO)
        self._transport = RclpyTransport(self)
        self._graph = self._new_graph()
        self._recognizer: Recognizer | None = None
        self._source: AudioSource | None = None
        self._worker: threading.Thread | None = None
        self._stopping = threading.Event()
        self._robot_speaks = False
        self._failure = ""  # why recognition has ended
        self._asr_problem = ""
        self._subscriptions: list = []  # while active
        self.add_on_set_parameters_callback(self._on_parameters)
        # Simulated time may stand still; diagnostics and the watchdog must go on.
        self.create_timer(
            UPDATE_PERIOD_S, self._update, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    # Lifecycle

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the publishers."""
        voice_id = self._value("voice_id")
        topics = published_topics(voice_id)
        try:
            self._recognizer, self._asr_problem = open_recognizer(self._value)
            self._transport.open(topics)
        except BaseException:
            self._free()
            raise
        self._graph = self._new_graph(voice_id)
        self.get_logger().info(f"model {self._recognizer.info.name} is ready")
        return super().on_configure(state)

    @logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the audio source. A microphone that is missing is no failure: it is retried."""
        self._stopping.clear()
        self._failure = ""
        self._robot_speaks = False
        self._update_muted()
        source = self._open_source()
        self._subscriptions.append(
            self.create_subscription(Bool, "robot_speaking", self._on_robot_speaking, 10)
        )
        self._graph.on_source(source.name, has_ros_time=isinstance(source, AudioTopic))
        self._source = source
        self._worker = threading.Thread(
            target=self._recognize,
            args=(self._recognizer, source),
            name="ser_stream-recognize",
            daemon=True,
        )
        self._worker.start()
        return super().on_activate(state)

    @logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the audio source."""
        self._stop()
        return super().on_deactivate(state)

    @logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and the publishers."""
        self._free()
        return super().on_cleanup(state)

    @logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the audio source, and free the model and the publishers."""
        self._stop()
        self._free()
        return super().on_shutdown(state)

    def start(self) -> None:
        """Configure and activate, if the parameter `autostart` is true."""
        if not self._value("autostart"):
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def close(self) -> None:
        """Stop and free everything, whatever the state of the node is."""
        self._stop()
        self._free()
        logging.getLogger("ser_stream").removeHandler(self._log_handler)

    def _stop(self) -> None:
        self._stopping.set()
        for subscription in self._subscriptions:
            self.destroy_subscription(subscription)
        self._subscriptions.clear()
        if self._source is None:
            return
        self._source.close()
        if self._worker is not None:
            self._worker.join(timeout=5.0)
        self._source = self._worker = None
        self._graph.publish_silence()

    def _free(self) -> None:
        self._transport.close()
        if self._recognizer is not None:
            self._recognizer.close()
        self._recognizer = None
        self._asr_problem = ""

    # Audio

    def _open_source(self) -> AudioSource:
        """The audio source that the parameters describe."""
        kind = self._value("source")
        if kind == "microphone":
            return Microphone(self._value("device") or None, wait=True)
        if kind == "file":
            return Recording(self._value("file"), realtime=True)
        topic = AudioTopic(audio_format(self._value), now_s=lambda: self._transport.now_ns() * 1e-9)
        self._subscriptions += subscribe_to_audio(self, self._value("audio_type"), topic)
        return topic

    def _on_robot_speaking(self, message: Bool) -> None:
        self._robot_speaks = message.data
        self._update_muted()

    def _update_muted(self) -> None:
        if self._recognizer is not None:
            self._recognizer.muted = self._robot_speaks or not self._value("enabled")

    # Recognition

    def _new_graph(self, voice_id: str = "") -> GraphPublisher:
        return GraphPublisher(
            self._transport,
            self.get_fully_qualified_name(),
            asr_settings(self._value).spoken_language,
            voice_id,
            on_inference_timeout=self._end_process,
        )

    def _recognize(self, recognizer: Recognizer, source: AudioSource) -> None:
        """Run inference and publish, until the source ends or is closed."""
        try:
            for estimate in recognizer.stream(source, self._graph.on_speech):
                self._graph.on_estimate(estimate)
        except InputError as error:  # a file or channel that cannot be used: no retry changes it
            self._failure = str(error)
        except Exception as error:
            if not self._stopping.is_set() and self.context.ok():
                self._end_process(f"recognition failed: {error!r}")

    def _end_process(self, reason: str) -> NoReturn:
        """End the process, so that launch starts it again: a hung thread cannot be ended."""
        self.get_logger().fatal(f"{reason}: ending")
        os._exit(1)

    def _update(self) -> None:
        recognizer = self._recognizer
        if recognizer is None:
            self._graph.update(NodeState())
            return
        status, problem = recognizer.status, self._failure
        if status.source and isinstance(self._source, AudioTopic):
            problem = problem or other_type_problem(self, self._value("audio_type"))
        state = NodeState(
            status,
            active=self._source is not None,
            model=recognizer.info.name,
            problem=problem,
            asr_problem=self._asr_problem,
        )
        self._graph.update(state)

    # Parameters

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _on_parameters(self, changes: list[RosParameter]) -> SetParametersResult:
        """Check changed parameters and apply them, or say why they are refused."""
        changed = {change.name: change.value for change in changes if change.name in BY_NAME}
        for name, value in changed.items():
            if error := BY_NAME[name].error(value):
                return SetParametersResult(successful=False, reason=error)
        if self._recognizer is not None:
            settings = changeable_settings(lambda name: changed.get(name, self._value(name)))
            try:
                self._recognizer.change(**settings)
            except InputError as error:
                return SetParametersResult(successful=False, reason=str(error))
            if "enabled" in changed:
                self._recognizer.muted = self._robot_speaks or not changed["enabled"]
        return SetParametersResult(successful=True)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Run the node until a signal ends it: exit code 0."""
    # rclpy's own handlers would shut the graph down before the last `is_speaking: false`.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        signal.signal(number, _interrupt)
    node = EmotionNode()
    try:
        node.start()
        rclpy.spin(node)  # the node's timer lets it notice a signal within 0.1 s
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the clean-up
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
