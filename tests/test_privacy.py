"""Sound and what was recognised in it are neither stored nor sent, as the kernel sees it.

`strace` reports each file that a program and its child processes open for writing, and each address
that they send to. Allowed are the program's terminal, ROS's log files, and the loopback network, on
which DDS was told to stay.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from paths import DEMO, ROOT

RECORDING = DEMO / "2-happy.flac"
CALLS = "open,openat,creat,connect,sendto,sendmsg,sendmmsg"
OPENED = re.compile(r'(?:open|openat|creat)\((?:[^"]*?)"([^"]*)", ?([^)]*)\) = \d')
ADDRESS = re.compile(r'sin_addr=inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")
NO_FILES = ("/dev/null", "/dev/tty", "/dev/shm/")
"""Devices, and shared memory: semaphores, and messages of Fast DDS between processes."""
LISTEN = ("-m", "ser_stream.cli", "listen", "--input", str(RECORDING), "--json")
CHANGED_BY_TESTS = ("CI", "ORT_DISABLE_TELEMETRY", "COVERAGE_PROCESS_CONFIG")
"""Variables with which onnxruntime sends nothing by itself, or coverage stores what was run."""

TIMEOUT_S = 120.0


def may_trace():
    """Whether strace is there and may trace a process."""
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode == 0
    )


pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is missing, or may not trace")


class Trace:
    """A program that runs under strace, in an empty folder that is its home directory, too."""

    def __init__(self, folder, *arguments, **environment):
        self.folder = folder
        self._log = folder.parent / "strace"
        kept = {name: value for name, value in os.environ.items() if name not in CHANGED_BY_TESTS}
        kept |= {
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": "1",
        }
        command = ["strace", "-f", "-qq", "-s", "256", "-e", f"trace={CALLS}", "-o", self._log]
        self.process = subprocess.Popen(
            [*command, sys.executable, *arguments],
            env=kept | environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def result(self):
        """Wait for the end of the program, which must be successful; return what it printed."""
        printed, _ = self.process.communicate(timeout=TIMEOUT_S)
        assert self.process.returncode == 0, printed
        return printed

    @property
    def written(self):
        """Files that were opened for writing."""
        found = (OPENED.search(line) for line in self._log.read_text().splitlines())
        names = {m[1] for m in found if m and WRITES.search(m[2])}
        return {name for name in names if not name.startswith(NO_FILES)}

    @property
    def addresses(self):
        """Network addresses that something was sent to."""
        return {ipv4 or ipv6 for ipv4, ipv6 in ADDRESS.findall(self._log.read_text())}


def is_local(address):
    """Whether it is of this machine, or the group in which DDS discovers others.

    What is sent to the group leaves by the interface that was chosen, here the loopback interface.
    """
    return address.startswith("127.") or address in ("::1", "239.255.0.1")


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
    assert trace.addresses == set()
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
