"""Whom DDS finds, by the environment variables of ROS 2."""

from __future__ import annotations

import pytest

from ser_stream.ros.discovery import known_variables, network_text

RANGE, PEERS = "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_STATIC_PEERS"


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({}, "SUBNET: this machine and its network"),
        ({RANGE: "LOCALHOST"}, "LOCALHOST: this machine"),
        ({RANGE: "LOCALHOST", PEERS: "a;b"}, "LOCALHOST: this machine, and a, b"),
        ({RANGE: "SUBNET", PEERS: "a", "ROS_LOCALHOST_ONLY": "1"}, "LOCALHOST: this machine"),
        ({RANGE: "OFF", PEERS: "a"}, "OFF: nobody"),
        ({RANGE: "far"}, "far: unknown"),
        (
            {RANGE: "SYSTEM_DEFAULT", "CYCLONEDDS_URI": "x"},
            "SYSTEM_DEFAULT: what the DDS implementation is configured for; CYCLONEDDS_URI can "
            "change that",
        ),
    ],
)
def test_the_network_is_described_in_one_line(environment, text):
    assert network_text(7, environment, []) == f"DDS domain 7, discovery range {text}"


def test_the_interfaces_are_named_where_they_are_known():
    text = network_text(0, {}, ["10.0.0.7", "192.168.1.2"])
    assert text.endswith("its network; network interfaces 10.0.0.7, 192.168.1.2")


def test_humble_does_not_know_ranges():
    environment = {RANGE: "LOCALHOST", PEERS: "a", "ROS_LOCALHOST_ONLY": "0"}
    humble = known_variables(environment | {"ROS_DISTRO": "humble"})
    assert humble == {"ROS_LOCALHOST_ONLY": "0", "ROS_DISTRO": "humble"}
    jazzy = environment | {"ROS_DISTRO": "jazzy"}
    assert known_variables(jazzy) == jazzy
