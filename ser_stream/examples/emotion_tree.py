"""A behaviour tree that responds to the emotions of whoever speaks.

Needs py_trees, and no ROS: `py_trees_dialogue` puts it into a node.

    {-} Dialogue
        {-} Comfort:     is "comfort" decided?     --> respond
        {-} Give space:  is "give space" decided?  --> respond
        {-} Continue:    is "continue" decided?    --> respond
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import py_trees
from py_trees.behaviours import CheckBlackboardVariableValue
from py_trees.common import Access, ComparisonExpression, Status
from py_trees.composites import Selector, Sequence

from ser_stream.examples.decisions import ACTIONS

DECIDED = "decided_action"
"""Blackboard variable that holds the action for which the emotions speak."""


class Respond(py_trees.behaviour.Behaviour):
    """Runs as long as its action is the decided one; `start` is called each time that it begins."""

    def __init__(self, action: str, start: Callable[[str], None]) -> None:
        super().__init__(f"respond: {action}")
        self._action = action
        self._start = start

    def initialise(self) -> None:
        self._start(self._action)

    def update(self) -> Status:
        return Status.RUNNING


class EmotionTree(py_trees.trees.BehaviourTree):
    """Chooses among the actions of `decisions.ACTIONS`.

    Args:
        start: called with the action when the robot begins to respond with it.
    """

    def __init__(self, start: Callable[[str], None]) -> None:
        root = Selector("Dialogue", memory=False)
        for action in ACTIONS:
            decided = ComparisonExpression(DECIDED, action, operator.eq)
            branch = Sequence(action.capitalize(), memory=False)
            branch.add_child(CheckBlackboardVariableValue(f"{action}?", decided))
            branch.add_child(Respond(action, start))
            root.add_child(branch)
        super().__init__(root)
        self._blackboard = py_trees.blackboard.Client(name="emotions")
        self._blackboard.register_key(DECIDED, Access.WRITE)

    def decide(self, action: str) -> None:
        """Set the action for which the emotions speak; the next tick responds to it."""
        self._blackboard.set(DECIDED, action)
