"""How many live streams one process, and one process per core, can serve: p99 below 100 ms.

Each number is tried with `benchmarks/pool.py`, in real time. The number is doubled until streams
are not served any more, and the largest one that is served is then found by bisection, to 5 %.
Served means: the 99th percentile of the latency of interval estimates is below 100 ms, no sound is
dropped, and of 100 windows at most one is skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Callable

from benchmarks.engines import NOW
from benchmarks.measuring import ROOT, Result, child_environment, python, run_part

POOL = ROOT / "benchmarks" / "pool.py"
MAX_P99_MS, MAX_SKIPPED = 100.0, 0.01
TARGET_STREAMS = 200
SECONDS = 30.0
EXACTNESS = 0.05
MB_PER_MIB = 1.048576


def measure(arguments: argparse.Namespace) -> Result:
    """Find the largest numbers of streams, and measure the number that is wanted."""
    if arguments.quick:
        return {"engine": NOW, "by_processes": {"1": {"tried": [try_streams(2, 1, 8.0)]}}}
    found = {}
    for processes in dict.fromkeys((1, os.cpu_count() or 1)):
        tried = {TARGET_STREAMS: try_streams(TARGET_STREAMS, processes, SECONDS)}

        def serves(n: int, processes: int = processes, tried: dict = tried) -> bool:
            if n not in tried:
                tried[n] = try_streams(n, processes, SECONDS)
            return is_served(tried[n])

        largest = largest_number(serves)
        found[str(processes)] = {
            "largest": largest,
            "tried": [tried[n] for n in sorted(tried)],
        }
    return {"engine": NOW, "max_p99_ms": MAX_P99_MS, "by_processes": found}


def is_served(found: Result) -> bool:
    """Return whether streams were served, see above."""
    windows = found["estimates"] + found["skipped"]
    return (
        found["p99_ms"] < MAX_P99_MS
        and not found["dropped_s"]
        and found["skipped"] <= MAX_SKIPPED * windows
    )


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


def try_streams(n_streams: int, processes: int, seconds: float) -> Result:
    """Return what `benchmarks/pool.py` found for so many streams.

    Raises:
        RuntimeError: it failed.
    """
    command = python(
        POOL, "--streams", n_streams, "--seconds", seconds, "--processes", processes,
        "--engine", NOW,
    )  # fmt: skip
    done = subprocess.run(
        command, env=child_environment(), capture_output=True, text=True, timeout=300 + 2 * seconds
    )
    if done.returncode:
        raise RuntimeError(f"{POOL.name} failed:\n{done.stderr}")
    found = json.loads(done.stdout)
    latency, memory_mib = found["latency_ms"]["interval"], found["memory_mb"]
    print(f"{processes} processes, {n_streams} streams: p99 {latency['p99']:.1f} ms", flush=True)
    return {
        "streams": n_streams,
        "p50_ms": latency["p50"],
        "p99_ms": latency["p99"],
        "max_ms": latency["max"],
        **{name: found[name] for name in ("estimates", "skipped", "dropped_s", "cpu_cores")},
        "speech_share": found["speech_share"],
        "rss_mb": round(MB_PER_MIB * memory_mib["rss"]),
        "pss_mb": round(MB_PER_MIB * memory_mib["pss"]),
    }


if __name__ == "__main__":
    run_part(measure)
