"""What the parts of `make bench` share: their command line, statistics, machine and processes."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ser_stream.files import write_json

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
MODEL, DEFAULT = "small", "default"
"""The model that is measured, and the one that is used where no model is named."""
LIBRARIES = ("numpy", "onnxruntime", "torch", "librosa", "opensmile", "transformers", "cyclonedds")
"""Libraries whose versions are part of a result."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment in which every library computes with one thread."""

Result = dict[str, Any]
"""The content of a part's JSON file."""


class SkippedError(Exception):
    """A part cannot be measured on this machine; the message says why."""


def keep_result(
    arguments: argparse.Namespace, command: list[str], lines: Path, summarise: Callable[[], Result]
) -> Result:
    """Run a program that appends lines to a file, and keep the part's result up to date.

    What was measured is there when the program is stopped.

    Args:
        arguments: the part's command line.
        lines: the file; emptied before.
        summarise: returns the result of the lines so far.

    Raises:
        RuntimeError: the program failed.
    """
    lines.write_text("")
    started = time.monotonic()
    with subprocess.Popen(command, env=child_environment()) as process:
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=60)
                if lines.stat().st_size:
                    took_s = time.monotonic() - started
                    save(arguments.output, summarise(), arguments.quick, took_s)
                    print(f"{took_s / 60:.0f} minutes", flush=True)
        finally:
            process.kill()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:4])} ended with exit code {process.returncode}")
    return summarise()


def read_lines(lines: Path) -> list[Result]:
    """Return the objects of a file of JSON lines, of which the last may be incomplete."""
    return [json.loads(line) for line in lines.read_text().splitlines() if line.endswith("}")]


def percentile(values: list[float], percent: float) -> float | None:
    """Return a percentile; None where there are no values, as in a minute of silence."""
    return round(float(np.percentile(values, percent)), 3) if values else None


def run_part(
    measure: Callable[[argparse.Namespace], Result],
    add_options: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
) -> None:
    """Run a part as a program of its own, and write its result together with the machine.

    Args:
        measure: takes the command line, whose `quick` asks for tiny sizes, as tests use them, and
            whose `output` is the file of the result. It raises `SkippedError` where it cannot run.
        add_options: adds options of the part's own.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True, help="JSON file of the result")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to test the part")
    add_options(parser)
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        result = measure(arguments)
    except SkippedError as skipped:
        result = {"skipped": str(skipped)}
        print(f"skipped: {skipped}")
    save(arguments.output, result, arguments.quick, time.monotonic() - started)


def save(path: Path, result: Result, quick: bool, took_s: float) -> None:
    """Write a part's result, the machine and the duration."""
    content = {"machine": machine(), "quick": quick, "took_s": round(took_s, 1), **result}
    write_json(path, content)


def load(path: Path) -> Result:
    """Return a part's result."""
    return json.loads(path.read_text(encoding="utf-8"))


def latency_summary(times_ms: Iterable[float]) -> Result:
    """Return number, median, 99th percentile and maximum of times in milliseconds."""
    times = np.asarray(list(times_ms))
    if not len(times):
        raise SkippedError("no time was measured: the sound gave no estimate")
    p50, p99 = np.percentile(times, [50, 99])
    return {
        "n": len(times),
        "p50_ms": round(float(p50), 4),
        "p99_ms": round(float(p99), 4),
        "max_ms": round(float(times.max()), 4),
    }


def milliseconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - started)


def machine() -> Result:
    """Return what the figures depend on: processor, memory, system and versions."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES if (found := version(name))},
        "commit": _commit(),
        "date": datetime.date.today().isoformat(),
        "load": round(os.getloadavg()[0], 2),
    }


def _cpu_name() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return found.stdout.strip()


def version(package: str) -> str | None:
    """Return the version of an installed package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process so far, with that of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int | str = "self") -> dict[str, float]:
    """Return a process's memory in MB (10^6 bytes): resident, proportional share, and peak.

    The proportional share (PSS) counts a page that n processes share as 1/n page.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kibibytes = {
        "rss_mb": re.search(r"VmRSS:\s+(\d+) kB", status),
        "pss_mb": re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE),
        "peak_mb": re.search(r"VmHWM:\s+(\d+) kB", status),
    }
    return {name: round(int(found[1]) * 1.024e-3, 1) for name, found in kibibytes.items() if found}


def child_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment for programs that are measured: one thread, this source tree."""
    paths = [str(ROOT), str(ROOT / "tests" / "support"), environment.get("PYTHONPATH", "")]
    return {**environment, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def python(*arguments: object) -> list[str]:
    """Return the command that runs this Python with these arguments."""
    return [sys.executable, *map(str, arguments)]
