"""Whom DDS finds and through which network, by the environment variables of ROS 2. Needs no ROS."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ser_stream.errors import shown
from ser_stream.ros.peers import static_peers

RANGES = {
    "SUBNET": "this machine and its network",
    "LOCALHOST": "this machine",
    "SYSTEM_DEFAULT": "what the DDS implementation is configured for",
    "OFF": "nobody",
}
"""Discovery range -> who is found."""

OLD_DISTRIBUTIONS = ("foxy", "galactic", "humble")
"""Distributions that do not know discovery ranges yet."""


@dataclasses.dataclass(frozen=True)
class Discovery:
    """Whom DDS finds.

    Attributes:
        range: the range's name; one that is not in `RANGES` is no range.
        peers: hosts that are asked too.
    """

    range: str
    peers: Sequence[str] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Discovery:
        """Return what the variables of ROS 2 say."""
        if environment.get("ROS_LOCALHOST_ONLY") == "1":
            return cls("LOCALHOST")
        found = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "SUBNET"
        return cls(found, static_peers(environment) if found in ("SUBNET", "LOCALHOST") else ())


def known_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that the distribution of ROS_DISTRO does not know."""
    unknown: tuple[str, ...] = ()
    if environment.get("ROS_DISTRO") in OLD_DISTRIBUTIONS:
        unknown = ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_STATIC_PEERS")
    return {name: value for name, value in environment.items() if name not in unknown}


def network_text(domain: int, environment: Mapping[str, str], addresses: Sequence[str]) -> str:
    """Return in one line which network DDS uses.

    Args:
        addresses: of the network interfaces that it uses; none where that is not known.

    >>> network_text(7, {"ROS_LOCALHOST_ONLY": "1"}, ["127.0.0.1"])
    'DDS domain 7, discovery range LOCALHOST: this machine; network interface 127.0.0.1'
    """
    discovery = Discovery.of(environment)
    found = RANGES.get(discovery.range, "unknown")
    if discovery.peers:
        found += f", and {', '.join(shown(peer)[1:-1] for peer in discovery.peers)}"
    text = f"DDS domain {domain}, discovery range {discovery.range}: {found}"
    if addresses:
        interfaces = "interface" if len(addresses) == 1 else "interfaces"
        text += f"; network {interfaces} {', '.join(addresses)}"
    return text + ("; CYCLONEDDS_URI can change that" if environment.get("CYCLONEDDS_URI") else "")
