"""The bond with a lifecycle manager. The other side is bondpy, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from paths import ROOT
from ros_graph import ENVIRONMENT, node
from ser_stream.ros import bond as bond_module
from ser_stream.ros.bond import Bond

pytestmark = [
    pytest.mark.ros,
    pytest.mark.skipif(not find_spec("bondpy"), reason="not installed: bondpy"),
]


@contextlib.contextmanager
def manager(observer, timeout_s=4.0):
    """Run the manager's side of a bond with the node; `.said()` is what it has printed."""
    command = [sys.executable, str(ROOT / "tests/support/bond_peer.py"), "ser_stream"]
    with tempfile.NamedTemporaryFile() as output:
        process = subprocess.Popen(
            [*command, str(timeout_s)], env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE, stdout=output.fileno(),
        )  # fmt: skip
        process.said = Path(output.name).read_text
        process.wait_for = lambda word: observer.wait(lambda: word in process.said())
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def changes(observer, *labels):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    for label in labels:
        request = ChangeState.Request(transition=Transition(label=label))
        assert observer.call(ChangeState, "ser_stream/change_state", request).success


def bonded(tmp_path, speech_path, autostart=False):
    recorded = dict(source="file", file=str(speech_path), model="tiny")
    parameters = dict(bond_timeout=1.0, autostart=autostart) | recorded
    return node(tmp_path, **parameters)


def test_a_bond_exists_from_activation_to_deactivation(observer, tmp_path, speech_path):
    with bonded(tmp_path, speech_path) as process:
        changes(observer, "configure")
        assert observer.node.count_publishers("bond") == 0
        for _ in range(2):
            with manager(observer) as peer:
                changes(observer, "activate")
                peer.wait_for("formed")
                assert "broken" not in peer.said()
                changes(observer, "deactivate")
                peer.wait_for("broken")
            observer.wait(lambda: observer.node.count_publishers("bond") == 0)
        assert process.poll() is None
    log = (tmp_path / "log").read_text()
    assert log.count("bond: formed with the lifecycle manager") == 2
    assert "[WARN]" not in log and "Traceback" not in log


def test_a_manager_learns_that_the_node_was_killed(observer, tmp_path, speech_path):
    from bond.msg import Status

    heartbeats = observer.subscribe("bond", Status)
    with bonded(tmp_path, speech_path, autostart=True) as process, manager(observer, 1.0) as peer:
        peer.wait_for("formed")
        formed = len(heartbeats)
        # bondpy misses heartbeats only after the second one. Both sides send as many.
        observer.wait(lambda: len(heartbeats) >= formed + 10)
        process.kill()
        peer.wait_for("broken")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_manager_learns_at_once_that_the_node_ends(observer, tmp_path, speech_path, number):
    hour_s = 3600.0  # only the message that ends the bond can break it
    with bonded(tmp_path, speech_path, autostart=True) as process, manager(observer, hour_s) as p:
        p.wait_for("formed")
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        p.wait_for("broken")


def test_the_node_goes_on_when_the_manager_dies_and_bonds_with_the_next(
    observer, tmp_path, speech_path
):
    log = tmp_path / "log"
    with bonded(tmp_path, speech_path, autostart=True) as process:
        with manager(observer) as peer:
            peer.wait_for("formed")
            peer.kill()
            line = "bond: no heartbeat of the lifecycle manager on /bond for 1 s; the node goes on"
            observer.wait(lambda: line in log.read_text())
        with manager(observer) as peer:
            peer.wait_for("formed")
            observer.wait(lambda: "the lifecycle manager is back" in log.read_text())
            peer.stdin.close()
            observer.wait(lambda: "bond: ended by the lifecycle manager" in log.read_text())
            assert peer.wait(timeout=20) == 0
        with manager(observer) as peer:
            peer.wait_for("formed")
            observer.wait(lambda: log.read_text().count("bond: formed with") == 2)
            observer.spin(0.5)
        assert process.poll() is None
    assert log.read_text().count("bond: formed with") == 2
    assert log.read_text().count("bond: ended by the lifecycle manager") == 1
    assert "Traceback" not in log.read_text()


def test_without_the_package_bond_the_node_stays_unconfigured(
    observer, tmp_path, speech_path, monkeypatch
):
    (tmp_path / "bond.py").touch()  # stands in front of the package, which it hides
    search_path = os.pathsep.join([str(tmp_path), ENVIRONMENT["PYTHONPATH"]])
    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", search_path)
    log = tmp_path / "log"
    with bonded(tmp_path, speech_path, autostart=True) as process:
        observer.wait(lambda: "[ERROR]" in log.read_text())
        assert process.poll() is None
    assert (
        "bond_timeout: found 1, but the package bond is not installed: install ros-<distro>-bond, "
        "or set 0.0"
    ) in log.read_text()
    assert "Traceback" not in log.read_text()


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def test_a_manager_that_never_answers_is_reported_once(observer, caplog):
    clock = Clock()
    bond = Bond(observer.node, clock)
    bond.start(4.0)
    for clock.now_s in (0.0, bond_module.CONNECT_TIMEOUT_S, 10.1, 20.0, 1000.0):
        bond.update()
    bond.end()
    bond.close()
    (record,) = caplog.records
    assert record.getMessage() == (
        "bond: no lifecycle manager has answered on /bond for 10 s; its node_names must have "
        "observer, and its bond_timeout must be above 0"
    )


def test_the_end_is_published_until_it_is_confirmed_or_the_time_is_over(observer):
    from bond.msg import Status

    received = observer.subscribe("bond", Status)
    clock = Clock()
    bond = Bond(observer.node, clock)
    bond.start(4.0)
    observer.wait(lambda: received)
    bond.end()
    clock.now_s = bond_module.DISCONNECT_TIMEOUT_S / 2
    bond.update()
    observer.wait(lambda: [message.active for message in received][-2:] == [False, False])
    observer.wait(lambda: observer.node.count_publishers("bond") == 1)  # discovery may be later
    clock.now_s = bond_module.DISCONNECT_TIMEOUT_S
    bond.update()
    observer.wait(lambda: observer.node.count_publishers("bond") == 0)
    bond.update()
    assert {message.heartbeat_timeout for message in received} == {4.0}


def test_without_a_timeout_there_is_no_bond(observer):
    bond = Bond(observer.node)
    bond.start(0.0)
    bond.update()
    assert observer.node.count_publishers("bond") == 0
    bond.end()
    bond.close()


def nav2_manager():
    """Path of Nav2's lifecycle manager; "" where it is not installed."""
    if not find_spec("ament_index_python"):
        return ""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        prefix = get_package_prefix("nav2_lifecycle_manager")
    except PackageNotFoundError:
        return ""
    return f"{prefix}/lib/nav2_lifecycle_manager/lifecycle_manager"


@pytest.mark.skipif(not nav2_manager(), reason="not installed: nav2_lifecycle_manager")
def test_nav2_manages_the_node_and_starts_it_again_after_a_crash(observer, tmp_path, speech_path):
    path = tmp_path / "manager.log"
    settings = ("node_names:=[ser_stream]", "autostart:=true", "bond_timeout:=4.0")
    command = [nav2_manager(), "--ros-args", *(word for s in settings for word in ("-p", s))]

    def wait_for(text, count=1):
        observer.wait(lambda: path.read_text().count(text) >= count)

    with path.open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            with bonded(tmp_path, speech_path) as first:
                wait_for("Server ser_stream connected with bond.")
                wait_for("Managed nodes are active")
                first.kill()
                wait_for("SERVER ser_stream IS DOWN after not receiving a heartbeat")
            with bonded(tmp_path, speech_path):
                wait_for("Managed nodes are active", 2)
                wait_for("Server ser_stream connected with bond.", 2)
                process.send_signal(signal.SIGINT)
                process.wait(timeout=30)
        finally:
            process.kill()
    assert "bond: formed with the lifecycle manager" in (tmp_path / "log").read_text()
