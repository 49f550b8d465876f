"""Addresses and access of the running service."""

from __future__ import annotations

import socket

import pytest

from paths import SPOKEN

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from ser_stream.errors import InputError
from ser_stream.serving.access import Access
from ser_stream.serving.server import Address, check_address
from service import HELLO, Client, running, samples_of

TOKEN = "a-token.of_24~characters"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "robot.local"])
def test_an_address_that_others_reach_needs_a_token(host):
    with pytest.raises(InputError, match="other machines reach it, so a token is needed"):
        check_address(Address(host), Access())
    check_address(Address(host), Access(TOKEN))


def test_tls_needs_both_files(tmp_path):
    with pytest.raises(InputError, match="--certificate and --key: found one of them"):
        check_address(Address(certificate=tmp_path / "a.pem"), Access())


def test_a_port_that_is_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"--port {port}: Address already in use; choose"):
            Address(port=port).open()


@pytest.mark.parametrize("host", ["256.0.0.1", "no.such.host.invalid"])
def test_a_host_that_does_not_exist_is_named(host):
    with pytest.raises(InputError, match=f"--host {host} "):
        Address(host, 0).open()


def test_access_over_the_network():
    with running(access=Access(TOKEN)) as url:
        with Client(url) as client:
            assert client.end() == 4401
        with Client(url, additional_headers={"Authorization": f"Bearer {TOKEN[::-1]}"}) as client:
            assert client.end() == 4401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with Client(url, additional_headers=headers, origin="https://evil.example") as client:
            assert client.end() == 4403
            assert client.reason.startswith("origin: found 'https://evil.example'")
        with Client(url, None, "/v1/watch", origin="https://evil.example") as client:
            assert client.end() == 4403
        subprotocols = ["ser-stream.v1", f"ser-stream.token.{TOKEN}"]
        with Client(url, HELLO, subprotocols=subprotocols, origin=url) as client:
            client.send_sound(samples_of(SPOKEN / "2-happy.flac"))
            client.send({"type": "finish"})
            assert client.end() == 1000
        assert client.of("estimate")
