"""A behaviour tree on a robot: its branches are chosen by the emotions of whoever speaks.

    ros2 run ser_stream py_trees_dialogue [--ros-args -r __ns:=/robot1]

Needs py_trees: `sudo apt install ros-$ROS_DISTRO-py-trees`. Run it beside the node. The tree ticks
twice a second and says on the topic `dialogue/action` what it begins to do, where a real robot
would start speaking or moving.
"""

from __future__ import annotations

from hri_msgs.msg import Expression
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from ser_stream.examples.decisions import DialogueManager
from ser_stream.examples.running import run

try:
    from ser_stream.examples.emotion_tree import EmotionTree
except ModuleNotFoundError as error:
    raise SystemExit(
        f"py_trees_dialogue: needs {error.name}: sudo apt install ros-$ROS_DISTRO-py-trees"
    ) from None

TICK_PERIOD_S = 0.5


class TreeNode(Node):
    """Decides by the emotions of windows and of whole turns, and ticks the tree."""

    def __init__(self) -> None:
        super().__init__("py_trees_dialogue")
        self._manager = DialogueManager()
        self._tree = EmotionTree(self._start)
        # Latched: whoever joins later sees what the robot is doing.
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._actions = self.create_publisher(String, "dialogue/action", latched)
        self.create_subscription(Expression, "emotion", self._on_window, 10)
        self.create_subscription(Expression, "emotion/utterance", self._on_turn, 10)
        self.create_timer(TICK_PERIOD_S, self._tree.tick)

    def _on_window(self, message: Expression) -> None:
        self._add(message, whole_turn=False)

    def _on_turn(self, message: Expression) -> None:
        self._add(message, whole_turn=True)

    def _add(self, message: Expression, whole_turn: bool) -> None:
        stamp = message.header.stamp
        time_s = stamp.sec + stamp.nanosec * 1e-9
        decision = self._manager.add(message.expression, message.confidence, time_s, whole_turn)
        self._tree.decide(decision.action)

    def _start(self, action: str) -> None:
        self.get_logger().info(f"begins to {action}")
        self._actions.publish(String(data=action))


def main() -> None:
    run(TreeNode)


if __name__ == "__main__":
    main()
