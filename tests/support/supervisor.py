"""A supervisor such as systemd, as programs see it: a socket that receives their messages."""

from __future__ import annotations

import contextlib
import socket
import threading

PATIENCE_S = 120.0


@contextlib.contextmanager
def supervisor(path):
    """Receive what a program with these variables says: the variables, and a list that fills.

    Args:
        path: of the socket.
    """
    received = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))

        def receive():
            while (message := notify.recv(4096).decode()) != "END":
                received.append(message)

        receiving = threading.Thread(target=receive, daemon=True)
        receiving.start()
        yield {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"}, received
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"END", str(path))
        receiving.join(PATIENCE_S)
