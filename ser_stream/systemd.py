"""Tells systemd, or another supervisor, that the process is ready, alive, and about to end.

The protocol is sd_notify(3): datagrams of lines NAME=VALUE to the socket whose address is in the
environment variable NOTIFY_SOCKET. Without that variable nothing is opened and nothing is sent.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

SEND_TIMEOUT_S: Seconds = 1.0
"""A supervisor that reads nothing holds a message up no longer than this."""
STATUS_PERIOD_S: Seconds = 1.0
"""Shortest time between two messages about the state."""


class SystemdNotifier:
    """Sends notifications, if the environment asks for them.

    Args:
        environment: with NOTIFY_SOCKET and, where a watchdog waits for heartbeats, WATCHDOG_USEC
            and WATCHDOG_PID.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with "@" is in Linux's abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._heartbeat_s = _heartbeat_period(environment)
        self._clock = clock
        self._beat_at_s = self._told_at_s = -float("inf")
        self._told = ""
        self._failed = False

    def ready(self) -> None:
        """Say that the process has started."""
        self._send("READY=1")

    def update(self, status: str, alive: bool) -> None:
        """Send the state, where it has changed, and a heartbeat, where one is due.

        Args:
            status: the state, as a line for people.
            alive: whether work goes on; otherwise there is no heartbeat, and the watchdog's time
                runs out.
        """
        now_s = self._clock()
        if status != self._told and now_s - self._told_at_s >= STATUS_PERIOD_S:
            self._told, self._told_at_s = status, now_s
            self._send(f"STATUS={' '.join(status.splitlines())}")
        if alive and self._heartbeat_s and now_s - self._beat_at_s >= self._heartbeat_s:
            self._beat_at_s = now_s
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the process is ending."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.settimeout(SEND_TIMEOUT_S)
                notify.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._failed:
                self._failed = True
                logger.warning("NOTIFY_SOCKET: cannot tell the supervisor: %s", error)


def _heartbeat_period(environment: Mapping[str, str]) -> Seconds:
    """Return the time between heartbeats, half of the watchdog's; 0 where none waits for them."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(microseconds) / 2e6 if for_us and microseconds.isdecimal() else 0.0
