"""Which network and domain DDS uses, by the environment variables that ROS 2 knows.

* ROS_DOMAIN_ID: the domain where none is given; 0 if it is not set.
* ROS_AUTOMATIC_DISCOVERY_RANGE: `SUBNET` (default): this machine and its network, by multicast.
  `LOCALHOST`: this machine. `SYSTEM_DEFAULT`: what Cyclone DDS does without configuration. `OFF` is
  refused: nobody could receive anything.
* ROS_LOCALHOST_ONLY=1: as `LOCALHOST`, and overrides the range, as it does in ROS 2.
* ROS_STATIC_PEERS: `host;host`, asked too. With `LOCALHOST`: this machine and these hosts. A host
  whose address is not known is refused, since Cyclone DDS would end the process.
* ROS_DISTRO: for `humble` and older, node names are announced in the form of that time. Set it on a
  machine without ROS when the robot runs one of those.
* CYCLONEDDS_URI: appended to the configuration that follows from the others, so that it overrides
  them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from ser_stream.errors import InputError, shown
from ser_stream.ros.discovery import OLD_DISTRIBUTIONS, Discovery
from ser_stream.ros.messages import MESSAGE_TYPES
from ser_stream.ros.peers import check_peers, uses_ipv6

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
        InputError: ROS_AUTOMATIC_DISCOVERY_RANGE is unknown, or OFF; or Cyclone DDS cannot use the
            address of a host.
    """
    users = environment.get("CYCLONEDDS_URI", "")
    discovery = Discovery.of(environment)
    if discovery.range not in ("SUBNET", "LOCALHOST", "SYSTEM_DEFAULT"):
        raise InputError(
            f"ROS_AUTOMATIC_DISCOVERY_RANGE: found {shown(discovery.range)}; accepted are SUBNET, "
            "LOCALHOST and SYSTEM_DEFAULT"
            + ("; with OFF nobody could receive anything" if discovery.range == "OFF" else "")
        )
    check_peers(discovery.peers, environment)
    if discovery.range == "SYSTEM_DEFAULT":
        return users or None
    general, peers = "", discovery.peers
    if discovery.range == "LOCALHOST":
        general = "<AllowMulticast>false</AllowMulticast>"
        if not peers and not users:
            general += '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    hosts = ["::1" if uses_ipv6(environment) else "127.0.0.1", *peers]
    peer_elements = "".join(f'<Peer Address={quoteattr(host)} PruneDelay="inf"/>' for host in hosts)
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
        raise InputError(f"{name}: found {shown(found)[1:-1]}; accepted are 0 to {MAX_DOMAIN}")
    return int(found)


def message_types(ros_distro: str) -> Mapping[str, Mapping[str, str]]:
    """Return the definitions in `MESSAGE_TYPES` as a distribution of ROS 2 has them."""
    if ros_distro in OLD_DISTRIBUTIONS:
        return {**MESSAGE_TYPES, GID: {"data": "uint8[24]"}}
    return MESSAGE_TYPES
