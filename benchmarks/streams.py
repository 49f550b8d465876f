"""How many live streams one process, and two on two cores, can serve: p99 below 100 ms.

The models are `MODEL` and the default. Each number is tried with `benchmarks.pool`, in real time.
The number is doubled until streams are not served any more, and the largest one that is served is
then found by bisection, to 10 %. Served means: the 99th percentile of the latency of interval
estimates is below 100 ms, no sound is dropped, and of 100 windows at most one is skipped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable

from benchmarks.engines import NOW
from benchmarks.measuring import DEFAULT, MODEL, Result, child_environment, python, run_part

POOL = "benchmarks.pool"
MAX_P99_MS, MAX_SKIPPED = 100.0, 0.01
TARGET_STREAMS = 200
SECONDS = 30.0
EXACTNESS = 0.1


def measure(arguments: argparse.Namespace) -> Result:
    """Find the largest number of streams of one process, and of two, with each model."""
    if arguments.quick:
        return {
            "engine": NOW,
            "by_processes": {"1": _find_largest(MODEL, 1, seconds=8.0, first=2, most=2)},
        }
    return {
        "engine": NOW,
        "by_processes": {
            str(n): _find_largest(MODEL, n, SECONDS, first=100, most=3200, also=TARGET_STREAMS)
            for n in (1, 2)
        },
        "default_by_processes": {
            str(n): _find_largest(DEFAULT, n, SECONDS, first=10, most=3200) for n in (1, 2)
        },
    }


def _find_largest(
    model: str, processes: int, seconds: float, first: int, most: int, also: int | None = None
) -> Result:
    """Return the largest number of streams that is served, and what every tried number gave.

    Args:
        model: recognises the emotions of all streams.
        first, most: the smallest and about the largest number to try.
        also: a number that is tried in any case.
    """
    tried: dict[int, Result] = {}

    def serves(n: int) -> bool:
        if n not in tried:
            tried[n] = try_streams(n, processes, seconds, model)
        return is_served(tried[n])

    if also is not None:
        serves(also)
    largest = largest_number(serves, first, most)
    return {"largest": largest, "tried": [tried[n] for n in sorted(tried)]}


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


def try_streams(n_streams: int, processes: int, seconds: float, model: str = MODEL) -> Result:
    """Return what `benchmarks.pool` found for so many streams of a model.

    Raises:
        RuntimeError: it failed.
    """
    command = python(
        "-m", POOL, "--streams", n_streams, "--seconds", seconds, "--processes", processes,
        "--engine", NOW, "--model", model,
    )  # fmt: skip
    done = subprocess.run(
        command, env=child_environment(), capture_output=True, text=True, timeout=300 + 2 * seconds
    )
    if done.returncode:
        raise RuntimeError(f"{POOL} failed:\n{done.stderr}")
    found = json.loads(done.stdout)
    latency, memory_mb = found["latency_ms"]["interval"], found["memory_mb"]
    print(
        f"{model}, {processes} processes, {n_streams} streams: p99 {latency['p99']:.1f} ms",
        flush=True,
    )
    return {
        "streams": n_streams,
        "p50_ms": latency["p50"],
        "p99_ms": latency["p99"],
        "max_ms": latency["max"],
        **{name: found[name] for name in ("estimates", "skipped", "dropped_s", "cpu_cores")},
        "speech_share": found["speech_share"],
        "rss_mb": memory_mb["rss"],
        "pss_mb": memory_mb["pss"],
    }


if __name__ == "__main__":
    run_part(measure)
