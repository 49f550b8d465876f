"""How many live streams one process, and one process per core, can serve: p99 below 100 ms.

Each number is tried with `benchmarks/pool.py`, in real time. The number is doubled until the 99th
percentile is too high, and the largest one that is not is then found by bisection, to 5 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Callable

from benchmarks.engines import NOW
from benchmarks.measuring import ROOT, Result, SkippedError, child_environment, python, run_part

POOL = ROOT / "benchmarks" / "pool.py"
MAX_P99_MS = 100.0
TARGET_STREAMS = 200
SECONDS = 30.0
EXACTNESS = 0.05


def measure(arguments: argparse.Namespace) -> Result:
    """Find the largest numbers of streams, and measure the number that is wanted."""
    if not POOL.exists():
        raise SkippedError(f"{POOL.relative_to(ROOT)} does not exist")
    if arguments.quick:
        return {"engine": NOW, "by_processes": {"1": {"tried": [_try(2, 1, NOW, 1.0)]}}}
    found = {}
    for processes in dict.fromkeys((1, os.cpu_count() or 1)):
        tried = {TARGET_STREAMS: _try(TARGET_STREAMS, processes, NOW, SECONDS)}

        def serves(n: int, processes=processes, tried=tried) -> bool:
            if n not in tried:
                tried[n] = _try(n, processes, NOW, SECONDS)
            return tried[n]["p99_ms"] < MAX_P99_MS

        largest = largest_number(serves)
        found[str(processes)] = {
            "largest": largest,
            "tried": [tried[n] for n in sorted(tried)],
        }
    return {"engine": NOW, "max_p99_ms": MAX_P99_MS, "by_processes": found}


def largest_number(serves: Callable[[int], bool], first: int = 25, most: int = 3200) -> int:
    """Return the largest number that `serves`, to `EXACTNESS`; 0 where not even the first does.

    >>> largest_number(lambda n: n <= 130)
    125
    """
    if not serves(first):
        return 0
    low, high = first, 2 * first
    while high <= most and serves(high):
        low, high = high, 2 * high
    if high > most:
        return low
    while high - low > max(1, EXACTNESS * low):
        middle = (low + high) // 2
        low, high = (middle, high) if serves(middle) else (low, middle)
    return low


def _try(n_streams: int, processes: int, engine: str, seconds: float) -> Result:
    """Return what `benchmarks/pool.py` found for so many streams."""
    command = python(
        POOL, "--streams", n_streams, "--seconds", seconds, "--processes", processes,
        "--engine", engine,
    )  # fmt: skip
    done = subprocess.run(command, env=child_environment(), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{POOL.name} failed:\n{done.stderr}")
    result = json.loads(done.stdout)
    print(f"{processes} processes, {n_streams} streams: p99 {result['p99_ms']:.1f} ms", flush=True)
    return result


if __name__ == "__main__":
    run_part(measure)
