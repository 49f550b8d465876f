"""A dialogue manager on a robot: subscribes to emotions, decides, and logs why.

    ros2 run ser_stream dialogue_manager [--ros-args -r __ns:=/robot1]

Run it beside `ros2 launch ser_stream ser.launch.py`.
"""

from __future__ import annotations

from hri_msgs.msg import Expression
from rclpy.node import Node

from ser_stream.examples.decisions import DialogueManager
from ser_stream.examples.running import run


class DialogueNode(Node):
    """Subscribes to the emotions of windows and of whole turns."""

    def __init__(self) -> None:
        super().__init__("dialogue_manager")
        self._manager = DialogueManager()
        self.create_subscription(Expression, "emotion", self.on_window, 10)
        self.create_subscription(Expression, "emotion/utterance", self.on_turn, 10)

    def on_window(self, message: Expression) -> None:
        self._respond("window", message)

    def on_turn(self, message: Expression) -> None:
        self._respond("turn", message)

    def _respond(self, kind: str, message: Expression) -> None:
        stamp = message.header.stamp
        decision = self._manager.add(
            message.expression,
            message.confidence,
            time_s=stamp.sec + stamp.nanosec * 1e-9,
            whole_turn=kind == "turn",
        )
        emotion = f"{kind} {message.expression} {message.confidence:.2f}"
        self.get_logger().info(f"{emotion} -> {decision.action}: {decision.reason}")


def main() -> None:
    run(DialogueNode)


if __name__ == "__main__":
    main()
