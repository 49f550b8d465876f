"""Live streams that a machine serves: latency, CPU and memory of pools that are fed in real time.

    python -m benchmarks.pool [--streams N] [--processes P] [--seconds S] [--engine E]
        [--model NAME|DIR]

Each stream plays the test recordings, joined by pauses, from another place, in blocks of 32 ms that
are pushed when a microphone would deliver them. Each process serves its share of the streams with
one pool. Numbers are of the seconds after the warm-up. Prints one JSON object:

* streams, processes, engine, model, seconds;
* speech_share: share of the sound that is within turns;
* estimates: number, all streams together; skipped: windows that a newer one replaced;
* dropped_s: seconds of sound that were dropped;
* latency_ms: p50, p99 and the largest, from the moment at which a microphone would have delivered
  the block of the last sample to the estimate, however late the block was pushed. An utterance's
  last sample is 0.4 s before the end of the pause by which its end is known;
* late_push_ms: p99 of how late blocks were pushed;
* cpu_cores: processor time of all processes per second, feeding included;
* memory_mb: sum of the processes' proportional set sizes (PSS), and of their resident sets (RSS).
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import time

import numpy as np

from benchmarks.measuring import MODEL, memory_mb
from benchmarks.sound import BLOCK_LENGTH as BLOCK
from benchmarks.sound import recordings
from ser_stream.units import SAMPLE_RATE_HZ as RATE

PAUSE_S = 1.5
"""Silence between recordings, which begin and end with 0.8 s of it themselves."""
WARM_UP_S = 5.0


class Receiver:
    """Receives estimates, and notes how long after their sound they came."""

    def __init__(self) -> None:
        self.starts: dict[str, float] = {}  # stream -> `time.monotonic()` of its first sample
        self.latencies_ms: dict[str, list[float]] = {"interval": [], "utterance": []}
        self.spoken_s = 0.0
        self.over = False  # whether later estimates are not counted

    def __call__(self, name, estimate) -> None:
        now = time.monotonic()
        block_end_s = math.ceil(estimate.end_s * RATE / BLOCK - 1e-6) * BLOCK / RATE
        if block_end_s < WARM_UP_S or self.over:
            return
        latency_s = now - self.starts[name] - block_end_s
        self.latencies_ms[estimate.trigger].append(1e3 * latency_s)
        if estimate.trigger == "utterance":
            self.spoken_s += estimate.end_s - estimate.start_s


def serve(arguments: argparse.Namespace, index: int, results, barrier) -> None:
    """Serve the streams of one process in real time, and put what was measured into `results`."""
    from ser_stream import StreamPool

    pool = StreamPool(arguments.model, max_streams=arguments.streams, engine=arguments.engine)
    sound = recorded_sound()
    numbers = range(index, arguments.streams, arguments.processes)
    rng = np.random.default_rng(index)
    offsets = rng.integers(0, len(sound), len(numbers))
    delays = np.sort(rng.uniform(0, BLOCK / RATE, len(numbers)))  # no two push at once
    barrier.wait()
    started = time.monotonic() + 0.1
    receiver = Receiver()
    streams = [pool.open(f"stream{number}", receiver) for number in numbers]
    receiver.starts = {s.name: started + d for s, d in zip(streams, delays, strict=True)}
    blocks = round((WARM_UP_S + arguments.seconds) * RATE / BLOCK)
    late_ms, cpu_s = [], 0.0
    for n in range(blocks):
        if n == round(WARM_UP_S * RATE / BLOCK):
            cpu_s, measured_from = time.process_time(), time.monotonic()
        for stream, offset, delay in zip(streams, offsets, delays, strict=True):
            due = started + (n + 1) * BLOCK / RATE + delay
            wait_s = due - time.monotonic()
            if wait_s > 0.001:
                time.sleep(wait_s)
            first = (offset + n * BLOCK) % (len(sound) - BLOCK)
            stream.push(sound[first : first + BLOCK], RATE)
            late_ms.append(1e3 * (time.monotonic() - due))
    cpu_s, measured_s = time.process_time() - cpu_s, time.monotonic() - measured_from
    receiver.over = True
    statuses = [stream.status for stream in streams]
    memory = memory_mb()
    pool.close()
    results.put(
        {
            "latencies_ms": receiver.latencies_ms,
            "late_ms": late_ms[len(late_ms) // 2 :],
            "spoken_s": receiver.spoken_s,
            "skipped": sum(status.skipped for status in statuses),
            "dropped_s": sum(status.dropped_s for status in statuses),
            "cpu_cores": cpu_s / measured_s,
            "memory": memory,
        }
    )


def recorded_sound() -> np.ndarray:
    """Return the test recordings with pauses between them, (n,) int16."""
    pause = round(PAUSE_S * RATE)
    sound = np.concatenate([np.pad(samples, (0, pause)) for samples in recordings()])
    return np.round(32767 * sound).astype(np.int16)


def summary(arguments: argparse.Namespace, found: list[dict]) -> dict:
    """Return what is printed."""
    latencies = {
        trigger: [ms for each in found for ms in each["latencies_ms"][trigger]]
        for trigger in ("interval", "utterance")
    }
    late_ms = [ms for each in found for ms in each["late_ms"]]
    return {
        "streams": arguments.streams,
        "processes": arguments.processes,
        "engine": arguments.engine,
        "model": arguments.model,
        "seconds": arguments.seconds,
        "speech_share": round(
            sum(each["spoken_s"] for each in found) / arguments.streams / arguments.seconds, 3
        ),
        "estimates": sum(map(len, latencies.values())),
        "skipped": sum(each["skipped"] for each in found),
        "dropped_s": round(sum(each["dropped_s"] for each in found), 2),
        "latency_ms": {trigger: quantiles(ms) for trigger, ms in latencies.items()},
        "late_push_ms": {"p99": round(float(np.percentile(late_ms, 99)), 1)},
        "cpu_cores": round(sum(each["cpu_cores"] for each in found), 2),
        "memory_mb": {
            kind: round(sum(each["memory"][f"{kind}_mb"] for each in found))
            for kind in ("pss", "rss")
        },
    }


def quantiles(milliseconds: list[float]) -> dict[str, float]:
    if not milliseconds:
        return {}
    p50, p99, largest = np.percentile(milliseconds, [50, 99, 100])
    return {"p50": round(p50, 1), "p99": round(p99, 1), "max": round(largest, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--model", default=MODEL)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    results, barrier = context.Queue(), context.Barrier(arguments.processes)
    processes = [
        context.Process(target=serve, args=(arguments, index, results, barrier))
        for index in range(arguments.processes)
    ]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    print(json.dumps(summary(arguments, found), indent=2))


if __name__ == "__main__":
    main()
