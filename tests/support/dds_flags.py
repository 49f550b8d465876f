"""A subscriber of a robot's flags, `is_speaking` and `listening`, in real DDS on loopback."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time

LOOPBACK = (
    "<CycloneDDS><Domain><General><AllowMulticast>false</AllowMulticast><Interfaces>"
    '<NetworkInterface address="127.0.0.1"/></Interfaces></General><Discovery>'
    '<ParticipantIndex>auto</ParticipantIndex><Peers><Peer Address="127.0.0.1"/></Peers>'
    "</Discovery></Domain></CycloneDDS>"
)
PATIENCE_S = 60.0


class Flags:
    """Receives the flags of robots in a domain of its own.

    Attributes:
        env: environment of programs that shall publish in that domain.
    """

    def __init__(self):
        from cyclonedds.domain import Domain, DomainParticipant

        number = _free_domain()
        self._domain = Domain(number, LOOPBACK)  # ends with its last reference
        self._participant = DomainParticipant(number)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ROS_", "CYCLONEDDS"))}
        self.env = kept | {
            "ROS_DOMAIN_ID": str(number),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        }
        self._values = {}
        self._readers = {}

    def subscribe(self, robot):
        """Receive the flags of the robot with this namespace from now on."""
        from cyclonedds.core import Policy, Qos
        from cyclonedds.sub import DataReader
        from cyclonedds.topic import Topic
        from cyclonedds.util import duration

        from ser_stream.ros.dds import MessageClasses
        from ser_stream.ros.messages import MESSAGE_TYPES

        kind = MessageClasses(MESSAGE_TYPES)["std_msgs/msg/Bool"]
        qos = Qos(
            Policy.Reliability.Reliable(duration(seconds=1)),
            Policy.Durability.TransientLocal,
            Policy.History.KeepLast(100),
        )
        for flag in ("is_speaking", "listening"):
            topic = Topic(self._participant, f"rt/{robot}/{flag}", kind)
            self._readers[robot, flag] = DataReader(self._participant, topic, qos)
            self._values[robot, flag] = []

    def values(self, robot, flag):
        """Return all values so far, in order."""
        messages = self._readers[robot, flag].take(N=100)
        self._values[robot, flag] += [m.data for m in messages if m.sample_info.valid_data]
        return self._values[robot, flag]

    def wait_for(self, robot, flag, values):
        """Wait until the newest values of a flag are these."""
        deadline = time.monotonic() + PATIENCE_S
        while self.values(robot, flag)[-len(values) :] != values:
            assert time.monotonic() < deadline, (flag, self.values(robot, flag))
            time.sleep(0.02)


def _free_domain():
    """A domain that nobody on this machine uses, with ports outside of Linux's ephemeral ones."""
    for number in random.sample(range(1, 102), 101):
        with contextlib.ExitStack() as sockets, contextlib.suppress(OSError):
            for index in range(3):  # the ports of the first participants
                port = 7400 + 250 * number + 10 + 2 * index
                sockets.enter_context(socket.socket(type=socket.SOCK_DGRAM)).bind(("", port))
            return number
    raise AssertionError("every domain is in use")
