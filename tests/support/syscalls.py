"""A program under `strace`: the files that it opens for writing, and the addresses it sends to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

from paths import ROOT

CALLS = "socket,open,openat,creat,connect,sendto,sendmsg,sendmmsg"
OPENED = re.compile(r'(?:open|openat|creat)\((?:[^"]*?)"([^"]*)", ?([^)]*)\) = \d')
SOCKET = re.compile(r"socket\((AF_\w+), (SOCK_\w+)")
ADDRESS = re.compile(r'sin_addr=inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")
NO_FILES = ("/dev/null", "/dev/tty", "/dev/shm/")
"""Devices, and shared memory: semaphores, and messages of Fast DDS between processes."""
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
    def log(self):
        """What strace has written."""
        return self._log.read_text(errors="replace")

    @property
    def written(self):
        """Files that were opened for writing."""
        found = (OPENED.search(line) for line in self.log.splitlines())
        names = {m[1] for m in found if m and WRITES.search(m[2])}
        return {name for name in names if not name.startswith(NO_FILES)}

    @property
    def addresses(self):
        """Network addresses that something was sent to."""
        return {ipv4 or ipv6 for ipv4, ipv6 in ADDRESS.findall(self.log)}

    @property
    def sockets(self):
        """Family and type of each socket that was made."""
        return SOCKET.findall(self.log)
