"""Declaration of the node's parameters, and the lines for values that cannot be used.

Values come from the params file, launch and the command line. All of them are checked before any is
used, so that one start of the node shows every mistake. Needs no rclpy.
"""

from __future__ import annotations

from typing import Any

from ser_stream.errors import InputError
from ser_stream.ros.node_parameters import descriptor
from ser_stream.ros.parameter_values import ALWAYS, Parameter
from ser_stream.ros.parameters import BY_NAME, PARAMETERS
from ser_stream.validation import with_suggestion

RCLPY_PARAMETERS = ("use_sim_time", "start_type_description_service")
"""Parameters of rclpy. `qos_overrides.*` are declared later, when topics are opened."""

STEPS_BEFORE_CHANGE = {
    "active": "deactivate and clean up first: ros2 lifecycle set {node} deactivate; "
    "ros2 lifecycle set {node} cleanup",
    "inactive": "clean up first: ros2 lifecycle set {node} cleanup",
}
"""Label of a lifecycle state -> what to do before a parameter can be changed."""


def declare_parameters(node: Any) -> None:
    """Declare the parameters of a node of rclpy, with the values that it was started with.

    Each value that is not accepted is logged as an error, each unknown name as a warning.

    Raises:
        InputError: values are not accepted; the message is a summary of what was logged.
    """
    from rcl_interfaces.msg import ParameterDescriptor

    for parameter in PARAMETERS:  # with any value at first: rclpy raises at one out of range
        any_value = ParameterDescriptor(dynamic_typing=True)
        node.declare_parameter(parameter.name, parameter.default, any_value)
    # rclpy has no public list of these names.
    for name in getattr(node, "_parameter_overrides", ()):
        if warning := unknown_name_warning(name):
            node.get_logger().warning(warning)
    refused = []
    for parameter in PARAMETERS:
        if error := parameter.error(node.get_parameter(parameter.name).value):
            node.get_logger().error(error)
            refused.append(parameter.name)
    if refused:
        raise InputError(f"parameters that cannot be used: {', '.join(refused)}")
    for parameter in PARAMETERS:
        node.set_descriptor(parameter.name, descriptor(parameter))


def unknown_name_warning(name: str) -> str:
    """Return the line for a name that the node was started with; "" if it is a parameter."""
    if name in BY_NAME or name in RCLPY_PARAMETERS or name.startswith("qos_overrides."):
        return ""
    return f"unknown parameter {with_suggestion(name, list(BY_NAME))}: ignored"


def change_error(parameter: Parameter, value: object, state: str, node_name: str) -> str:
    """Return why a parameter cannot be changed to a value; "" if it can.

    Args:
        state: label of the node's lifecycle state.
        node_name: full name of the node, for the commands in the line.
    """
    if value is None:
        return f"{parameter.name}: cannot be deleted"
    if error := parameter.error(value):
        return error
    if parameter.changeable == ALWAYS or state not in STEPS_BEFORE_CHANGE:
        return ""
    first = STEPS_BEFORE_CHANGE[state].format(node=node_name)
    return f"{parameter.name}: cannot change while the node is {state}; {first}"
