"""The network that DDS uses, by ROS 2's environment variables."""

from __future__ import annotations

import re

import pytest

from ser_stream.ros.dds_network import domain_id, network_configuration


def test_the_network_follows_from_the_variables_of_ros():
    subnet, local = network_configuration({}), network_configuration({"ROS_LOCALHOST_ONLY": "1"})
    assert "AllowMulticast" not in subnet
    assert "NetworkInterface" not in subnet
    assert '<NetworkInterface address="127.0.0.1"/>' in local
    reach = "ROS_AUTOMATIC_DISCOVERY_RANGE"
    assert network_configuration({reach: "LOCALHOST"}) == local
    assert network_configuration({reach: "SUBNET", "ROS_LOCALHOST_ONLY": "1"}) == local
    assert network_configuration({reach: "SUBNET", "ROS_LOCALHOST_ONLY": "0"}) == subnet
    peers = network_configuration({reach: "LOCALHOST", "ROS_STATIC_PEERS": "10.0.0.7;localhost"})
    assert re.findall('Peer Address="(.*?)"', peers) == ["127.0.0.1", "10.0.0.7", "localhost"]
    assert "NetworkInterface" not in peers  # loopback does not reach these
    assert network_configuration({reach: "SYSTEM_DEFAULT"}) is None
    uri = {"CYCLONEDDS_URI": "file:///x.xml"}
    assert network_configuration(uri) == f"{subnet},file:///x.xml"
    assert network_configuration(uri | {reach: "SYSTEM_DEFAULT"}) == "file:///x.xml"
    assert "NetworkInterface" not in network_configuration(uri | {reach: "LOCALHOST"})


@pytest.mark.parametrize(
    ("domain", "environment", "expected"),
    [(None, {}, 0), (None, {"ROS_DOMAIN_ID": "7"}, 7), (3, {"ROS_DOMAIN_ID": "7"}, 3)],
)
def test_the_domain_is_the_argument_or_the_variable_or_0(domain, environment, expected):
    assert domain_id(domain, environment) == expected
