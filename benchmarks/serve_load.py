"""Live streams over WebSocket that one `ser-stream serve` carries, with and without 50 viewers.

    python -m benchmarks.bench --only serve_load

A process of clients sends the test recordings in blocks of 40 ms, as the live page does, each
stream from another place, when a microphone would deliver them. A process of viewers reads all
messages of streams with their pictures, as open pages do. Clients, viewers and service share the
computer. The latency is from the instant at which a microphone would have delivered the last sample
of an interval estimate to the estimate's arrival at the client. The largest number of streams whose
p99 is below 100 ms is found as in `streams`. The peer is a `StreamPool` without a service, in one
process that makes its sound itself, with as many streams.
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

CLIENTS = "benchmarks.serve_clients"
VIEWERS = 50
SECONDS = 20.0
REPEATS = 3
"""Runs of the largest number of streams, of which the median is reported."""


def measure(arguments: argparse.Namespace) -> Result:
    """Find the largest number of streams with no viewers and with 50, for each model."""
    if arguments.quick:
        tried = [try_streams(MODEL, 2, 2, seconds=4.0)]
        return {"by_model": {MODEL: {"2": {"largest": 2, "tried": tried, "pool": None}}}}
    found: Result = {}
    for model, first in ((MODEL, 10), (DEFAULT, 2)):
        found[model] = {
            str(viewers): _find_largest(model, viewers, first) for viewers in (0, VIEWERS)
        }
    return {"by_model": found}


def _find_largest(model: str, viewers: int, first: int) -> Result:
    """Return what each tried number of streams gave; the largest that is served was tried again."""
    tried: dict[int, list[Result]] = {}

    def serves(n: int) -> bool:
        tried.setdefault(n, []).append(try_streams(model, n, viewers, SECONDS))
        return streams.is_served(tried[n][-1])

    largest = streams.largest_number(serves, first, 800)
    while largest and len(tried[largest]) < REPEATS:
        serves(largest)
    pools = [
        streams.try_streams(largest, 1, SECONDS, model) for _ in range(REPEATS if largest else 0)
    ]
    return {
        "largest": largest,
        "tried": [_median(tried[n]) for n in sorted(tried)],
        "pool": _median(pools) if pools else None,
    }


def _median(runs: list[Result]) -> Result:
    """Return the run whose p99 is the median."""
    ordered = sorted(runs, key=lambda run: run["p99_ms"])
    return {**ordered[len(ordered) // 2], "runs": len(runs)}


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
