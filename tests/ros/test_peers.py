"""Hosts whose addresses Cyclone DDS has to know, since it ends the process otherwise."""

from __future__ import annotations

import pytest

from ser_stream.errors import InputError
from ser_stream.ros.dds_network import network_configuration

IPV6 = "<CycloneDDS><Domain><General><Transport>udp6</Transport></General></Domain></CycloneDDS>"


def peer(address):
    return f'<CycloneDDS><Domain><Discovery><Peers><Peer Address="{address}"/></Peers></Discovery>'


@pytest.mark.parametrize(
    "peers", ["", ";", "127.0.0.1", "localhost;127.0.0.1:7410", "127.0.0.1,127.0.0.2;;localhost;"]
)
def test_hosts_that_are_known_are_asked(peers):
    assert network_configuration({"ROS_STATIC_PEERS": peers})


@pytest.mark.parametrize(
    ("peers", "found"),
    [
        ("no host", "'no host' ("),
        ("127.0.0.1;no host", "'no host' ("),
        ("127.0.0.1,no host", "'no host' ("),
        ("127.0.0.1; 127.0.0.1", "' 127.0.0.1' ("),
        ('"/><x', "'\"/><x' ("),
        ("::1", "'::1' ("),
        ("127.0.0.1:0", "'127.0.0.1:0' (no port from 1 to 65535)"),
        ("127.0.0.1:65536", "'127.0.0.1:65536' (no port from 1 to 65535)"),
        ("127.0.0.1:", "'127.0.0.1:' (no port from 1 to 65535)"),
        ("röbot", "'röbot' (not ASCII)"),
        ("a\nb", r"'a\nb' ("),
        ("a" * 256, "... (256 characters)"),
    ],
)
def test_hosts_that_are_not_known_are_refused_in_one_line(peers, found):
    with pytest.raises(InputError) as error:
        network_configuration({"ROS_STATIC_PEERS": peers})
    line = str(error.value)
    assert line.startswith("ROS_STATIC_PEERS: found ")
    assert found in line
    assert "; accepted are IPv4 addresses and names of hosts that this machine knows" in line
    assert line.isprintable()


@pytest.mark.parametrize(
    "variables",
    [{"ROS_LOCALHOST_ONLY": "1"}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT"}],
)
def test_hosts_that_ros_ignores_are_not_looked_up(variables):
    network_configuration({"ROS_STATIC_PEERS": "no host", **variables})


def test_hosts_of_the_users_configuration_are_looked_up_too(tmp_path):
    path = tmp_path / "cyclone.xml"
    path.write_text(peer("no host"))
    for uri in (peer("no host"), f"file://{path}", f"{peer('127.0.0.1')},{path}"):
        with pytest.raises(InputError, match="CYCLONEDDS_URI: Peer: found 'no host'"):
            network_configuration({"CYCLONEDDS_URI": uri})
    for uri in (peer("127.0.0.1"), peer("${ROBOT}"), f"<!-- {peer('no host')} -->", "/no/file"):
        assert uri in network_configuration({"CYCLONEDDS_URI": uri})


def test_where_the_user_has_chosen_ipv6_its_addresses_are_accepted():
    configuration = network_configuration(
        {"CYCLONEDDS_URI": IPV6, "ROS_STATIC_PEERS": "[::1]:7410"}
    )
    assert '<Peer Address="::1" ' in configuration
    assert "127.0.0.1" not in configuration
