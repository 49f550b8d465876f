"""The state of a lifecycle node, and transitions that are not possible in it.

rclpy raises RCLError at a request for such a transition, which would end the process. rclpy has no
public API for the state and the service; the names used here are the same from Humble on. Needs no
rclpy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Transition = tuple[int, str, int, str, int, str]
"""Of rclpy: id and label of a transition, of the state that it starts from, and of its goal."""


def current_state(node: Any) -> str:
    """Return the label of the state of a lifecycle node, such as "active"."""
    return node._state_machine.current_state[1]


def refuse_impossible_transitions(node: Any) -> None:
    """Let a lifecycle node of rclpy answer requests for impossible transitions, and log them.

    A manager may send `configure` after the node has configured itself, for example.
    """
    service, machine = node._service_change_state, node._state_machine
    change_state = service.callback

    def answer(request: Any, response: Any) -> Any:
        problem = transition_problem(
            request.transition.id,
            request.transition.label,
            current_state(node),
            machine.available_transitions,
            machine.transition_graph,
        )
        if not problem:
            return change_state(request, response)
        node.get_logger().warning(problem)
        response.success = False
        return response

    service.callback = answer


def transition_problem(
    number: int,
    label: str,
    state: str,
    available: Iterable[Transition],
    graph: Iterable[Transition],
) -> str:
    """Return why a transition is not possible; "" if it is.

    Args:
        number: id of the transition; ignored where a label is given, as by rclpy.
        label: name of the transition, such as "configure"; "" where it is named by its id.
        state: label of the current state.
        available: transitions that are possible in this state.
        graph: all transitions, which give an id its name.
    """
    possible = [(found[0], found[1]) for found in available]
    if any(label == name if label else number == found for found, name in possible):
        return ""
    names = {found[0]: f"{found[1]} (id {found[0]}, from {found[3]})" for found in graph}
    requested = label or names.get(number, f"with id {number}")
    listed = ", ".join(f"{name} (id {found})" for found, name in possible) or "none"
    return f"transition {requested} is not possible while {state}; possible are: {listed}"
