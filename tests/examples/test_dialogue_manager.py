"""The programs of ser_stream/examples that need ROS, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from ros_graph import ENVIRONMENT

pytestmark = pytest.mark.ros


@contextlib.contextmanager
def example(name, log, *remaps):
    """Run an example; it must end with code 0 and no traceback when it is interrupted."""
    command = [sys.executable, "-m", f"ser_stream.examples.{name}", "--ros-args"]
    for remap in remaps:
        command += ["-r", remap]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=20)
    assert code == 0, log.read_text()
    assert "Traceback" not in log.read_text()


class Speaker:
    """Publishes expressions as the node does, each half a second later by its stamp."""

    def __init__(self, observer, namespace):
        from hri_msgs.msg import Expression

        self._message = Expression
        self._publishers = {
            whole_turn: observer.node.create_publisher(Expression, f"{namespace}/{topic}", 10)
            for whole_turn, topic in ((False, "emotion"), (True, "emotion/utterance"))
        }
        self._time_s = 0.0
        observer.wait(lambda: all(p.get_subscription_count() for p in self._publishers.values()))

    def say(self, expression, whole_turn=False):
        message = self._message(expression=expression, confidence=0.9)
        self._time_s += 0.5
        message.header.stamp.sec = int(self._time_s)
        message.header.stamp.nanosec = int(self._time_s % 1 * 1e9)
        self._publishers[whole_turn].publish(message)


def test_the_dialogue_manager_comforts_a_sad_person(observer, tmp_path):
    log = tmp_path / "log"
    with example("dialogue_manager", log, "__ns:=/robot1"):
        speaker = Speaker(observer, "/robot1")
        speaker.say("neutral")
        observer.wait(lambda: "window neutral 0.90 -> continue: " in log.read_text())
        speaker.say("sad", whole_turn=True)
        observer.wait(lambda: "turn sad 0.90 -> comfort: " in log.read_text())


def test_the_behaviour_tree_responds_to_emotions(observer, tmp_path):
    from std_msgs.msg import String

    actions = observer.subscribe("/robot2/dialogue/action", String, latched=True)
    with example("py_trees_dialogue", tmp_path / "log", "__ns:=/robot2"):
        speaker = Speaker(observer, "/robot2")
        speaker.say("happy")
        observer.wait(lambda: [message.data for message in actions] == ["continue"])
        speaker.say("angry", whole_turn=True)
        observer.wait(lambda: [m.data for m in actions] == ["continue", "give space"])


def test_without_py_trees_the_program_says_what_to_install():
    code = (
        "import sys; sys.modules['py_trees'] = None\nimport ser_stream.examples.py_trees_dialogue"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == (
        "py_trees_dialogue: needs py_trees: sudo apt install ros-$ROS_DISTRO-py-trees\n"
    )
