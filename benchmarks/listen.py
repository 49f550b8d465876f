"""A live `ser-stream listen`: its start, its share of a core, and its memory.

It hears the test recordings from a microphone (PulseAudio's null sink, on a sound server of its
own) where PulseAudio is installed, and reads them at the speed of a microphone otherwise. Starts
are timed with recordings, whose sound begins at once.

When it began to listen follows from its first estimate: the estimate was made `latency_ms` after
its last sample, and that sample is `end_s` after the first one that was heard.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from benchmarks.engines import BEFORE, NOW
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
from benchmarks.sound import BLOCK_LENGTH, write_speech
from pulse import PulseServer, missing_programs
from ser_stream.units import SAMPLE_RATE_HZ

WARM_UP_S, STEADY_S, N_STARTS = 10.0, 120.0, 10


def measure(arguments: argparse.Namespace) -> Result:
    """Measure both models with the engine that a robot uses, and `MODEL` with torch, as before."""
    contestants: tuple[tuple[str, str], ...] = ((MODEL, NOW), (MODEL, BEFORE), (DEFAULT, NOW))
    n_starts, warm_up_s, steady_s = N_STARTS, WARM_UP_S, STEADY_S
    if arguments.quick:
        contestants, n_starts, warm_up_s, steady_s = ((MODEL, NOW),), 1, 0.5, 1.0
    results: dict[str, Result] = {MODEL: {}, DEFAULT: {}}
    with tempfile.TemporaryDirectory() as folder:
        recording = write_speech(Path(folder) / "speech.wav", warm_up_s + steady_s + 60.0)
        for model, engine in contestants:
            command = python(
                "-m", "ser_stream.cli", "listen", "--json", "--model", model, "--engine", engine
            )
            print(f"{model}, {engine}: {n_starts} starts", flush=True)
            starts = [_time_start(command, recording) for _ in range(n_starts)]
            print(f"{model}, {engine}: {steady_s:.0f} s of listening", flush=True)
            results[model][engine] = {
                name: round(statistics.median(start[name] for start in starts), 3)
                for name in starts[0]
            } | _measure_steady(command, recording, warm_up_s, steady_s)
    return {
        "n_starts": n_starts,
        "steady_s": steady_s,
        "engines": results[MODEL],
        "default_engines": results[DEFAULT],
    }


def _time_start(command: list[str], recording: Path) -> dict[str, float]:
    """Start the program; return the seconds until it listened and until its first estimate.

    It listens when it has taken its first block of sound.
    """
    spawned = time.monotonic()
    with _running([*command, "--realtime", "--input", str(recording)]) as process:
        assert process.stdout
        line = process.stdout.readline()
        received = time.monotonic()
        estimate = json.loads(line or _failure(process))
    first_sample = received - 1e-3 * estimate["latency_ms"] - estimate["end_s"]
    return {
        "listening_s": first_sample + BLOCK_LENGTH / SAMPLE_RATE_HZ - spawned,
        "first_estimate_s": received - spawned,
        "sound_before_it_s": estimate["end_s"],
    }


def _measure_steady(
    command: list[str], recording: Path, warm_up_s: float, steady_s: float
) -> Result:
    """Return share of a core and memory while the program listens."""
    with contextlib.ExitStack() as stack:
        if missing_programs:
            source, environment = "recording", child_environment()
            command = [*command, "--realtime", "--input", str(recording)]
        else:
            source = "microphone"
            server = stack.enter_context(PulseServer())
            server.add_sink("robot")
            environment = child_environment(server.env)
            stack.enter_context(_running(["paplay", str(recording)], environment))
        process = stack.enter_context(_running(command, environment))
        assert process.stdout
        if not process.stdout.readline():  # its first estimate: it is listening
            _failure(process)
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        reader.start()
        time.sleep(warm_up_s)
        before_s, began = cpu_s(process.pid), time.monotonic()
        time.sleep(steady_s)
        share = (cpu_s(process.pid) - before_s) / (time.monotonic() - began)
        return {"source": source, "share_of_core": round(share, 5), **memory_mb(process.pid)}


def _failure(process: subprocess.Popen) -> NoReturn:
    """Raise an error with what a program printed before it ended without an estimate."""
    assert process.stderr
    raise RuntimeError(f"no estimate: {process.stderr.read().strip()}")


@contextlib.contextmanager
def _running(
    command: list[str], environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    """Run a program until the context ends."""
    with subprocess.Popen(
        command,
        env=environment or child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()  # SIGINT may be ignored, as in a background job
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()


if __name__ == "__main__":
    run_part(measure)
