"""The behaviour tree in the real py_trees."""

import py_trees
import pytest

from ser_stream.examples.emotion_tree import EmotionTree


@pytest.fixture
def started():
    return []


@pytest.fixture
def tree(started):
    py_trees.blackboard.Blackboard.clear()  # it is one for the whole process
    return EmotionTree(started.append)


def test_without_a_decision_the_tree_does_nothing(tree, started):
    tree.tick()
    assert tree.root.status == py_trees.common.Status.FAILURE
    assert started == []


def test_each_response_begins_once_until_another_one_is_decided(tree, started):
    for action in ("continue", "continue", "comfort", "comfort", "give space", "comfort"):
        tree.decide(action)
        tree.tick()
        assert tree.root.status == py_trees.common.Status.RUNNING
        assert tree.root.tip().name == f"respond: {action}"
    assert started == ["continue", "comfort", "give space", "comfort"]


def test_a_response_that_is_interrupted_is_stopped(tree):
    tree.decide("comfort")
    tree.tick()
    comforting = tree.root.tip()
    tree.decide("continue")
    tree.tick()
    assert comforting.status == py_trees.common.Status.INVALID
