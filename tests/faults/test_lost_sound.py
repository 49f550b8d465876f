"""Sound that a microphone loses is counted in the status, the closing line and diagnostics."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from command import start
from paths import ROOT
from pulse import PulseServer

SLOW_READER = """
import json, threading
from ser_stream import Recognizer
from ser_stream.audio import microphone
from ser_stream.ros.health import Health

microphone.MAX_PENDING_S = 0.25

class SlowMicrophone(microphone.Microphone):
    # Waits once, as a reader that is kept from reading does.
    def blocks(self):
        for number, block in enumerate(super().blocks()):
            if number == 20:
                threading.Event().wait(1.5)
            if number == 60:
                return
            yield block

source = SlowMicrophone()
recognizer = Recognizer("tiny")
health = Health()
health.report(recognizer.status)
list(recognizer.stream(source))
status = recognizer.status
level, message, values = health.report(status)
print(json.dumps([status.dropped_blocks, status.dropped_s, status.overflows, status.gap_s,
                  level, message, values]))
"""


@pytest.fixture
def server():
    with PulseServer() as server:
        server.add_sink("robot")
        yield server


@pytest.mark.microphone
def test_blocks_that_a_slow_reader_loses_are_in_the_status_and_diagnostics(server):
    run = subprocess.run(
        [sys.executable, "-c", SLOW_READER],
        env=server.env | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    dropped, dropped_s, overflows, gap_s, level, message, values = json.loads(run.stdout)
    assert dropped > 10
    assert dropped_s == pytest.approx(0.032 * dropped, rel=0.01)
    assert gap_s == pytest.approx(dropped_s, abs=0.15)
    assert level == 1
    assert f"{dropped} blocks of sound dropped (the computer is too slow)" in message
    assert values["dropped blocks"] == str(dropped)
    assert values["dropped sound (s)"] == f"{dropped_s:.2f}"
    assert values["overflows"] == str(overflows)


@pytest.mark.microphone
def test_reconnects_are_in_the_closing_line(server):
    process = start("listen", "--model", "tiny", "--json", env=server.env)
    try:
        wait_for(process, "connected")
        server.remove_sinks()
        wait_for(process, "looking for it")
        server.add_sink("robot")
        wait_for(process, "connected")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "1 reconnect of the microphone" in err.splitlines()[-1]


def wait_for(process, text: str) -> None:
    """Read the standard error of a process up to a line with this text."""
    deadline = time.monotonic() + 60
    for line in process.stderr:
        if text in line:
            return
        assert time.monotonic() < deadline
    pytest.fail(f"{text!r} was never printed")
