"""Which transitions are refused, and why. Requests to a running node are in test_node.py."""

from __future__ import annotations

import pytest

from ser_stream.ros.transitions import transition_problem

GRAPH = [
    (1, "configure", 1, "unconfigured", 10, "configuring"),
    (2, "cleanup", 2, "inactive", 11, "cleaningup"),
    (3, "activate", 2, "inactive", 13, "activating"),
    (4, "deactivate", 3, "active", 14, "deactivating"),
    (5, "shutdown", 1, "unconfigured", 12, "shuttingdown"),
    (6, "shutdown", 2, "inactive", 12, "shuttingdown"),
    (7, "shutdown", 3, "active", 12, "shuttingdown"),
]
"""Transitions as rclpy gives them: without those that end a transition."""


def problem(number, label, state):
    available = [transition for transition in GRAPH if transition[3] == state]
    return transition_problem(number, label, state, available, GRAPH)


@pytest.mark.parametrize(
    ("number", "label", "state"),
    [(1, "", "unconfigured"), (0, "configure", "unconfigured"), (7, "", "active"),
     (1, "shutdown", "active"), (6, "", "inactive")],
)  # fmt: skip
def test_a_possible_transition_has_no_problem(number, label, state):
    assert problem(number, label, state) == ""


@pytest.mark.parametrize(
    ("number", "label", "state", "line"),
    [
        (
            1, "", "active",
            "transition configure (id 1, from unconfigured) is not possible while active; possible "
            "are: deactivate (id 4), shutdown (id 7)",
        ),
        (
            0, "configure", "active",
            "transition configure is not possible while active; possible are: deactivate (id 4), "
            "shutdown (id 7)",
        ),
        (
            5, "", "active",
            "transition shutdown (id 5, from unconfigured) is not possible while active; possible "
            "are: deactivate (id 4), shutdown (id 7)",
        ),
        (4, "nonsense", "active", "transition nonsense is not possible while active; possible are: "
         "deactivate (id 4), shutdown (id 7)"),
        (99, "", "inactive", "transition with id 99 is not possible while inactive; possible are: "
         "cleanup (id 2), activate (id 3), shutdown (id 6)"),
        (1, "", "finalized", "transition configure (id 1, from unconfigured) is not possible while "
         "finalized; possible are: none"),
    ],
)  # fmt: skip
def test_the_line_names_the_transition_the_state_and_what_is_possible(number, label, state, line):
    assert problem(number, label, state) == line
