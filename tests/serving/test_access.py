"""Who may use the service."""

from __future__ import annotations

import pytest

from ser_stream.errors import InputError
from ser_stream.serving.access import Access, is_loopback, read_token
from ser_stream.serving.protocol import RefusedError

TOKEN = "a-token.of_24~characters"
LOCAL = {"host": "localhost:8765"}


def code(access, headers, subprotocols=()):
    """The code with which a request is refused, None where it is permitted."""
    try:
        access.check(headers, subprotocols)
    except RefusedError as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:8765", "[::1]:8765", "127.0.0.2"])
def test_programs_and_own_pages_may_connect_on_loopback(host):
    access = Access()
    assert code(access, {"host": host}) is None
    assert code(access, {"host": host, "origin": f"http://{host}"}) is None


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://localhost:8766", "http://localhost", "null", "file://", ""],
)
def test_pages_of_other_origins_may_not(origin):
    assert code(Access(), LOCAL | {"origin": origin}) == 4403


@pytest.mark.parametrize("host", ["evil.example:8765", "evil.example", "", "localhost.evil:8765"])
def test_a_foreign_name_that_leads_to_this_machine_is_refused(host):
    """DNS rebinding: the page's own origin and host agree."""
    access = Access()
    assert code(access, {"host": host, "origin": f"http://{host}"}) == 4403
    with pytest.raises(RefusedError):
        access.check_page({"host": host})


def test_further_origins_may_be_permitted():
    access = Access(origins=["https://robot.example/"])
    assert code(access, LOCAL | {"origin": "https://robot.example"}) is None
    assert code(access, LOCAL | {"origin": "https://robot.example:8443"}) == 4403
    with pytest.raises(InputError, match="--allow-origin: found 'robot'"):
        Access(origins=["robot"])


def test_a_token_is_required_where_there_is_one():
    access = Access(TOKEN)
    remote = {"host": "robot.example:8765"}
    assert code(access, remote) == 4401
    assert code(access, remote | {"authorization": f"Bearer {TOKEN}"}) is None
    assert code(access, remote | {"authorization": f"bearer {TOKEN}"}) is None
    assert code(access, remote | {"authorization": f"Bearer {TOKEN[:-1]}"}) == 4401
    assert code(access, remote | {"authorization": "Bearer ä"}) == 4401
    assert code(access, remote | {"authorization": f"Basic {TOKEN}"}) == 4401
    assert code(access, remote, ["ser-stream.v1", f"ser-stream.token.{TOKEN}"]) is None
    assert code(access, remote, ["ser-stream.token."]) == 4401


def test_a_token_does_not_permit_pages_of_other_origins():
    headers = {"host": "robot.example", "authorization": f"Bearer {TOKEN}"}
    access = Access(TOKEN)
    assert code(access, headers | {"origin": "https://evil.example"}) == 4403
    assert code(access, headers | {"origin": "https://robot.example"}) is None


def test_the_token_comes_from_a_file_or_the_environment(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    other = {"SER_STREAM_TOKEN": TOKEN[::-1]}
    assert read_token(path, other) == TOKEN
    assert read_token(None, other) == TOKEN[::-1]
    assert read_token(None, {}) == ""


@pytest.mark.parametrize("text", ["short", "", "with spaces in between", "x" * 201, "ä" * 20])
def test_a_poor_token_is_refused_and_not_shown(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(InputError, match="accepted are 16 to 200 letters") as error:
        read_token(path)
    assert not text or text not in str(error.value)


def test_a_token_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--token-file .*missing: No such file"):
        read_token(tmp_path / "missing")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.2", False), ("robot.local", False)],
)  # fmt: skip
def test_loopback_addresses(host, expected):
    assert is_loopback(host) is expected
