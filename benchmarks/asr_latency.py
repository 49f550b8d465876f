"""The latency of estimates by sound, with and without speech recognition.

    python -m benchmarks.asr_latency [FILE ...] [--grammar FILE] [--text-model DIR] [--rounds N]

Plays recordings in real time, alternately with recognition off and on (PocketSphinx in a process of
its own; with --text-model also the second estimate). Prints the latency of interval estimates by
sound, from the capture of the last sample to the estimate, and its ratios on to off, which should
stay below 1.1 (median) and 1.5 (99th percentile).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.measuring import MODEL
from benchmarks.sound import SPOKEN
from ser_stream.asr.base import AsrSettings
from ser_stream.audio.recording import Recording
from ser_stream.stream.recognizer import Recognizer


def latencies_ms(recognizer: Recognizer, files: list[Path]) -> tuple[list[float], int]:
    """Return latencies of interval estimates by sound, and the number of second estimates."""
    found, second = [], 0
    for path in files:
        for estimate in recognizer.stream(Recording(path, realtime=True)):
            second += estimate.modality != "audio"
            if (estimate.modality, estimate.trigger) == ("audio", "interval"):
                found.append(estimate.latency_ms)
    return found, second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, default=SPOKEN)
    parser.add_argument("--grammar", default="")
    parser.add_argument("--text-model", default="")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    asr = AsrSettings("pocketsphinx", grammar=arguments.grammar)
    times = {"off": [], "on": []}
    n_second = skipped = 0
    with (
        Recognizer(MODEL) as off,
        Recognizer(MODEL, asr=asr, text_model=arguments.text_model) as on,
    ):
        for number in range(arguments.rounds):
            # Alternating the order lets other load on the machine affect both alike.
            order = [("off", off), ("on", on)][:: 1 if number % 2 else -1]
            for name, recognizer in order:
                found, second = latencies_ms(recognizer, arguments.files)
                times[name] += found
                n_second += second
                skipped += recognizer.status.skipped
        print(f"speech recognition: {on.status.asr}")
    percentiles = {name: np.percentile(found, [50, 99]) for name, found in times.items()}
    for name, (p50, p99) in percentiles.items():
        print(f"{name:3}: {len(times[name])} estimates, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    p50, p99 = percentiles["on"] / percentiles["off"]
    print(f"ratio on to off: median {p50:.2f}, p99 {p99:.2f}")
    print(f"second estimates: {n_second}; windows skipped: {skipped}")


if __name__ == "__main__":
    main()
