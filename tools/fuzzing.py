"""What the programs that feed damaged inputs share: command line, process that reads, outcomes."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HANGS_AFTER_S = 300.0
"""An input that takes longer counts as hung."""

REFUSED, ACCEPTED = "refused", "accepted"
LONGEST_MESSAGE = 2100
"""Characters of the longest message that counts as one line, with the name of a file."""


class Outcomes:
    """What became of the inputs.

    Args:
        good: outcomes that are right.
        noun: what the inputs are, in the plural.

    Attributes:
        counts: number of each outcome, by kind of mutation.
        wrong: a line for each case that went wrong.
        peak_mb: the most memory that the process which read them took, in MB.
    """

    def __init__(self, good: Sequence[str], noun: str) -> None:
        self._good = good
        self._noun = noun
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.wrong: list[str] = []
        self.peak_mb = 0.0

    def add(self, case: str, kind: str, outcome: str, found: Mapping[str, Any]) -> None:
        """Add the outcome of one input.

        Args:
            case: names the input where it went wrong.
            kind: of its mutation.
            found: what `Worker.ask` has returned.
        """
        self.counts[kind][outcome] += 1
        self.peak_mb = max(self.peak_mb, found.get("peak_mb", 0.0))
        if outcome not in self._good:
            self.wrong.append(f"{case}: {outcome}: {str(found)[:1000]}")
        n = sum(each.total() for each in self.counts.values())
        if n % 100 == 0:
            print(f"{n} {self._noun}", file=sys.stderr, flush=True)


def main(
    description: str,
    run: Callable[[int, int], Outcomes],
    good: Sequence[str],
    noun: str,
    arguments: Sequence[str] | None,
    work: Callable[[], int] = lambda: 2,
) -> int:
    """Run the cases that the command line asks for, and print the table.

    Args:
        description: of the program.
        run: takes the number of cases, and the number of the first one.
        good, noun: see `Outcomes`.
        work: reads inputs where this process is the one that a `Worker` has started.

    Returns:
        The exit code: 1 where a case went wrong.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000, help=f"number of {noun}")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        return work()
    outcomes = run(options.cases, options.first)
    print(table(outcomes.counts, good, noun))
    print(f"\npeak memory of the process: {outcomes.peak_mb:.0f} MB")
    for line in outcomes.wrong:
        print(line, file=sys.stderr)
    return 1 if outcomes.wrong else 0


class Worker:
    """The process that reads inputs; it is started again when an input ends it.

    Args:
        script: file whose option --worker calls `work`.
        hangs_after_s: an input that takes longer counts as hung.
    """

    def __init__(self, script: str, hangs_after_s: float = HANGS_AFTER_S) -> None:
        self._script = script
        self._hangs_after_s = hangs_after_s
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`

    def __enter__(self) -> Worker:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._stderr.close()

    def ask(self, request: Any) -> dict[str, Any]:
        """Return what became of an input: an answer, why it was refused, or how it failed.

        With what the process printed meanwhile, as `printed`.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        printed_before = self._n_printed()
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        watchdog = threading.Timer(self._hangs_after_s, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        hung = not watchdog.is_alive()
        watchdog.cancel()
        if line:
            found = json.loads(line)
        else:
            code = self._process.wait()
            self._start()
            found = {"failed": "hung" if hung else f"process ended: exit code {code}"}
        # Not `read`: the process shares the position of the file.
        n_bytes = self._n_printed() - printed_before
        printed = os.pread(self._stderr.fileno(), n_bytes, printed_before)
        return found | {"printed": printed.decode(errors="replace")}

    def _n_printed(self) -> int:
        return os.fstat(self._stderr.fileno()).st_size

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, self._script, "--worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True,
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


def outcome_of(found: Mapping[str, Any]) -> str:
    """Return the outcome of an input that has to be accepted, or refused by one line."""
    if "refused" in found:
        return refusal(found["refused"])
    return ACCEPTED if "accepted" in found else failure(found)


def failure(found: Mapping[str, Any]) -> str:
    """Return the outcome of an input that failed, without its details."""
    return str(found["failed"]).split(":")[0]


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
