"""The options of `ser-stream listen` for an MQTT broker."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from command import run
from paths import SPOKEN
from ser_stream import cli
from ser_stream.commands.mqtt_options import broker_of, publication_of, read_password
from ser_stream.errors import InputError

pytest.importorskip("paho")

LISTEN = ("listen", "--input", str(SPOKEN / "2-happy.flac"))


def parsed(*arguments):
    return cli._parser().parse_args([*LISTEN, *arguments], argparse.Namespace())


@pytest.mark.parametrize(
    ("arguments", "host", "port"),
    [
        (["--mqtt", "localhost"], "localhost", 1883),
        (["--mqtt", "broker.lan:1884"], "broker.lan", 1884),
        (["--mqtt", "192.168.1.2", "--mqtt-tls"], "192.168.1.2", 8883),
        (["--mqtt", "[::1]"], "::1", 1883),
        (["--mqtt", "[fe80::1]:1", "--mqtt-ca-file", "ca.pem"], "fe80::1", 1),
    ],
)
def test_the_address_of_a_broker(arguments, host, port):
    found = broker_of(parsed(*arguments))
    assert (found.host, found.port) == (host, port)
    assert found.tls is (len(arguments) > 2)


@pytest.mark.parametrize(
    "text", ["", ":1883", "mqtt://localhost", "a b", "localhost:0", "localhost:65536",
             "localhost:x", "::1", "user@localhost"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(InputError, match=r"--mqtt: found .*; accepted are a name or address"):
        broker_of(parsed("--mqtt", text))


def test_names_follow_from_the_client_id():
    found = publication_of(parsed("--mqtt", "localhost", "--mqtt-client-id", "kitchen"))
    assert found.topics.prefix == "ser_stream/kitchen"
    assert (found.discovery_prefix, found.words) == ("homeassistant", False)
    more = ["--mqtt-prefix", "home/voice", "--mqtt-discovery", "none"]
    found = publication_of(parsed("--mqtt", "localhost", *more))
    assert (found.topics.prefix, found.discovery_prefix) == ("home/voice", "")
    assert found.client_id.startswith("ser_stream-")


def test_a_password_is_read_from_a_file_or_the_environment(tmp_path):
    path = tmp_path / "password"
    path.write_text(" a secret \r\n")
    assert read_password(path, {}) == " a secret "
    assert read_password(None, {"SER_STREAM_MQTT_PASSWORD": "b"}) == "b"
    assert read_password(None, {}) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\n", "is empty"),
        (b"\xff", "not UTF-8"),
        (b"x" * 5000, "found 5000 bytes"),
        (None, "No su"),
    ],
)
def test_a_file_that_holds_no_password_is_refused(tmp_path, content, reason):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_password(Path(path), {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mqtt-user", "a"], "--mqtt-user: goes with --mqtt HOST"),
        (["--mqtt-tls"], "--mqtt-tls: goes with --mqtt HOST"),
        (["--mqtt-words"], "--mqtt-words: goes with --mqtt HOST"),
        (["--mqtt", "localhost", "--mqtt-words"], "--mqtt-words: goes with --asr"),
        (["--mqtt", "localhost", "--mqtt-password-file", "x"], "goes with --mqtt-user NAME"),
        (["--mqtt", "localhost", "--mqtt-ca-file", "no.pem"], "--mqtt-ca-file: found no.pem: No s"),
        (["--mqtt", "localhost", "--mqtt-client-id", "a/b"], "--mqtt-client-id: found 'a/b'"),
        (["--mqtt", "localhost", "--mqtt-discovery", "#"], "--mqtt-discovery: found '#'"),
        (["--on-turn-timeout", "3"], "--on-turn-timeout: goes with --on-turn COMMAND"),
        (["--on-turn", "true", "--on-turn-timeout", "0"], "found 0; accepted are 0.1 to 3600 s"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_used_is_one_line(arguments, message):
    code, out, err = run(*LISTEN, "--model", "tiny", *arguments)
    lines = [line for line in err.splitlines() if "non-commercial" not in line]
    assert (code, out, len(lines)) == (2, "", 1), err
    assert lines[0].startswith("ser-stream: error: ") and message in lines[0]


def test_an_open_network_is_warned_of(tmp_path):
    """192.0.2.1 is nobody's (RFC 5737)."""
    path = tmp_path / "password"
    path.write_text("a secret")
    code, _, err = run(*LISTEN, "--model", "tiny", "--json", "--mqtt", "192.0.2.1:1",
                       "--mqtt-user", "a", "--mqtt-password-file", path)  # fmt: skip
    assert code == 0 and "a secret" not in err
    assert "192.0.2.1:1: without TLS, the password and what is published can be read in the" in err
