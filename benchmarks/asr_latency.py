"""What speech recognition does to the latency of estimates by sound: with it beside without it.

    python benchmarks/asr_latency.py [FILE ...] [--grammar FILE] [--text-model DIR] [--rounds N]

Recordings are played in real time, in turns with recognition off and on (PocketSphinx, in its own
process, at its own pace; with --text-model also the second estimate). Prints the latency of
interval estimates by sound, from the capture of the last sample to the estimate, and the ratios on
to off, which are to stay below 1.1 (median) and 1.5 (99th percentile).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ser_stream.asr.base import AsrSettings
from ser_stream.audio.recording import Recording
from ser_stream.stream.recognizer import Recognizer

DEMO = Path(__file__).parent.parent / "ser_stream" / "demo"


def latencies_ms(recognizer: Recognizer, files: list[Path]) -> tuple[list[float], int]:
    """Of the interval estimates by sound; and how many second estimates there were."""
    found, second = [], 0
    for path in files:
        for estimate in recognizer.stream(Recording(path, realtime=True)):
            second += estimate.modality != "audio"
            if (estimate.modality, estimate.trigger) == ("audio", "interval"):
                found.append(estimate.latency_ms)
    return found, second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, default=sorted(DEMO.glob("*.flac")))
    parser.add_argument("--grammar", default="")
    parser.add_argument("--text-model", default="")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    asr = AsrSettings("pocketsphinx", grammar=arguments.grammar)
    times = {"off": [], "on": []}
    n_second = skipped = 0
    with (
        Recognizer() as off,
        Recognizer(asr=asr, text_model=arguments.text_model) as on,
    ):
        for number in range(arguments.rounds):
            # Whoever else uses the machine does so for both: which comes first alternates.
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
