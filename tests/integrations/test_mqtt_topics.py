"""Names in MQTT."""

from __future__ import annotations

import socket

import pytest

from ser_stream.errors import InputError
from ser_stream.integrations.mqtt_topics import (
    Topics,
    check_client_id,
    default_client_id,
    default_prefix,
)


@pytest.mark.parametrize("host", ["robot1", "robot1.lan", "Küche 2", "", "x" * 99])
def test_the_default_names_are_accepted_whatever_the_machine_is_called(monkeypatch, host):
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    client_id = default_client_id()
    check_client_id(client_id)
    assert Topics(default_prefix(client_id)).turn.startswith("ser_stream/")


def test_topics_follow_from_the_client_id():
    topics = Topics(default_prefix("kitchen"))
    assert topics.availability == "ser_stream/kitchen/availability"
    assert topics.estimate == "ser_stream/kitchen/estimate"


@pytest.mark.parametrize("client_id", ["", "a b", "küche", "a/b", "a" * 65])
def test_a_client_id_that_home_assistant_does_not_accept_is_refused(client_id):
    with pytest.raises(InputError, match=r"--mqtt-client-id: found .*; accepted are 1 to 64"):
        check_client_id(client_id)


@pytest.mark.parametrize(
    "prefix", ["", "/", "a/", "/a", "a//b", "a/#", "a+b", "$SYS/a", "a\0b", "a\nb", "ü" * 101]
)
def test_a_prefix_that_no_topic_may_have_is_refused(prefix):
    with pytest.raises(InputError, match=r"--mqtt-prefix: found .*; accepted are names separated"):
        Topics(prefix)
