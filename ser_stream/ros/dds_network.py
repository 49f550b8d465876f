"""Which network and domain DDS uses, by the environment variables that ROS 2 knows.

* ROS_DOMAIN_ID: the domain where none is given; 0 if it is not set.
* ROS_AUTOMATIC_DISCOVERY_RANGE: `SUBNET` (default): this machine and its network, by multicast.
  `LOCALHOST`: this machine. `SYSTEM_DEFAULT`: what Cyclone DDS does without configuration. `OFF` is
  refused: nobody could receive anything.
* ROS_LOCALHOST_ONLY=1: as `LOCALHOST`, and overrides the range, as it does in ROS 2.
* ROS_STATIC_PEERS: `host;host`, asked too. With `LOCALHOST`: this machine and these hosts.
* ROS_DISTRO: for `humble` and older, node names are announced in the form of that time. Set it on a
  machine without ROS when the robot runs one of those.
* CYCLONEDDS_URI: appended to the configuration that follows from the others, so that it overrides
  them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from ser_stream.errors import InputError
from ser_stream.ros.messages import MESSAGE_TYPES

MAX_DOMAIN = 232
"""The highest domain whose UDP ports, 7400 + 250 * domain and up, exist (DDSI-RTPS 9.6.1.1)."""

GID = "rmw_dds_common/msg/Gid"


def network_configuration(environment: Mapping[str, str]) -> str | None:
    """Return the configuration of Cyclone DDS (XML); None: its own default.

    CYCLONEDDS_URI is appended, as rmw_cyclonedds does.

    SPDPInterval and PruneDelay are needed to meet rmw_cyclonedds and rmw_fastrtps in any order of
    start: by default Cyclone DDS 11 asks a silent peer every 30 s only and forgets it after as
    long, so that a ROS node on this machine that starts later and does not use multicast would
    never be found.

    Raises:
        InputError: ROS_AUTOMATIC_DISCOVERY_RANGE is unknown, or OFF.
    """
    users = environment.get("CYCLONEDDS_URI", "")
    discovery_range = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "SUBNET"
    peers = [host for host in environment.get("ROS_STATIC_PEERS", "").split(";") if host]
    if environment.get("ROS_LOCALHOST_ONLY") == "1":
        discovery_range, peers = "LOCALHOST", []
    if discovery_range == "SYSTEM_DEFAULT":
        return users or None
    if discovery_range not in ("SUBNET", "LOCALHOST"):
        raise InputError(
            f"ROS_AUTOMATIC_DISCOVERY_RANGE: found {discovery_range!r}; accepted are SUBNET, "
            "LOCALHOST and SYSTEM_DEFAULT"
            + ("; with OFF nobody could receive anything" if discovery_range == "OFF" else "")
        )
    general = ""
    if discovery_range == "LOCALHOST":
        general = "<AllowMulticast>false</AllowMulticast>"
        if not peers and not users:
            general += '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    peer_elements = "".join(
        f'<Peer Address={quoteattr(host)} PruneDelay="inf"/>' for host in ["127.0.0.1", *peers]
    )
    ours = (
        f"<CycloneDDS><Domain><General>{general}</General><Discovery>"
        "<ParticipantIndex>auto</ParticipantIndex><SPDPInterval>2 s</SPDPInterval>"
        f"<Peers>{peer_elements}</Peers></Discovery></Domain></CycloneDDS>"
    )
    return f"{ours},{users}" if users else ours


def domain_id(domain: int | None, environment: Mapping[str, str]) -> int:
    """Return the DDS domain: the one given, else ROS_DOMAIN_ID, else 0.

    Raises:
        InputError: it is not in 0 to `MAX_DOMAIN`.
    """
    name, found = "domain", str(domain)
    if domain is None:
        name, found = "ROS_DOMAIN_ID", environment.get("ROS_DOMAIN_ID") or "0"
    if not re.fullmatch(r"\d{1,3}", found) or int(found) > MAX_DOMAIN:
        raise InputError(f"{name}: found {found}; accepted are 0 to {MAX_DOMAIN}")
    return int(found)


def check_name(what: str, name: str, nested: bool = True) -> str:
    """Return a name of ROS 2 unchanged.

    Args:
        what: names it in the error message.
        nested: parts may be separated by "/".

    Raises:
        InputError: ROS 2 does not allow the name.
    """
    token = "[A-Za-z_][A-Za-z0-9_]*"
    if not re.fullmatch(rf"{token}(/{token})*" if nested else token, name):
        raise InputError(
            f"{what}: found {name!r}; accepted are letters, digits and _, no digit first"
            + (", and / between parts" if nested else "")
        )
    return name


def message_types(ros_distro: str) -> Mapping[str, Mapping[str, str]]:
    """Return the definitions in `MESSAGE_TYPES` as a distribution of ROS 2 has them."""
    if ros_distro in ("foxy", "galactic", "humble"):
        return {**MESSAGE_TYPES, GID: {"data": "uint8[24]"}}
    return MESSAGE_TYPES
