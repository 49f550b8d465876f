"""Sound and what was recognised in it are neither stored nor sent, as the kernel sees it.

`strace` reports each file that a program and its child processes open for writing, and each address
that they send to. Allowed are the program's terminal, ROS's log files, and the loopback network, on
which DDS was told to stay.
"""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest

from paths import ROOT, SPOKEN
from syscalls import TIMEOUT_S, Trace, may_trace

RECORDING = SPOKEN / "2-happy.flac"
LISTEN = ("-m", "ser_stream.cli", "listen", "--input", str(RECORDING), "--json")

pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is missing, or may not trace")


def is_local(address):
    """Whether it is of this machine, or the group in which DDS discovers others.

    What is sent to the group leaves by the interface that was chosen, here the loopback interface.
    Where DDS opens another interface, it also sends to that one's own address.
    """
    if address in ("::1", "239.255.0.1"):
        return True
    with socket.socket(type=socket.SOCK_DGRAM) as own:
        try:
            own.bind((address, 0))
        except OSError:
            return False
    return True


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_what_is_written_and_sent_is_seen(home):
    """Otherwise the other tests could not fail."""
    program = (
        "import socket, subprocess, sys\n"
        "open('sound.wav', 'wb').close()\n"
        "subprocess.run([sys.executable, '-c', 'open(\"child.txt\", \"a\")'], check=True)\n"
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'sound', ('127.1.2.3', 9))\n"
        "socket.socket(type=socket.SOCK_DGRAM).connect(('127.4.5.6', 9))\n"
    )
    trace = Trace(home, "-c", program)
    trace.result()
    assert trace.written == {"sound.wav", "child.txt"}
    assert trace.addresses == {"127.1.2.3", "127.4.5.6"}


def test_listening_stores_nothing_and_sends_nothing(home):
    trace = Trace(home, *LISTEN)
    assert '"trigger": "utterance"' in trace.result()
    assert trace.written == set()
    assert trace.sockets == []
    assert list(home.rglob("*")) == []


def test_speech_recognition_stores_nothing_and_sends_nothing(home, tmp_path):
    pytest.importorskip("faster_whisper")
    from tiny_whisper import make_tiny_whisper

    model = make_tiny_whisper(tmp_path / "whisper", "Hello there.")
    trace = Trace(home, *LISTEN, "--asr", "faster_whisper", "--asr-model", str(model))
    assert '"text": "Hello"' in trace.result()
    assert trace.written == set()
    assert trace.addresses == set()


@pytest.mark.dds
def test_publishing_through_dds_stores_nothing_and_sends_to_its_network_alone(home):
    network = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": "99"}
    trace = Trace(home, *LISTEN, "--dds", **network)
    assert '"trigger": "utterance"' in trace.result()
    assert trace.written == set()
    assert trace.addresses and all(map(is_local, trace.addresses))


@pytest.mark.mqtt
def test_publishing_over_mqtt_stores_nothing_and_sends_to_the_broker_alone(home, tmp_path):
    from mosquitto import Mosquitto

    with Mosquitto(tmp_path) as broker:
        trace = Trace(home, *LISTEN, "--mqtt", f"127.0.0.1:{broker.port}")
        assert '"trigger": "utterance"' in trace.result()
    assert trace.written == set()
    assert trace.addresses == {"127.0.0.1"}


@pytest.mark.ros
def test_the_node_stores_logs_alone_and_sends_to_its_network_alone(home):
    network = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": "98"}
    logs = home.parent / "logs"
    parameters = {"source": "file", "file": RECORDING, "model": "tiny"}
    arguments = [each for item in parameters.items() for each in ("-p", "{}:={}".format(*item))]
    trace = Trace(
        home,
        str(ROOT / "scripts" / "ser_node"),
        "--ros-args",
        *arguments,
        ROS_LOG_DIR=str(logs),
        **network,
    )
    deadline = time.monotonic() + TIMEOUT_S
    while not any("ended after" in path.read_text() for path in logs.glob("*.log")):
        assert time.monotonic() < deadline and trace.process.poll() is None
        time.sleep(0.1)
    # strace passes no signal on: the node is its only child.
    children = f"/proc/{trace.process.pid}/task/{trace.process.pid}/children"
    with open(children) as found:
        os.kill(int(found.read()), signal.SIGINT)
    trace.result()
    assert {path for path in trace.written if not path.startswith(str(logs))} == set()
    assert trace.addresses and all(map(is_local, trace.addresses))
    text = "".join(path.read_text() for path in logs.glob("*.log"))
    assert "utterance" not in text and "scores" not in text
