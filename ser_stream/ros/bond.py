"""A bond with Nav2's lifecycle manager: heartbeats that tell it when the node has died.

Each side publishes bond/msg/Status on the topic `bond`, with the id of the bond (the node's name),
an instance id of its own, and whether it is active. The manager regards the node as dead when its
heartbeats stop, or at once when it says that it ends the bond. The protocol is that of
https://github.com/ros/bond_core; the names are those of nav2_util and nav2_lifecycle_manager.

As with Nav2's own nodes, the node goes on when the manager falls silent. The package bondpy is not
used: at the end of a bond it destroys a subscription that stays in the node, at which rclpy's
executor raises, and it logs an error for each heartbeat of a manager that has been restarted
(bondpy 4.0 with rclpy 7.1). Needs no rclpy.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections.abc import Callable
from typing import Any

from ser_stream.errors import InputError
from ser_stream.ros.stamps import to_stamp
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream.ros")

TOPIC = "bond"
"""Relative, as in Nav2: the manager of a namespace sees the nodes of that namespace."""

HEARTBEAT_PERIOD_S: Seconds = 0.1
"""How often `Bond.update` is called: as often as the nodes of Nav2 publish."""

TIMEOUTS_S: tuple[Seconds, Seconds] = (0.5, 60.0)
"""Shortest and longest silence that is reported; a shorter one is normal between heartbeats."""

CONNECT_TIMEOUT_S: Seconds = 10.0
"""A manager that has not answered for so long is reported."""

DISCONNECT_TIMEOUT_S: Seconds = 2.0
"""The end of the bond is published for so long, unless the manager confirms it."""


class Bond:
    """The node's side of a bond, from `start` to `end`.

    The methods are called in the executor's thread.

    Args:
        node: a node of rclpy; its name is the id of the bond.
        clock: monotonic time in seconds.
    """

    def __init__(self, node: Any, clock: Callable[[], Seconds] = time.monotonic) -> None:
        self._node = node
        self._id = node.get_name()
        self._clock = clock
        self._timeout_s: Seconds = 0.0
        self._instance_id = ""
        self._waiting_since_s: Seconds = 0.0  # when the manager was heard last, or the start
        self._formed = False
        self._silent = False  # the silence of the manager was logged
        self._ending_since_s: Seconds | None = None
        self._status: Any = None  # the message type
        self._publisher: Any = None  # while there is something to publish
        self._subscription: Any = None

    def start(self, timeout_s: Seconds) -> None:
        """Begin heartbeats.

        Args:
            timeout_s: a manager that has been silent for so long is reported; 0: no bond.

        Raises:
            InputError: the package bond is not installed.
        RuntimeError: SROS2 does not permit the topic; nothing is left open.
        """
        self.close()  # an earlier bond whose end the manager has not confirmed
        if timeout_s == 0:
            return
        self._status = status_type(timeout_s)
        self._timeout_s = timeout_s
        self._ending_since_s = None
        # The same for the whole bond: the node receives its own messages, too, and late.
        self._instance_id = str(uuid.uuid4())
        self._wait_for_manager()
        self._publisher = self._node.create_publisher(self._status, TOPIC, 5)
        try:
            self._subscription = self._node.create_subscription(
                self._status, TOPIC, self._on_status, 100
            )
        except BaseException:
            self.close()
            raise
        self._publish(active=True)

    def update(self) -> None:
        """Publish a heartbeat, or the end of the bond: call it every `HEARTBEAT_PERIOD_S`."""
        if self._publisher is None:
            return
        now_s = self._clock()
        if self._ending_since_s is None:
            self._publish(active=True)
            self._report_silence(now_s)
        elif now_s - self._ending_since_s < DISCONNECT_TIMEOUT_S:
            self._publish(active=False)
        else:
            self.close()

    def end(self) -> None:
        """End the bond: the manager is told so until it confirms it."""
        if self._publisher is not None and self._ending_since_s is None:
            self._ending_since_s = self._clock()
            self._publish(active=False)

    def close(self) -> None:
        """Destroy the publisher and the subscription."""
        if self._publisher is not None:
            # Here, because parameters.py imports this module where there is no rclpy.
            from ser_stream.ros.rclpy_transport import wait_until_received

            wait_until_received([self._publisher])
            self._node.destroy_publisher(self._publisher)
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._publisher = self._subscription = None

    def _wait_for_manager(self) -> None:
        """Begin to wait for the first heartbeat of a manager."""
        self._waiting_since_s = self._clock()
        self._formed = self._silent = False

    def _publish(self, active: bool) -> None:
        if not self._node.context.ok():
            return
        message = self._status(
            id=self._id,
            instance_id=self._instance_id,
            active=active,
            heartbeat_timeout=self._timeout_s,
            heartbeat_period=HEARTBEAT_PERIOD_S,
        )
        stamp = message.header.stamp  # rclpy's conversion may raise after 2038
        stamp.sec, stamp.nanosec = to_stamp(self._node.get_clock().now().nanoseconds)
        self._publisher.publish(message)

    def _on_status(self, message: Any) -> None:
        if message.id != self._id or message.instance_id == self._instance_id:
            return
        if self._ending_since_s is not None:
            if not message.active:  # confirmed
                self._ending_since_s = -math.inf  # `update` closes the bond
        elif message.active:
            self._on_heartbeat()
        else:
            self._publish(active=False)  # a manager repeats the end until that is confirmed
            if self._formed:
                logger.info("bond: ended by the lifecycle manager; the node goes on")
                self._wait_for_manager()

    def _on_heartbeat(self) -> None:
        if not self._formed:
            logger.info("bond: formed with the lifecycle manager")
        elif self._silent:
            logger.info("bond: the lifecycle manager is back")
        self._formed, self._silent = True, False
        self._waiting_since_s = self._clock()

    def _report_silence(self, now_s: Seconds) -> None:
        timeout_s = self._timeout_s if self._formed else CONNECT_TIMEOUT_S
        if self._silent or now_s - self._waiting_since_s <= timeout_s:
            return
        self._silent = True
        topic = self._node.resolve_topic_name(TOPIC)
        if self._formed:
            logger.warning(
                "bond: no heartbeat of the lifecycle manager on %s for %g s; the node goes on",
                topic,
                timeout_s,
            )
        else:
            logger.warning(
                "bond: no lifecycle manager has answered on %s for %g s; its node_names must have "
                "%s, and its bond_timeout must be above 0",
                topic,
                timeout_s,
                self._id,
            )


def status_type(timeout_s: Seconds) -> Any:
    """Return the message type bond/msg/Status.

    Raises:
        InputError: the package bond is not installed.
    """
    try:
        from bond.msg import Status
    except ImportError as error:
        raise InputError(
            f"bond_timeout: found {timeout_s:g}, but the package bond is not installed: install "
            "ros-<distro>-bond, or set 0.0"
        ) from error
    return Status
