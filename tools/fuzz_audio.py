"""Read damaged, cut and appended sound files, and print what became of each kind.

    python tools/fuzz_audio.py                     # 1000 files
    python tools/fuzz_audio.py --cases 40

A file has to be read, or refused by an error of one line, after the sound that could be read.
Undamaged files, and those that were appended to one another, have to be read whole; a file that is
cut off must not end without an error. The files are read in a process of its own with limited
memory, which must print nothing; one that takes longer than 30 s counts as hung.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fuzzing
from audio_mutations import Mutation, mutate, sound_files
from fuzzing import REFUSED, Outcomes, Worker, failure, work

ROOT = Path(__file__).parents[1]
SPOKEN = ROOT / "tests" / "recordings"
MEMORY_BYTES = 500 << 20
HANGS_AFTER_S = 30.0
TOLERANCE_S = 0.15
"""An MP3 file that follows bytes of another kind may lose a frame or two to the codec's delay."""

WHOLE, IN_PART = "read", "read in part, and said so"
GOOD = (WHOLE, IN_PART, REFUSED)
NOUN = "sound files"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return the exit code: 1 where a case went wrong."""
    return fuzzing.main(__doc__, run, GOOD, NOUN, arguments, lambda: work(_read, MEMORY_BYTES))


def run(cases: int, first: int = 0) -> Outcomes:
    """Run cases; return what became of them."""
    outcomes = Outcomes(GOOD, NOUN)
    files = sound_files(SPOKEN)
    with tempfile.TemporaryDirectory() as scratch, Worker(__file__, HANGS_AFTER_S) as worker:
        for number in range(first, first + cases):
            mutation = mutate(files, number)
            path = Path(scratch) / f"sound.{mutation.format}"
            path.write_bytes(mutation.content)
            found = worker.ask(str(path))
            case = f"case {number}, {mutation.format}, {mutation.kind}"
            outcomes.add(case, mutation.kind, _outcome(mutation, found), found)
    return outcomes


def _outcome(mutation: Mutation, found: dict[str, Any]) -> str:
    if "failed" in found:
        return failure(found)
    if found["printed"]:
        return "printed something"
    error, seconds = found["error"], found["seconds"]
    if "\n" in error or len(error) > 1000:
        return "refused by more than one line"
    if mutation.seconds is not None and abs(seconds - mutation.seconds) > TOLERANCE_S:
        return "lost sound"
    if mutation.seconds is not None and error:
        return "wrongly refused"
    if mutation.is_cut and not error:
        return "lost sound silently"
    if error:
        return IN_PART if seconds else REFUSED
    return WHOLE


def _read(path: str) -> dict[str, Any]:
    """Return the length of what can be read of a file, and why there is no more, or ""."""
    from ser_stream import Recording
    from ser_stream.errors import InputError

    found: dict[str, Any] = {"seconds": 0.0, "error": ""}
    try:
        for block in Recording(path).blocks():
            found["seconds"] += block.length_s
    except InputError as error:
        found["error"] = str(error)
    return found


if __name__ == "__main__":
    sys.exit(main())
