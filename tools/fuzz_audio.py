"""Read damaged, cut and appended sound files, and print what became of each kind.

    python tools/fuzz_audio.py                     # 1000 files
    python tools/fuzz_audio.py --cases 40

A file has to be read, or refused by an error of one line, after the sound that could be read.
Undamaged files, and those that were appended to one another, have to be read whole; a file that is
cut off must not end without an error. The files are read in a process of its own with limited
memory, which must print nothing; one that takes longer than 30 s counts as hung.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from audio_mutations import Mutation, mutate, sound_files
from fuzzing import peak_mb

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "ser_stream" / "demo"
MEMORY_BYTES = 500 << 20
HANGS_AFTER_S = 30.0
TOLERANCE_S = 0.15
"""An MP3 file that follows bytes of another kind may lose a frame or two to the codec's delay."""

WHOLE, IN_PART, REFUSED = "read", "read in part, and said so", "refused"
GOOD = (WHOLE, IN_PART, REFUSED)


def main(arguments: list[str] | None = None) -> int:
    """Run the cases, print the table, and return the exit code: 1 where a case went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000, help="number of files")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        return _work()
    counts, wrong, peak_mb = run(options.cases, options.first)
    print(table(counts))
    print(f"\npeak memory of the process: {peak_mb:.0f} MB")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def run(cases: int, first: int = 0) -> tuple[dict[str, Counter[str]], list[str], float]:
    """Run cases.

    Returns:
        Counts of each outcome by kind of mutation, a line for each case that went wrong, and the
        most memory that the process took, in MB.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    wrong: list[str] = []
    peak_mb = 0.0
    files = sound_files(DEMO)
    with tempfile.TemporaryDirectory() as scratch, _Worker(Path(scratch)) as worker:
        for number in range(first, first + cases):
            mutation = mutate(files, number)
            path = Path(scratch) / f"sound.{mutation.format}"
            path.write_bytes(mutation.content)
            found = worker.ask(path)
            outcome = _outcome(mutation, found)
            counts[mutation.kind][outcome] += 1
            peak_mb = max(peak_mb, found.get("peak_mb", 0.0))
            if outcome not in GOOD:
                case = f"case {number}, {mutation.format}, {mutation.kind}"
                wrong.append(f"{case}: {outcome}: {str(found)[:1000]}")
    return counts, wrong, peak_mb


def _outcome(mutation: Mutation, found: dict[str, Any]) -> str:
    if "failed" in found:
        return found["failed"].split(":")[0]
    if found["printed"]:
        return "printed something"
    error, seconds = found["error"], found["seconds"]
    if "\n" in error or len(error) > 1000:
        return "refused by more than one line"
    if mutation.seconds is not None and abs(seconds - mutation.seconds) > TOLERANCE_S:
        return "lost sound"
    if mutation.seconds is not None and error:
        return "wrongly refused"
    if mutation.is_cut and not error:
        return "lost sound silently"
    if error:
        return IN_PART if seconds else REFUSED
    return WHOLE


def table(counts: dict[str, Counter[str]]) -> str:
    """Return the counts as a Markdown table, with a row for each kind of mutation."""
    others = sorted({outcome for found in counts.values() for outcome in found} - set(GOOD))
    columns = [*GOOD, *others]
    lines = [f"| files | number | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    total: Counter[str] = Counter()
    for kind, found in sorted(counts.items()):
        total += found
        lines.append(_row(kind, found, columns))
    return "\n".join([*lines, _row("all", total, columns)])


def _row(kind: str, found: Counter[str], columns: list[str]) -> str:
    cells = [str(found[column]) for column in columns]
    return f"| {kind} | {sum(found.values())} | {' | '.join(cells)} |"


class _Worker:
    """The process that reads files; it is started again when a file ends it."""

    def __init__(self, folder: Path) -> None:
        self._errors = (folder / "stderr").open("w+b")

    def __enter__(self) -> _Worker:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def ask(self, path: Path) -> dict[str, Any]:
        """Return what was read of a file and the error, or how reading failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._errors.truncate(0)
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        watchdog = threading.Timer(HANGS_AFTER_S, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        hung = not watchdog.is_alive()
        watchdog.cancel()
        if line:
            return json.loads(line) | {"printed": self._printed()}
        code = self._process.wait()
        printed = self._printed()
        self._start()
        return {"failed": "hung" if hung else f"process ended: exit code {code}: {printed}"}

    def _printed(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip("\0")

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip


def _work() -> int:
    """Read the files that stdin names, and print the outcome of each as JSON."""
    from ser_stream import Recording
    from ser_stream.errors import InputError

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        found: dict[str, Any] = {"seconds": 0.0, "error": ""}
        try:
            for block in Recording(line.rstrip("\n")).blocks():
                found["seconds"] += block.length_s
        except InputError as error:
            found["error"] = str(error)
        except BaseException as error:  # what the test is for
            found["failed"] = f"{type(error).__name__}: {error}"
        found["peak_mb"] = peak_mb()
        print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
