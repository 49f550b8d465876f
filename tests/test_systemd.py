"""What a supervisor is told, by real datagrams."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from ser_stream import systemd
from ser_stream.systemd import SystemdNotifier


@pytest.fixture(params=["file", "abstract"])
def supervisor(request, tmp_path):
    """The address of a supervisor, as NOTIFY_SOCKET has it, and what it has received so far."""
    address = str(tmp_path / "notify") if request.param == "file" else f"@ser_stream-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address.replace("@", "\0"))
        notify.setblocking(False)

        def received():
            messages = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    messages.append(notify.recv(4096).decode())
            return messages

        yield address, received


def test_start_state_heartbeats_and_end_are_sent(supervisor):
    address, received = supervisor
    now_s = [100.0]
    variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}
    notifier = SystemdNotifier(variables, clock=lambda: now_s[0])
    notifier.ready()
    for _ in range(40):  # four seconds, ten times a second
        notifier.update("listening\nwell", alive=True)
        now_s[0] += 0.1
    assert received() == ["READY=1", "STATUS=listening well", "WATCHDOG=1"]
    now_s[0] += 15.0
    notifier.update("no sound", alive=True)
    notifier.update("sound is back", alive=True)  # less than a second after the last one
    assert received() == ["STATUS=no sound", "WATCHDOG=1"]
    now_s[0] += 60.0
    notifier.update("hangs", alive=False)
    notifier.stopping()
    assert received() == ["STATUS=hangs", "STOPPING=1"]


@pytest.mark.parametrize(
    "variables", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}]
)
def test_heartbeats_are_for_a_watchdog_of_this_process(supervisor, variables):
    address, received = supervisor
    notifier = SystemdNotifier({"NOTIFY_SOCKET": address, **variables})
    notifier.update("listening", alive=True)
    assert received() == ["STATUS=listening"]


def test_without_a_supervisor_no_socket_is_opened(monkeypatch):
    monkeypatch.setattr(systemd.socket, "socket", pytest.fail)
    notifier = SystemdNotifier({"WATCHDOG_USEC": "1"})
    notifier.ready()
    notifier.update("listening", alive=True)
    notifier.stopping()


def test_a_supervisor_that_has_gone_is_logged_once(tmp_path, caplog):
    notifier = SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "none")})
    notifier.ready()
    notifier.stopping()
    assert caplog.messages == ["NOTIFY_SOCKET: cannot tell the supervisor: [Errno 2] No such file "
                               "or directory"]  # fmt: skip
