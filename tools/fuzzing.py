"""What the programs that feed damaged inputs have in common: a process that reads, and a table."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HANGS_AFTER_S = 300.0
"""An input that takes longer counts as hung."""

REFUSED, ACCEPTED = "refused", "accepted"
LONGEST_MESSAGE = 2100
"""Characters of the longest message that counts as one line, with the name of a file."""


class Worker:
    """The process that reads inputs; it is started again when an input ends it.

    Args:
        script: file whose option --worker calls `work`.
    """

    def __init__(self, script: str):
        self._script = script

    def __enter__(self) -> Worker:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, request: Any) -> dict[str, Any]:
        """Return what became of an input: an answer, why it was refused, or how it failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        watchdog = threading.Timer(HANGS_AFTER_S, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        hung = not watchdog.is_alive()
        watchdog.cancel()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._start()
        return {"failed": "hung" if hung else f"process ended: exit code {code}"}

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, self._script, "--worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip


def work(read: Callable[[Any], dict[str, Any]], memory_bytes: int) -> int:
    """Read the inputs that stdin names, and print what became of each as JSON."""
    from ser_stream.errors import InputError

    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no reply
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    for line in sys.stdin:
        try:
            found = read(json.loads(line))
        except InputError as error:
            found = {"refused": str(error)}
        except BaseException as error:  # what the test is for
            found = {"failed": f"{type(error).__name__}: {error}"[:1000]}
        found["peak_mb"] = peak_mb()
        print(json.dumps(found), file=replies, flush=True)
    return 0


def refusal(message: str) -> str:
    """Return the outcome of a refused input: `REFUSED` where its message is one line."""
    if "\n" in message or "Traceback" in message:
        return "refused by more than one line"
    return REFUSED if len(message) <= LONGEST_MESSAGE else "refused by a very long line"


def table(counts: Mapping[str, Counter[str]], good: Sequence[str], noun: str) -> str:
    """Return the counts as a Markdown table, with a row for each kind of mutation.

    Args:
        good: outcomes that are right, which have columns always.
        noun: what the inputs are, in the plural.
    """
    others = sorted({outcome for found in counts.values() for outcome in found} - set(good))
    columns = [*good, *others]
    lines = [f"| mutation | {noun} | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    total: Counter[str] = Counter()
    for kind, found in sorted(counts.items()):
        total += found
        lines.append(_row(kind, found, columns))
    return "\n".join([*lines, _row("all", total, columns)])


def _row(kind: str, found: Counter[str], columns: list[str]) -> str:
    cells = [str(found[column]) for column in columns]
    return f"| {kind} | {sum(found.values())} | {' | '.join(cells)} |"


def peak_mb() -> float:
    """Return the most memory that this process has had, in MB; not that of the one it is from."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
