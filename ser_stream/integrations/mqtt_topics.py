"""Names in MQTT: topics, and the client's id."""

from __future__ import annotations

import dataclasses
import re
import socket

from ser_stream.errors import InputError, shown

PROGRAM = "ser_stream"
ONLINE, OFFLINE = "online", "offline"
"""Payloads of the topic `availability`, and of Home Assistant's own status."""
ON, OFF = "ON", "OFF"
"""Payloads of the topic `speaking`."""
MAX_TOPIC_BYTES = 200
"""Size of the longest prefix; MQTT accepts 65,535 bytes."""

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclasses.dataclass(frozen=True)
class Topics:
    """The topics of one program that publishes.

    Args:
        prefix: what they all begin with, such as "ser_stream/robot1".

    Raises:
        InputError: the prefix cannot be that of a topic.
    """

    prefix: str

    def __post_init__(self) -> None:
        check_prefix("--mqtt-prefix", self.prefix)

    @property
    def availability(self) -> str:
        """`ONLINE` or `OFFLINE`; retained."""
        return f"{self.prefix}/availability"

    @property
    def estimate(self) -> str:
        """Each estimate, as JSON."""
        return f"{self.prefix}/estimate"

    @property
    def turn(self) -> str:
        """The estimate that represents each finished turn, as JSON."""
        return f"{self.prefix}/turn"

    @property
    def emotion(self) -> str:
        """The newest estimate that names an emotion, as short JSON."""
        return f"{self.prefix}/emotion"

    @property
    def turn_emotion(self) -> str:
        """The newest finished turn whose estimate names an emotion, as short JSON."""
        return f"{self.prefix}/turn_emotion"

    @property
    def speaking(self) -> str:
        """`ON` while someone speaks, else `OFF`."""
        return f"{self.prefix}/speaking"


def default_client_id() -> str:
    """Return the id of a client that was given none: it holds the name of this machine."""
    host = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().split(".")[0]) or "host"
    return f"{PROGRAM}-{host}"[:64]


def default_prefix(client_id: str) -> str:
    """Return the prefix of a client's topics.

    >>> default_prefix("ser_stream-robot1"), default_prefix("kitchen")
    ('ser_stream/robot1', 'ser_stream/kitchen')
    """
    return f"{PROGRAM}/{client_id.removeprefix(f'{PROGRAM}-') or client_id}"


def check_client_id(client_id: str) -> None:
    """Check the id, which is also that of the device in Home Assistant.

    Raises:
        InputError: Home Assistant does not accept it.
    """
    if not _CLIENT_ID.fullmatch(client_id):
        raise InputError(
            f"--mqtt-client-id: found {shown(client_id)}; accepted are 1 to 64 letters, digits, "
            "_ and -"
        )


def check_prefix(option: str, prefix: str) -> None:
    """Check that topics can begin so.

    Raises:
        InputError: they cannot.
    """
    if (
        not prefix.isprintable()
        or any(character in prefix for character in "+#")
        or prefix.startswith("$")
        or not all(prefix.split("/"))
        or len(prefix.encode("utf-8", "replace")) > MAX_TOPIC_BYTES
    ):
        raise InputError(
            f"{option}: found {shown(prefix)}; accepted are names separated by /, of up to "
            f"{MAX_TOPIC_BYTES} bytes, without + and #, not beginning with $"
        )
