"""Tells the people near a robot that it recognises emotions, before it does: a notice and a light.

    ros2 launch ser_stream ser.launch.py venv:=ser_venv enabled:=false
    ros2 run ser_stream listening_notice --ros-args -p notice:="I recognise emotions."

The notice is published on `say` (std_msgs/String), for a node that speaks. When that has had the
time to say it, recognition is enabled. The light `led` (std_msgs/ColorRGBA) is on while the topic
`listening` is true. Without a subscriber of `say`, recognition stays disabled.
"""

import time

import rclpy
from rcl_interfaces.msg import ParameterEvent
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Bool, ColorRGBA, String
from std_srvs.srv import SetBool

from ser_stream.examples.running import run

NOTICE = "I recognise emotions in the voices around me. Nothing that you say is recorded."
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
LIGHT_ON, LIGHT_OFF = ColorRGBA(r=1.0, g=0.5, a=1.0), ColorRGBA()

PARAMETER_EVENTS = "/parameter_events"

WAITING, ANNOUNCING, ANNOUNCED = "waiting", "announcing", "announced"
"""States: no notice yet, the notice is being spoken, it was spoken."""


class ListeningNotice(Node):
    """Speaks a notice, then enables recognition, each time that the recognising node has started.

    What somebody disables after that start, even while the notice is spoken, stays disabled.

    Parameters:
        notice: what is said; "" = nothing: the light alone, and a subscriber of `led` is needed.
        notice_s: how long it takes to say it, in seconds.
        node: name of the node that recognises emotions.
    """

    def __init__(self) -> None:
        super().__init__("listening_notice")
        self._notice = self.declare_parameter("notice", NOTICE).value
        self._notice_s = self.declare_parameter("notice_s", 6.0).value
        name = self.declare_parameter("node", "ser_stream").value
        self._state, self._spoken_at = WAITING, 0.0
        self._known: set[bytes] = set()  # publishers of the node
        self._disabled = False  # by somebody else, since the node has started
        self._waiting_for = ""  # what was logged
        self._recognising = False
        self._say = self.create_publisher(String, "say", 10)
        self._led = self.create_publisher(ColorRGBA, "led", LATCHED)
        self._led.publish(LIGHT_OFF)
        self._enable = self.create_client(SetBool, f"{name}/enable")
        self._node_name = self.resolve_service_name(f"{name}/enable").rpartition("/")[0]
        self._listening = self.create_subscription(Bool, "listening", self.on_listening, LATCHED)
        self.create_subscription(ParameterEvent, PARAMETER_EVENTS, self.on_parameters, 100)
        # Simulated time may stand still.
        self.create_timer(0.1, self.update, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def on_listening(self, message: Bool) -> None:
        """Switch the light."""
        self._recognising = message.data
        self._led.publish(LIGHT_ON if message.data else LIGHT_OFF)

    def on_parameters(self, event: ParameterEvent) -> None:
        """Note whether somebody enables or disables recognition."""
        for parameter in event.changed_parameters if event.node == self._node_name else ():
            if parameter.name == "enabled":
                self._disabled = not parameter.value.bool_value

    def update(self) -> None:
        """Go on to the next state if it is time."""
        if self._recognising and not self.count_publishers("listening"):
            self.on_listening(Bool(data=False))  # the node was killed, and could not say so
        publishers = self._publishers_of_node()
        if publishers - self._known:  # the node has started, perhaps again
            self._state, self._disabled = WAITING, False
        self._known = publishers
        if self._disabled:
            if self._state == ANNOUNCING:
                self.get_logger().info("somebody has disabled recognition: it stays disabled")
                self._state = ANNOUNCED
        elif self._state == WAITING and publishers and self._has_audience():
            self._announce()
        elif self._state == ANNOUNCING and time.monotonic() >= self._spoken_at:
            self._enable_recognition()

    def _publishers_of_node(self) -> set[bytes]:
        """What identifies the process of the node: its publishers of a topic of all nodes."""
        namespace, _, name = self._node_name.rpartition("/")
        return {
            bytes(info.endpoint_gid)
            for info in self.get_publishers_info_by_topic(PARAMETER_EVENTS)
            if (info.node_namespace, info.node_name) == (namespace or "/", name)
        }

    def _has_audience(self) -> bool:
        """Whether somebody can be told, and recognition can be enabled or has begun."""
        told_by = self._say if self._notice else self._led
        missing = ""
        if not self._enable.service_is_ready() and not self._recognising:
            missing = f"the service {self._node_name}/enable"
        elif told_by.get_subscription_count() == 0:
            missing = f"a subscriber of {told_by.topic_name}"
        if missing != self._waiting_for:
            self._waiting_for = missing
            if missing:
                self.get_logger().info(f"waiting for {missing}")
        return not missing

    def _announce(self) -> None:
        self._state, self._spoken_at = ANNOUNCING, time.monotonic()
        if self._recognising:
            self.get_logger().warning(
                "emotions are recognised already; start the node with enabled:=false"
            )
        if self._notice:
            self._spoken_at += self._notice_s
            self._say.publish(String(data=self._notice))
            self.get_logger().info(f"notice: {self._notice}")

    def _enable_recognition(self) -> None:
        """Enable recognition, or do nothing while the service is not ready."""
        if self._enable.service_is_ready():
            self._state = ANNOUNCED
            enabled = self._enable.call_async(SetBool.Request(data=True))
            enabled.add_done_callback(self._on_enabled)

    def _on_enabled(self, future: rclpy.Future) -> None:
        response = future.result()
        if response.success:
            self.get_logger().info(response.message)
        else:
            self.get_logger().error(f"recognition cannot be enabled: {response.message}")


def main() -> None:
    run(ListeningNotice)


if __name__ == "__main__":
    main()
