"""The hosts that Cyclone DDS is told to ask, and whether it can use them. Needs no ROS.

Cyclone DDS ends the process by SIGABRT when one of them is unknown (0.10 and 11.0): they are looked
up before it starts.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import unescape

from ser_stream.errors import InputError, shown

MAX_ADDRESS = 255
"""Characters of an address, as in the names of hosts; ROS 2 leaves longer ones out."""

MAX_CONFIGURATION_BYTES = 1_000_000

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
PEER = re.compile(r"""<Peer\s[^>]*?\baddress\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)
IPV6 = re.compile(r"<Transport>\s*(udp6|tcp6)|<UseIPv6>\s*true", re.IGNORECASE)


def static_peers(environment: Mapping[str, str]) -> list[str]:
    """Return the hosts that ROS_STATIC_PEERS names."""
    return [host for host in environment.get("ROS_STATIC_PEERS", "").split(";") if host]


def check_peers(peers: Iterable[str], environment: Mapping[str, str]) -> None:
    """Check the addresses that Cyclone DDS will look up; names are asked of the name server.

    Args:
        peers: those of ROS_STATIC_PEERS, as far as they count.
        environment: its CYCLONEDDS_URI may name others.

    Raises:
        InputError: Cyclone DDS cannot use one of them.
    """
    configuration = _configuration(environment)
    ipv6 = IPV6.search(configuration) is not None
    for peer in peers:
        _check("ROS_STATIC_PEERS", peer, "; between them", ipv6)
    for quoted in PEER.findall(configuration):
        peer = unescape(quoted[1:-1], {"&quot;": '"', "&apos;": "'"})
        if "$" not in peer:  # Cyclone DDS replaces variables
            _check("CYCLONEDDS_URI: Peer", peer, ", between them", ipv6)


def uses_ipv6(environment: Mapping[str, str]) -> bool:
    """Whether CYCLONEDDS_URI replaces IPv4 by IPv6."""
    return IPV6.search(_configuration(environment)) is not None


def _configuration(environment: Mapping[str, str]) -> str:
    """The text of CYCLONEDDS_URI and of the files that it names, without comments."""
    uri = environment.get("CYCLONEDDS_URI", "")
    texts = [uri]
    for part in uri.split(","):
        path = Path(part.strip().removeprefix("file://"))
        with contextlib.suppress(OSError, ValueError):  # not a path, or Cyclone DDS reports it
            if path.is_file():
                with path.open("rb") as file:
                    texts.append(file.read(MAX_CONFIGURATION_BYTES).decode(errors="replace"))
    return COMMENT.sub("", "\n".join(texts))


def _check(where: str, peer: str, separator: str, ipv6: bool) -> None:
    for address in peer.split(","):
        if problem := _problem(address, ipv6):
            kind = "addresses" if ipv6 else "IPv4 addresses"
            raise InputError(
                f"{where}: found {shown(address)} ({problem}); accepted are {kind} and names of "
                f"hosts that this machine knows, with {separator}"
            )


def _problem(address: str, ipv6: bool) -> str:
    """Why Cyclone DDS cannot use an address; "" if it can."""
    if len(address) > MAX_ADDRESS:
        return f"{len(address)} characters"
    host, colon, port = address.rpartition(":")
    if not colon or (ipv6 and not (port.isdecimal() and (":" not in host or host[:1] == "["))):
        host = address
    elif not (port.isdecimal() and 1 <= int(port) <= 65_535):
        return "no port from 1 to 65535"
    if ipv6:
        host = host.removeprefix("[").removesuffix("]")
    try:
        family = socket.AF_UNSPEC if ipv6 else socket.AF_INET
        socket.getaddrinfo(host.encode("ascii"), None, family, socket.SOCK_DGRAM)
    except UnicodeError:
        return "not ASCII"
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""
