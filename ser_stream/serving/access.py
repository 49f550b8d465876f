"""Who may use the service: tokens, and the origins of web pages.

A web page of any site can open a WebSocket to this machine, and a site whose name leads to
127.0.0.1 can read its HTTP answers (DNS rebinding). So the `Origin` header, which browsers always
send with a WebSocket, has to be that of the service itself, and where the service needs no token,
the `Host` header has to name the loopback interface.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ser_stream.child_environment import TOKEN_VARIABLE
from ser_stream.errors import InputError, shown
from ser_stream.files import read_limited
from ser_stream.serving.protocol import BAD_ORIGIN, BAD_TOKEN, RefusedError

SUBPROTOCOL = "ser-stream.v1"
"""WebSocket subprotocol of the service; naming it is optional."""
TOKEN_SUBPROTOCOL = "ser-stream.token."
"""Subprotocol with the token behind it: browsers cannot send other headers with a WebSocket."""

_TOKEN = re.compile(r"[\w.~-]{16,200}", re.ASCII)
MAX_TOKEN_FILE = 4096


def is_loopback(host: str) -> bool:
    """Whether an address or name of an interface is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_token(path: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token of a file, or else that of the environment; "" for none.

    Raises:
        InputError: it cannot be read, or is too short or of other characters; it is not shown.
    """
    if path is None:
        token, where = environment.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
        if not token:
            return ""
    else:
        where = f"--token-file {path}"
        try:
            token = read_limited(path, MAX_TOKEN_FILE).decode("ascii", "replace").strip()
        except OSError as error:
            raise InputError(f"{where}: {error.strerror or error}") from error
    if not _TOKEN.fullmatch(token):
        raise InputError(
            f"{where}: found a token of {len(token)} characters; accepted are 16 to 200 letters, "
            'digits and . _ ~ -; to make one: python3 -c "import secrets; '
            'print(secrets.token_urlsafe())"'
        )
    return token


class Access:
    """Decides whether a request may be answered.

    Args:
        token: what each client must know; "": nothing, which is accepted on loopback alone.
        origins: further origins whose pages may connect, such as "https://robot.example".

    Raises:
        InputError: an origin is not one.
    """

    def __init__(self, token: str = "", origins: Sequence[str] = ()):
        self._token = token
        self._origins = {_origin(text) for text in origins}

    @property
    def needs_token(self) -> bool:
        """Whether clients must send a token."""
        return bool(self._token)

    def check_page(self, headers: Mapping[str, str]) -> None:
        """Check a request for what everybody may see: the page, and whether the service is up.

        Raises:
            RefusedError: another site's name leads here.
        """
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if not self._token and not is_loopback(name) and not self._knows(host):
            raise RefusedError(
                BAD_ORIGIN,
                f"host: found {shown(host)}; accepted are localhost and 127.0.0.1, and hosts of "
                "--allow-origin",
            )

    def check(self, headers: Mapping[str, str], subprotocols: Sequence[str] = ()) -> None:
        """Check a request for anything else.

        Raises:
            RefusedError: the token is missing or wrong, or the page is another site's.
        """
        self.check_page(headers)
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, headers.get("host", "")):
            raise RefusedError(
                BAD_ORIGIN,
                f"origin: found {shown(origin)}; accepted are pages of this service, and origins "
                "of --allow-origin",
            )
        if self._token and not any(
            hmac.compare_digest(found.encode(), self._token.encode())
            for found in _tokens(headers, subprotocols)
        ):
            raise RefusedError(
                BAD_TOKEN,
                "token: missing or wrong; send it as Authorization: Bearer TOKEN, or as the "
                f"WebSocket subprotocol {TOKEN_SUBPROTOCOL}TOKEN",
            )

    def _is_own(self, origin: str, host: str) -> bool:
        if origin in self._origins:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and bool(host) and parts.netloc == host

    def _knows(self, host: str) -> bool:
        return any(urlsplit(origin).netloc == host for origin in self._origins)


def _tokens(headers: Mapping[str, str], subprotocols: Sequence[str]) -> list[str]:
    """Return the tokens that a request offers."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    found = [token.strip()] if kind.lower() == "bearer" else []
    return found + [
        name.removeprefix(TOKEN_SUBPROTOCOL)
        for name in subprotocols
        if name.startswith(TOKEN_SUBPROTOCOL)
    ]


def _origin(text: str) -> str:
    """Return an origin as browsers send it.

    Raises:
        InputError: the text is none.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/"):
        raise InputError(
            f"--allow-origin: found {shown(text)}; accepted are origins such as "
            "https://robot.example:8443"
        )
    return f"{parts.scheme}://{parts.netloc}"
