"""What listening stores and sends in an hour, as the kernel sees it.

    python -m benchmarks.privacy --minutes 60 --output benchmarks/results/privacy.json

`ser-stream listen --json --asr pocketsphinx` hears the test recordings through a PulseAudio server
of its own, with a pause after each. `strace` reports the sockets that it and its child processes
make, what they connect to, and the files that they open for writing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.measuring import Result, SkippedError, run_part
from benchmarks.sound import SPOKEN
from pulse import PulseServer, missing_programs
from syscalls import Trace, may_trace

LISTEN = ("-m", "ser_stream.cli", "listen", "--json", "--asr", "pocketsphinx", "--grammar", "demo")
PATHS = re.compile(r'sun_path=@?"([^"]*)"')
"""Address of a socket of this machine's own, in a line of strace."""
PAUSE_S = 2.0


def measure(arguments: argparse.Namespace) -> Result:
    """Listen, and return what the kernel was asked for."""
    if missing_programs or not may_trace():
        raise SkippedError("needs strace and PulseAudio")
    minutes = 0.5 if arguments.quick else arguments.minutes
    with tempfile.TemporaryDirectory() as folder, PulseServer() as server:
        server.add_sink("room")
        home = Path(folder) / "home"
        home.mkdir()
        trace = Trace(home, *LISTEN, **server.env)
        # Read as it comes: a full pipe would stop the program.
        printed: list[str] = []
        assert trace.process.stdout is not None
        lines = iter(trace.process.stdout)
        reader = threading.Thread(target=lambda: printed.extend(lines), daemon=True)
        reader.start()
        started = time.monotonic()
        number = 0
        while time.monotonic() - started < 60 * minutes and trace.process.poll() is None:
            server.play(SPOKEN[number % len(SPOKEN)])
            time.sleep(PAUSE_S)
            number += 1
        took_s = time.monotonic() - started
        _interrupt(trace)
        reader.join()
        log = trace.log
        return {
            "minutes": round(took_s / 60, 1),
            "exit_code": trace.process.wait(),
            "estimates": sum(line.startswith("{") for line in printed),
            "sockets": dict(Counter("/".join(each) for each in trace.sockets)),
            "local_addresses": sorted(set(PATHS.findall(log))),
            "network_addresses": sorted(trace.addresses),
            "written": sorted(trace.written),
            "files_left": sorted(str(path) for path in home.rglob("*")),
        }


def _interrupt(trace: Trace) -> None:
    """End the program: strace passes no signal on, and a background job ignores SIGINT."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        children = Path(f"/proc/{trace.process.pid}/task/{trace.process.pid}/children")
        os.kill(int(children.read_text()), signal.SIGTERM)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=60.0, help="real time")


if __name__ == "__main__":
    run_part(measure, _add_options)
