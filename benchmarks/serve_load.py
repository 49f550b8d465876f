"""Live streams over WebSocket that one `ser-stream serve` carries, with and without 50 viewers.

    python -m benchmarks.bench --only serve_load

A process of clients sends the test recordings in blocks of 40 ms, as the live page does, each
stream from another place, when a microphone would deliver them. A process of viewers reads all
messages of streams with their pictures, as open pages do. Clients, viewers and service share the
computer. The latency is from the instant at which a microphone would have delivered the last sample
of an interval estimate to the estimate's arrival at the client. The peer is a `StreamPool` without
a service, in one process that makes its sound itself, with as many streams.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time

from benchmarks import streams
from benchmarks.measuring import (
    DEFAULT,
    MODEL,
    Result,
    child_environment,
    cpu_s,
    memory_mb,
    python,
    run_part,
)
from benchmarks.service import serving

MAX_P99_MS = streams.MAX_P99_MS
CLIENTS = "benchmarks.serve_clients"
VIEWERS = 50
HOW = UNWATCHED, WATCHED, POOL = "unwatched", "watched", "pool"
"""How the streams of a number are run: over the service, over it with viewers, in a pool alone."""
COUNTS = {MODEL: (10, 20, 40, 80), DEFAULT: (2, 5, 10, 20)}
"""Model -> numbers of streams."""
SECONDS = 12.0
REPEATS = 3
"""Runs of each number, in turn with those of the others; the median by p99 is reported."""


def measure(arguments: argparse.Namespace) -> Result:
    """Try each number of streams, without viewers, with 50, and in a pool alone."""
    counts, repeats, seconds = COUNTS, REPEATS, SECONDS
    if arguments.quick:
        counts, repeats, seconds = {MODEL: (2,)}, 1, 4.0
    runs: dict[tuple[str, int, str], list[Result]] = {}
    for _ in range(repeats):
        for model, numbers in counts.items():
            for n in numbers:
                for how in HOW:
                    runs.setdefault((model, n, how), []).append(_run(how, model, n, seconds))
    return {
        "n_viewers": VIEWERS,
        "by_model": {
            model: [
                {
                    "streams": n,
                    **{how: _median(runs[model, n, how]) for how in HOW},
                }
                for n in numbers
            ]
            for model, numbers in counts.items()
        },
    }


def _run(how: str, model: str, n_streams: int, seconds: float) -> Result:
    if how == POOL:
        return streams.try_streams(n_streams, 1, seconds, model)
    return try_streams(model, n_streams, VIEWERS if how == WATCHED else 0, seconds)


def _median(runs: list[Result]) -> Result:
    """Return the run whose p99 is the median, and all p99."""
    ordered = sorted(runs, key=lambda run: run["p99_ms"])
    return {**ordered[len(ordered) // 2], "all_p99_ms": [run["p99_ms"] for run in ordered]}


def try_streams(model: str, n_streams: int, viewers: int, seconds: float) -> Result:
    """Return latency, losses, processor time and memory with so many streams and viewers."""
    with serving("--max-streams", n_streams, model=model) as service:

        def start(role: str) -> subprocess.Popen[str]:
            command = python(
                "-m", CLIENTS, role, service.websocket_url, n_streams, viewers, seconds
            )
            return subprocess.Popen(
                command,
                env=child_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

        with start("send") as senders, start("watch") as watching:
            _read(senders)  # all streams are open
            _go_on(watching)
            _read(watching)  # all viewers watch
            _go_on(senders)
            _read(senders)  # the warm-up is over
            began, cpu_before = time.monotonic(), cpu_s(service.pid)
            time.sleep(seconds)
            used = (cpu_s(service.pid) - cpu_before) / (time.monotonic() - began)
            memory = memory_mb(service.pid)
            found, watched = json.loads(_read(senders)), json.loads(_read(watching))
    result = {
        "streams": n_streams,
        "viewers": viewers,
        **found,
        **watched,
        "service_cores": round(used, 2),
        "rss_mb": memory["rss_mb"],
        "pss_mb": memory["pss_mb"],
    }
    print(f"{model}: {n_streams} streams, {viewers} viewers: p99 {result['p99_ms']} ms", flush=True)
    return result


def _read(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{CLIENTS} ended with exit code {process.wait()}")
    return line


def _go_on(process: subprocess.Popen[str]) -> None:
    """Let a process that waits for a line go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


if __name__ == "__main__":
    run_part(measure)
