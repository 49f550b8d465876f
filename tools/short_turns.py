"""Which of several shouts is the first to be named, by their duration and pauses.

Shouts are cut from recordings of speech, where they are loudest, or given as they are:

    python tools/short_turns.py ser_stream/demo/4-angry.flac
    python tools/short_turns.py --whole DIR/esc10/person_sneeze/*.opus
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser_stream.audio.speech import find_turns, read_samples
from ser_stream.commands.shared import print_error, show_tables
from ser_stream.emotion import UTTERANCE
from ser_stream.errors import InputError
from ser_stream.stream.recognizer import Recognizer
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

DURATIONS_S = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.2)
PAUSES_S = (0.7, 1.5, 3.0, 5.0)
N_SHOUTS = 6
FADE_S: Seconds = 0.01


def loudest(samples: np.ndarray, duration_s: Seconds) -> np.ndarray:
    """Return the loudest part of samples (n,) of that duration, faded in and out."""
    length = min(len(samples), round(duration_s * SAMPLE_RATE_HZ))
    energy = np.cumsum(np.concatenate([[0.0], samples.astype(np.float64) ** 2]))
    start = int(np.argmax(energy[length:] - energy[:-length]))
    fade = round(FADE_S * SAMPLE_RATE_HZ)
    ramp = np.minimum(1, np.arange(length) / fade).astype(np.float32)
    return samples[start : start + length] * ramp * ramp[::-1]


def longest_turn(samples: np.ndarray) -> np.ndarray:
    """Return the longest turn of a recording (n,), of no samples where there is none."""
    spans = [(turn.start, turn.end or turn.start) for turn in find_turns(samples)]
    start, end = max(spans, key=lambda span: span[1] - span[0], default=(0, 0))
    return samples[start:end]


def repeated(shout: np.ndarray, pause_s: Seconds, times: int = N_SHOUTS) -> np.ndarray:
    """Return a shout (n,) several times, with pauses between, before and after."""
    pause = np.zeros(round(pause_s * SAMPLE_RATE_HZ), np.float32)
    ends = np.zeros(SAMPLE_RATE_HZ, np.float32)
    return np.concatenate([ends, *[shout, pause] * times, ends])


def named(recognizer: Recognizer, samples: np.ndarray) -> list[str]:
    """Return the expression of each turn of samples (n,), "" for one that abstains."""
    estimates = recognizer.push(samples, SAMPLE_RATE_HZ) + recognizer.finish()
    return [each.expression for each in estimates if each.trigger == UTTERANCE]


def cell(turns: Sequence[str]) -> str:
    """Return which turn is the first that is named, what it is named, and how many turns are."""
    if not turns:
        return "not heard"
    first = next((place for place, name in enumerate(turns, start=1) if name), 0)
    if not first:
        return f"none of {len(turns)}"
    count = sum(map(bool, turns))
    return f"{first} {turns[first - 1]} ({count} of {len(turns)})"


def table(rows: Sequence[tuple[str, list[str]]]) -> str:
    """Return rows of cells, one per pause, as Markdown."""
    titles = " | ".join(f"pauses {pause:g} s" for pause in PAUSES_S)
    lines = [f"| shout | {titles} |", "|---" * (len(PAUSES_S) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, and return the exit code: 0, or 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(description="Find which of several shouts is named first.")
    parser.add_argument("recordings", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--whole", action="store_true", help="repeat a recording's longest turn, whole"
    )
    parser.add_argument("--model", default="default", metavar="NAME|DIR")
    arguments = parser.parse_args(argv)
    rows = []
    try:
        with Recognizer(arguments.model) as recognizer:
            for path in arguments.recordings:
                samples = read_samples(path)
                shouts = (
                    {path.stem: longest_turn(samples)}
                    if arguments.whole
                    else {f"{s:g} s of {path.stem}": loudest(samples, s) for s in DURATIONS_S}
                )
                rows += [
                    (name, [cell(named(recognizer, repeated(shout, p))) for p in PAUSES_S])
                    for name, shout in shouts.items()
                    if len(shout)
                ]
    except InputError as error:
        print_error(error)
        return 2
    show_tables(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
