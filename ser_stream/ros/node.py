"""The ROS 2 lifecycle node: parameters, lifecycle, spinning. `ser_stream.ros.main` starts it.

What it does while it is configured is in `ser_stream.ros.single_stream` and, with the parameter
`streams`, in `ser_stream.ros.fleet`. What is published and when is decided in
`ser_stream.ros.graph`. Callbacks run in rclpy's executor, and none of them waits.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from rclpy.signals import SignalHandlerOptions

from ser_stream.errors import InputError
from ser_stream.memory import give_back_large_allocations
from ser_stream.ros.bond import Bond, status_type
from ser_stream.ros.dds_interfaces import interface_addresses
from ser_stream.ros.declaration import change_error, declare_parameters
from ser_stream.ros.discovery import Discovery, known_variables, network_text
from ser_stream.ros.enable_service import create_enable_service
from ser_stream.ros.fleet import Fleet
from ser_stream.ros.graph import UPDATE_PERIOD_S, GraphPublisher, NodeState
from ser_stream.ros.main import CONFIGURATION_ERROR
from ser_stream.ros.names import explain_invalid_name
from ser_stream.ros.node_parameters import fleet_settings, open_pool
from ser_stream.ros.parameters import BY_NAME
from ser_stream.ros.peers import check_peers
from ser_stream.ros.rclpy_transport import LogForwarder, RclpyTransport
from ser_stream.ros.security import explain_error
from ser_stream.ros.single_stream import SingleStream
from ser_stream.ros.transitions import current_state, refuse_impossible_transitions
from ser_stream.stream.watchdog import INFERENCE_FAILED
from ser_stream.systemd import SystemdNotifier

START_ERRORS = (RuntimeError, ParameterException, TypeError)
"""What rclpy raises at the start: at arguments, parameter files, variables and keys of SROS2; at a
wrong type of one of its own parameters; and at a QoS override that is too large for an integer."""

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def log_errors(transition: Callable) -> Callable:
    """Log the errors of a lifecycle transition, which rclpy swallows otherwise."""

    @functools.wraps(transition)
    def run(self: EmotionNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(self, state)
        except InputError as error:
            self.get_logger().error(str(error))
        except RuntimeError as error:  # also of SROS2, which rclpy does not explain
            reason = explain_error(error, os.environ, sys.argv)
            self.get_logger().error(f"{transition.__name__}: {type(error).__name__}: {reason}")
        except Exception as error:
            self.get_logger().error(f"{transition.__name__}: {error!r}")
        return TransitionCallbackReturn.FAILURE

    return run


class EmotionNode(LifecycleNode):
    """Configure loads the model, activate opens the audio source, deactivate closes it.

    Raises:
        InputError: the node was started with parameters that cannot be used, and has logged each.
    """

    def __init__(self) -> None:
        super().__init__("ser_stream")
        declare_parameters(self)
        refuse_impossible_transitions(self)
        self._log_handler = LogForwarder(self.get_logger())
        logging.getLogger("ser_stream").addHandler(self._log_handler)
        logging.getLogger("ser_stream").setLevel(logging.INFO)
        self._log_network()
        self._transport = RclpyTransport(self, warns=lambda: not self._value("streams"))
        self._unconfigured = GraphPublisher(self._transport, self.get_fully_qualified_name())
        self._serving: SingleStream | Fleet | None = None  # while configured
        self._bond = Bond(self)
        self._systemd = SystemdNotifier()
        self.add_on_set_parameters_callback(self._on_parameters)
        create_enable_service(self)
        # Simulated time may stand still; diagnostics and the watchdog must go on.
        self.create_timer(
            UPDATE_PERIOD_S, self._update, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    # Lifecycle

    @log_errors
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the publishers."""
        if timeout_s := self._value("bond_timeout"):
            status_type(timeout_s)
        self._serving = self._new_serving()
        self.get_logger().info(f"model {self._serving.model} is ready")
        return super().on_configure(state)

    @log_errors
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the audio source, or serve the streams."""
        assert self._serving is not None  # it is configured
        try:
            self._serving.start()
            self._bond.start(self._value("bond_timeout"))
            return super().on_activate(state)
        except BaseException:  # the node stays inactive, and nobody would stop it
            self._stop()
            raise

    @log_errors
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the audio source, or end the streams."""
        self._stop()
        return super().on_deactivate(state)

    @log_errors
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and the publishers."""
        self._free()
        return super().on_cleanup(state)

    @log_errors
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Do the same as deactivate and cleanup."""
        self._stop()
        self._free()
        return super().on_shutdown(state)

    def start(self) -> None:
        """Configure and activate, if the parameter `autostart` is true."""
        if not self._value("autostart"):
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def ready(self) -> None:
        """Tell systemd that the node has started."""
        self._systemd.ready()

    def close(self) -> None:
        """Stop and free everything, whatever the state of the node is."""
        self._systemd.stopping()
        self._stop()
        self._free()
        self._bond.close()
        logging.getLogger("ser_stream").removeHandler(self._log_handler)

    def _log_network(self) -> None:
        environment, domain = known_variables(os.environ), self.context.get_domain_id()
        used = network_text(domain, environment, interface_addresses())
        self.get_logger().info(f"{rclpy.get_rmw_implementation_identifier()}: {used}")

    def _new_serving(self) -> SingleStream | Fleet:
        """Load what the parameters describe."""
        name = self.get_fully_qualified_name()
        settings = fleet_settings(self._value, self.get_namespace())
        if settings is None:
            return SingleStream(self._transport, self._value, name, self._end_process)
        pool = open_pool(self._value)
        return Fleet(self._transport, pool, settings, name, self._end_process)

    def _stop(self) -> None:
        if self._serving is not None:
            self._serving.stop()
        self._bond.end()

    def _free(self) -> None:
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.close()

    def _end_process(self, reason: str) -> NoReturn:
        """End the process, so that launch starts it again: a hung thread cannot be ended."""
        self.get_logger().fatal(f"{reason}: ending")
        os._exit(INFERENCE_FAILED)

    def _update(self) -> None:
        self._bond.update()
        if self._serving is None:
            self._unconfigured.update(NodeState())
        else:
            self._serving.update()
        self._systemd.update(self._state_text(), alive=True)  # the executor's thread goes on

    def _state_text(self) -> str:
        if self._serving is None:
            return "not configured"
        return f"{current_state(self)}, model {self._serving.model}"

    # Parameters

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _on_parameters(self, changes: list[RosParameter]) -> SetParametersResult:
        """Check changed parameters and apply them, or say why they are refused."""
        changed = {change.name: change.value for change in changes if change.name in BY_NAME}
        state, node_name = current_state(self), self.get_fully_qualified_name()
        for name, value in changed.items():
            if error := change_error(BY_NAME[name], value, state, node_name):
                return SetParametersResult(successful=False, reason=error)
        if self._serving is not None and changed:
            try:
                self._serving.change(changed)
            except InputError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def _check_peers() -> None:
    """Check what would end the process before it could say anything: see `ser_stream.ros.peers`."""
    if rclpy.get_rmw_implementation_identifier() == "rmw_cyclonedds_cpp":
        environment = known_variables(os.environ)
        check_peers(Discovery.of(environment).peers, environment)


def main() -> int:
    """Run the node until a signal ends it.

    While the node is made, a signal is left to the handlers of `scripts/ser_node`, which end the
    process at once: nothing has been published yet.

    Returns:
        The exit code: 0, or 2 if the configuration cannot be used.
    """
    interrupted = threading.Event()

    def interrupt(*_: object) -> None:
        if not interrupted.is_set():  # a second one must not interrupt the clean-up
            interrupted.set()  # what is raised is lost where a destructor runs: rclpy has some
            raise KeyboardInterrupt

    give_back_large_allocations()
    try:
        _check_peers()
        # rclpy's own handlers would shut the graph down before the last `is_speaking: false`.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        node = EmotionNode()
    except (*START_ERRORS, NameValidationException) as error:
        if isinstance(error, NameValidationException):  # of a service, whose name is longer
            reason = explain_invalid_name(error)
        else:
            reason = explain_error(error, os.environ, sys.argv)
        print(f"ser_node: ROS does not start: {type(error).__name__}: {reason}", file=sys.stderr)
        rclpy.try_shutdown()
        return CONFIGURATION_ERROR
    except InputError as error:
        if not rclpy.ok():  # otherwise each parameter that cannot be used was logged
            print(f"ser_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return CONFIGURATION_ERROR
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # set by nohup
                signal.signal(number, interrupt)
        node.start()
        node.ready()
        while not interrupted.is_set():
            executor.spin_once()  # the node's timer ends it within 0.1 s
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # the interpreter, too, ends undisturbed
        node.close()
        executor.remove_node(node)
        node.destroy_node()
        rclpy.try_shutdown()
    return 0
