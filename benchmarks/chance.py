"""Sensitivity of scores to chance: the same sound a few milliseconds later, and with faint noise.

    python -m benchmarks.chance [FILE ...]       by default the test recordings

The positions of frames, steps and turns in a sound are a matter of chance, and a score is only as
exact as its change when they move. Prints, for each recording, the largest change of any score of
an interval and of a turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.measuring import MODEL
from benchmarks.sound import SPOKEN
from ser_stream.audio.speech import read_samples
from ser_stream.emotion import EmotionEstimate
from ser_stream.stream.recognizer import Recognizer
from ser_stream.units import SAMPLE_RATE_HZ

LATER_MS = (1, 3, 5, 8, 10)
NOISE = (1e-5, 3e-5, 1e-4)  # deviation; full scale is 1


def estimates_of(recognizer: Recognizer, samples: np.ndarray) -> list[EmotionEstimate]:
    """Return all estimates of samples (n,) at 16 kHz."""
    return recognizer.push(samples, SAMPLE_RATE_HZ) + recognizer.finish()


def largest_change(before: list[EmotionEstimate], after: list[EmotionEstimate]) -> float | None:
    """Return the largest change of any score; None where the numbers of estimates differ."""
    if len(before) != len(after):
        return None
    pairs = zip(before, after, strict=True)
    return max(abs(a.scores[label] - b.scores[label]) for a, b in pairs for label in a.scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, default=SPOKEN)
    parser.add_argument("--model", default=MODEL)
    arguments = parser.parse_args()
    recognizer, rng = Recognizer(arguments.model), np.random.default_rng(0)
    for path in arguments.files:
        samples = read_samples(path)
        changed = {
            "later": [np.pad(samples, (ms * SAMPLE_RATE_HZ // 1000, 0)) for ms in LATER_MS],
            "noise": [samples + rng.normal(0, level, len(samples)) for level in NOISE],
        }
        unchanged = estimates_of(recognizer, samples)
        for what, versions in changed.items():
            found = [estimates_of(recognizer, version) for version in versions]
            changes_text = []
            for trigger in ("interval", "utterance"):
                before, *after = (
                    [e for e in estimates if e.trigger == trigger]
                    for estimates in (unchanged, *found)
                )
                changes = [largest_change(before, estimates) for estimates in after]
                largest = max((change for change in changes if change is not None), default=0.0)
                other = changes.count(None)
                note = f" (other numbers of estimates in {other} versions)" if other else ""
                changes_text.append(f"{trigger} {largest:.2f}{note}")
            print(f"{path.name:16} {what}: {', '.join(changes_text)}")


if __name__ == "__main__":
    main()
