"""Which network interfaces DDS uses in this process, by the sockets that it has opened."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

FAMILIES = (socket.AF_INET, socket.AF_INET6)

ANY = {"0.0.0.0", "::"}
"""Addresses of a socket that receives from all interfaces."""


def interface_addresses() -> list[str]:
    """Return the addresses that UDP sockets of this process are bound to.

    Cyclone DDS sends through one such socket for each interface that it uses; it receives through
    sockets that are bound to no address. Fast DDS binds none to an address.
    """
    found = set()
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile, as the one that lists them
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as copy:
                    if copy.type == socket.SOCK_DGRAM and copy.family in FAMILIES:
                        found.add(copy.getsockname()[0])
    return sorted(found - ANY)
