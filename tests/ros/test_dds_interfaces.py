"""Which interfaces DDS uses. With real DDS, that is tested in test_dds.py."""

from __future__ import annotations

import socket

from ser_stream.ros.dds_interfaces import interface_addresses


def test_addresses_are_those_of_bound_udp_sockets_and_these_stay_open():
    before = interface_addresses()
    with socket.socket(type=socket.SOCK_DGRAM) as bound, socket.socket() as tcp:
        tcp.bind(("127.0.0.8", 0))
        bound.bind(("127.0.0.9", 0))
        assert set(interface_addresses()) == {*before, "127.0.0.9"}
        bound.sendto(b"still open", bound.getsockname())
        assert bound.recv(100) == b"still open"
    assert interface_addresses() == before
    with socket.socket(type=socket.SOCK_DGRAM) as everywhere:
        everywhere.bind(("", 0))
        assert interface_addresses() == before
