"""A day of sound with random faults, faster than real time: memory, latency and recovery.

    make soak                       or: python -m benchmarks.soak --output FILE

One recogniser, in a process of its own, hears 24 simulated hours in one hour, with a fault every
three minutes on average: see `benchmarks.soak_faults`. After each minute of sound that process
appends a line to a file and keeps nothing. This one reads the file and writes the result.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.long import growth_per_hour
from benchmarks.measuring import (
    MODEL,
    Result,
    keep_result,
    latency_summary,
    memory_mb,
    percentile,
    python,
    read_lines,
    run_part,
)
from benchmarks.soak_faults import KINDS, NetworkSwitch, SimulatedMicrophone


def listen(hours: float, speed: float, seed: int, lines: Path) -> None:
    """Hear the day, and append a line of JSON for each minute of sound."""
    from ser_stream import Recognizer
    from ser_stream.errors import InferenceError
    from ser_stream.memory import give_back_large_allocations

    give_back_large_allocations()  # as the program and the node do
    network = NetworkSwitch()
    recognizer = Recognizer(MODEL)
    source = SimulatedMicrophone(recognizer, network, hours, speed, seed)
    minute, times_ms, cpu_s = 0, [], time.process_time()
    streams, n_faults = 0, 0
    with lines.open("w", encoding="utf-8") as file:

        def report() -> None:
            nonlocal minute, times_ms, n_faults
            recovered = source.faults[n_faults:-1]
            n_faults += len(recovered)
            line = {
                **memory_mb(),
                "minute": minute,
                "cpu_s": round(time.process_time() - cpu_s, 2),
                "estimates_ms": [round(ms, 3) for ms in times_ms],
                "threads": threading.active_count(),
                "files": len(list(Path("/proc/self/fd").iterdir())),
                "streams": streams,
                "faults": [vars(fault) for fault in recovered],
            }
            print(json.dumps(line), file=file, flush=True)
            minute, times_ms = int(source.position_s // 60), []

        while not source.ended:
            streams += 1
            # Two faults of the network within a minute end a stream: a supervisor starts another.
            with contextlib.suppress(InferenceError):
                for estimate in recognizer.stream(source):
                    if estimate.trigger == "interval":
                        times_ms.append(estimate.latency_ms)
                    source.note_estimate(estimate.latency_ms)
                    if source.position_s >= 60 * (minute + 1):
                        report()
        report()


def summarise(lines: Path) -> Result:
    """Return the result of the minutes so far."""
    found = read_lines(lines)
    faults = [fault for line in found for fault in line["faults"]]
    times = [ms for line in found for ms in line["estimates_ms"]]
    rss_mb = [line["rss_mb"] for line in found]
    return {
        "hours": round((found[-1]["minute"] + 1) / 60, 2) if found else 0,
        "estimates": len(times),
        "latency": latency_summary(times) if times else {},
        "growth_mb_per_hour": growth_per_hour(rss_mb),
        "threads": [min(line["threads"] for line in found), max(line["threads"] for line in found)],
        "files": [min(line["files"] for line in found), max(line["files"] for line in found)],
        "cpu_s": found[-1]["cpu_s"],
        "streams": found[-1]["streams"],
        "kinds": _by_kind(faults),
        "minute": [line["minute"] for line in found],
        "rss_mb": rss_mb,
        "p50_ms": [percentile(line["estimates_ms"], 50) for line in found],
        "p99_ms": [percentile(line["estimates_ms"], 99) for line in found],
    }


def _by_kind(faults: list[Result]) -> Result:
    recovered: dict[str, list[float]] = defaultdict(list)
    for fault in faults:
        recovered[fault["kind"]].append(fault["recovered_s"])
    return {
        kind: {
            "n": len(recovered[kind]),
            "without": sum(each is None for each in recovered[kind]),
            "median_s": percentile([each for each in recovered[kind] if each is not None], 50),
            "longest_s": max((each for each in recovered[kind] if each is not None), default=None),
        }
        for kind in KINDS
        if recovered[kind]
    }


def measure(arguments: argparse.Namespace) -> Result:
    """Run the day in a process of its own, and keep its result up to date."""
    hours, speed = (0.2, 100.0) if arguments.quick else (arguments.hours, arguments.speed)
    lines = arguments.output.with_suffix(".jsonl")
    command = python("-m", "benchmarks.soak", "listen", hours, speed, arguments.seed, lines)
    return keep_result(arguments, command, lines, lambda: summarise(lines))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=float, default=24.0, help="simulated time")
    parser.add_argument("--speed", type=float, default=25.0, help="simulated per real second")
    parser.add_argument("--seed", type=int, default=0, help="of the random faults")


if __name__ == "__main__":
    if sys.argv[1:2] == ["listen"]:
        listen(float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
    else:
        run_part(measure, _add_options)
