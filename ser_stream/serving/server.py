"""The server: a socket, uvicorn in a thread, and supervision in the main thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from ser_stream.errors import InputError
from ser_stream.serving.access import Access, is_loopback
from ser_stream.serving.app import make_app
from ser_stream.serving.hub import Hub
from ser_stream.serving.limits import Limits
from ser_stream.serving.local_source import Local
from ser_stream.serving.recognising import Recognising
from ser_stream.serving.words import WordRecognizers
from ser_stream.stream.watchdog import INFERENCE_FAILED, InferenceWatchdog
from ser_stream.systemd import SystemdNotifier
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

LOOK_S: Seconds = 0.25
PING_S: Seconds = 60.0
"""A client that does not answer a ping within this time has gone."""
END_S: Seconds = 4.0
"""Longest time that connections have to end."""


@dataclasses.dataclass(frozen=True)
class Address:
    """Where the service listens.

    Attributes:
        host: address or name of an interface.
        port: 0 lets the system choose one.
        certificate, key: PEM files for TLS; None: without.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    certificate: Path | None = None
    key: Path | None = None

    def open(self) -> socket.socket:
        """Return a socket that listens there.

        Raises:
            InputError: it cannot, for instance because another program does.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host.strip("[]"), self.port), family=family)
        except (OSError, OverflowError) as error:
            number = getattr(error, "errno", None) or 0
            # Python adds the address to the system's text; errors of names have negative numbers.
            reason = os.strerror(number) if number > 0 else getattr(error, "strerror", str(error))
            raise InputError(
                f"--host {self.host} --port {self.port}: {reason}; choose another port, or 0 for "
                "any that is free"
            ) from error


def check_address(address: Address, access: Access) -> None:
    """Check that strangers cannot use the service.

    Raises:
        InputError: other machines reach the address, and no token is needed; or TLS is incomplete.
    """
    if not is_loopback(address.host) and not access.needs_token:
        raise InputError(
            f"--host {address.host}: other machines reach it, so a token is needed: --token-file "
            "FILE, or the environment variable SER_STREAM_TOKEN"
        )
    if (address.certificate is None) != (address.key is None):
        raise InputError("--certificate and --key: found one of them; accepted are both, or none")


class Server:
    """The service, from the opening of its socket to its end.

    Args:
        address: checked by `check_address`.
        local: source of this machine that is served too.
        words: recognise the words of streams that want them; None: nothing does.

    Raises:
        InputError: the address cannot be used.
    """

    def __init__(
        self,
        pool: Recognising,
        address: Address,
        access: Access,
        limits: Limits,
        local: Local | None = None,
        words: WordRecognizers | None = None,
    ):
        self._pool = pool
        self._socket = address.open()
        self._stopping = threading.Event()
        self._hub = Hub(pool, limits, words)
        self._secure = address.certificate is not None
        self._host = address.host
        config = uvicorn.Config(
            make_app(self._hub, access, local),
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="websockets-sansio",
            ws_max_size=limits.max_message_bytes,
            ws_per_message_deflate=False,
            # No pong is read while the reading of a recording waits for its windows.
            ws_ping_timeout=PING_S,
            timeout_graceful_shutdown=int(END_S),
            limit_concurrency=limits.max_streams + limits.max_viewers + limits.max_unnamed,
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        try:
            config.load()
        except OSError as error:  # ssl.SSLError is one
            self._socket.close()
            raise InputError(
                f"--certificate, --key: {error.strerror or error}; accepted are PEM files"
            ) from error
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=([self._socket],), name="ser_stream-serve", daemon=True
        )

    @property
    def url(self) -> str:
        """Where the service is reached from this machine."""
        host, port = self._socket.getsockname()[:2]
        if host in ("0.0.0.0", "::"):
            host = "localhost"
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self._secure else 'http'}://{host}:{port}"

    def run(self) -> bool:
        """Serve until `stop` is called; return whether all went well.

        A network that hangs, which nothing inside the process can end, ends the process.
        """
        systemd, watchdog = SystemdNotifier(), InferenceWatchdog()
        failed = False
        self.start()
        systemd.ready()
        while self._thread.is_alive():
            if self._stopping.wait(LOOK_S):
                self.end()
                break
            streams = self._hub.streams
            scoring_s = max((stream.pooled.status.scoring_s for stream in streams), default=0.0)
            if watchdog.update(scoring_s):
                self._end_now(watchdog.message)
            systemd.update(f"{len(streams)} streams", alive=True)
            if self._pool.ended and self._hub.running:
                self.stop()
                failed = True
        systemd.stopping()
        return self._uvicorn.started and not failed

    def start(self) -> None:
        """Serve in a thread of its own, for a program that has another task; `end` ends it."""
        self._thread.start()

    def end(self, timeout_s: Seconds | None = None) -> None:
        """Let the connections end, and then the server; wait for each, or for the timeout."""
        self._drain(END_S if timeout_s is None else timeout_s)
        self._thread.join(timeout_s)

    def stop(self) -> None:
        """Let `run` return after the last estimates. Called from any thread."""
        self._stopping.set()

    def _drain(self, timeout_s: Seconds) -> None:
        """Let the connections end, and then the server."""
        loop = self._hub.loop
        # The loop has not begun, or has ended; or connections take too long.
        with contextlib.suppress(RuntimeError, concurrent.futures.TimeoutError):
            if loop is not None and not loop.is_closed():
                draining = self._hub.drain(timeout_s)
                asyncio.run_coroutine_threadsafe(draining, loop).result(2 * timeout_s)
        self._uvicorn.should_exit = True

    def _end_now(self, reason: str) -> None:
        logger.error(
            "%s: the process ends with exit code %d; start it again", reason, INFERENCE_FAILED
        )
        sys.stderr.flush()
        os._exit(INFERENCE_FAILED)
