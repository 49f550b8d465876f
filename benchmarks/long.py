"""A stream of ten hours, faster than real time: memory and latency, minute by minute.

    make bench-long                     or: python -m benchmarks.bench --only long

One recogniser, in a process of its own, takes ten hours of the test recordings with pauses and
silences. After each minute of sound that process appends a line to a file and keeps nothing. This
one reads the file and writes the result every minute: what was measured is there when the stream is
stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.engines import NOW, time_stream
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
from benchmarks.sound import BLOCK_LENGTH, programme
from ser_stream import Recognizer
from ser_stream.units import SAMPLE_RATE_HZ

MINUTE = 60 * SAMPLE_RATE_HZ // BLOCK_LENGTH * BLOCK_LENGTH
"""Samples of a minute, in whole blocks."""
LOOP_MINUTES = 20
WARM_UP_MINUTES = 30
"""Growth of memory is fitted to what follows."""


def stream(engine: str, minutes: int, sound: Path, lines: Path) -> None:
    """Run the stream, and append a line of JSON for each minute of sound.

    Args:
        sound: file of whole minutes, which is repeated; one minute at a time is in memory.
    """
    recognizer = Recognizer(MODEL, engine=engine)
    n_minutes = soundfile.info(sound).frames // MINUTE
    with lines.open("w", encoding="utf-8") as file:
        for minute in range(minutes):
            start = minute % n_minutes * MINUTE
            samples, _ = soundfile.read(sound, MINUTE, start, dtype="int16")
            timing = time_stream(recognizer, samples, finish=False)
            line = {
                **memory_mb(),
                "cpu_s": round(timing.cpu_s, 3),
                "estimates_ms": [round(ms, 3) for ms in timing.estimates_ms],
            }
            print(json.dumps(line), file=file, flush=True)
        recognizer.finish()


def summarise(lines: Path, engine: str) -> Result:
    """Return the result of the minutes so far."""
    minutes = read_lines(lines)
    rss_mb = [minute["rss_mb"] for minute in minutes]
    hours = [minutes[start : start + 60] for start in range(0, len(minutes), 60)]
    return {
        "engine": engine,
        "minutes": len(minutes),
        "growth_mb_per_hour": growth_per_hour(rss_mb),
        "hours": [_summarise_hour(hour) for hour in hours],
        "rss_mb": rss_mb,
        "p50_ms": [percentile(minute["estimates_ms"], 50) for minute in minutes],
        "p99_ms": [percentile(minute["estimates_ms"], 99) for minute in minutes],
    }


def growth_per_hour(rss_mb: list[float]) -> float | None:
    """Return the slope of a line fitted to the memory after the warm-up; None before its end.

    >>> growth_per_hour([100.0] * 30 + [100.0, 100.5, 101.0])
    30.0
    """
    steady = rss_mb[WARM_UP_MINUTES:]
    if len(steady) < 2:
        return None
    slope, _ = np.polyfit(np.arange(len(steady)) / 60, steady, 1)
    return round(float(slope), 3) + 0.0  # never -0.0


def _summarise_hour(minutes: list[Result]) -> Result:
    times = [ms for minute in minutes for ms in minute["estimates_ms"]]
    return {
        **(latency_summary(times) if times else {}),
        "rss_mb": minutes[-1]["rss_mb"],
        "share_of_core": round(sum(m["cpu_s"] for m in minutes) / (60 * len(minutes)), 5),
    }


def measure(arguments: argparse.Namespace) -> Result:
    """Run the stream in a process of its own, and keep its result up to date."""
    minutes = 2 if arguments.quick else round(60 * arguments.hours)
    engine, lines = NOW, arguments.output.with_suffix(".jsonl")
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "loop.wav"
        samples = programme(min(LOOP_MINUTES, minutes) * MINUTE / SAMPLE_RATE_HZ)
        soundfile.write(sound, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
        command = python("-m", "benchmarks.long", "stream", engine, minutes, sound, lines)
        return keep_result(arguments, command, lines, lambda: summarise(lines, engine))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=float, default=10.0, help="length of the stream")


if __name__ == "__main__":
    if sys.argv[1:2] == ["stream"]:
        stream(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
    else:
        run_part(measure, _add_options)
