"""Reading of all recordings of a corpus, of which some may be damaged.

Corpora of thousands of files are checked before anything is computed from them, so that a damaged
file is known before minutes of work, and one error names all that are. Files found readable are
noted in the feature cache and not read again until they are replaced.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ser_stream.audio.speech import read_samples
from ser_stream.corpora.base import Utterance
from ser_stream.errors import InputError
from ser_stream.file_checks import file_stamps
from ser_stream.files import PRIVATE_FOLDER, replacing
from ser_stream.progress import print_line, progress

MAX_NAMED = 10
"""Recordings that an error names; others are counted."""
READABLE = "readable.json"
"""File of the cache that lists the recordings found readable, as short hashes of their stamps."""
STAMP_DIGITS = 16


@dataclasses.dataclass(frozen=True)
class CheckedRecordings:
    """The recordings of corpora after a check.

    Attributes:
        utterances: those that can be read.
        skipped: one message for each that is left out, because it cannot be read.
    """

    utterances: list[Utterance]
    skipped: list[str]


def recording_stamps(utterances: Sequence[Utterance]) -> list[tuple[str, int, int]]:
    """Return key, size and time of the last change of each recording, for the keys of caches.

    They differ where a recording was replaced, and are the same where the corpus was moved.
    """
    return file_stamps((utterance.key, utterance.path) for utterance in utterances)


def check_recordings(
    utterances: Sequence[Utterance], cache: Path | None, skip_bad: bool = False
) -> CheckedRecordings:
    """Read each recording once, and find those that cannot be read.

    Args:
        cache: folder of the feature cache, which notes the readable ones; None: all are read.
        skip_bad: leave out those that cannot be read, and print which; False: that is an error.

    Raises:
        InputError: recordings cannot be read, and `skip_bad` is False or none can.
    """
    digests = [_digest(stamp) for stamp in recording_stamps(utterances)]
    known = _known_readable(cache)
    unchecked = [u for u, digest in zip(utterances, digests, strict=True) if digest not in known]
    problems: dict[str, str] = {}
    for utterance in progress(unchecked, "checking recordings") if unchecked else ():
        try:
            read_samples(utterance.path)
        except InputError as error:
            problems[utterance.key] = str(error)
    found = {d for u, d in zip(utterances, digests, strict=True) if u.key not in problems}
    if cache is not None and not found <= known:
        _note_readable(cache, found | known)
    skipped = list(problems.values())
    if skipped and (not skip_bad or len(skipped) == len(utterances)):
        advice = "replace or remove them, or leave them out with --skip-bad"
        raise InputError(f"{_unreadable(skipped, len(utterances))}; {advice}")
    if skipped:
        print_line(f"left out: {_unreadable(skipped, len(utterances))}")
    return CheckedRecordings([u for u in utterances if u.key not in problems], skipped)


def read_utterances(
    utterances: Sequence[Utterance], description: str
) -> Iterator[tuple[Utterance, np.ndarray]]:
    """Yield each utterance with its samples, (n,) float32 at 16 kHz.

    All recordings are read, whichever of them is damaged, so that one error names all that are. A
    network is never trained without them unnoticed.

    Args:
        description: of the loop, see `progress`.

    Raises:
        InputError: at the end, where not all recordings can be read wholly.
    """
    errors = []
    for utterance in progress(utterances, description):
        try:
            samples = read_samples(utterance.path)
        except InputError as error:
            errors.append(str(error))
        else:
            if not errors:
                yield utterance, samples
    if errors:
        raise InputError(f"{_unreadable(errors, len(utterances))}; replace or remove them")


def _unreadable(errors: Sequence[str], n: int) -> str:
    named = "; ".join(errors[:MAX_NAMED])
    more = f"; and {len(errors) - MAX_NAMED} more" if len(errors) > MAX_NAMED else ""
    return f"{len(errors)} of {n} recordings cannot be read wholly: {named}{more}"


def _digest(stamp: tuple[str, int, int]) -> str:
    return hashlib.sha256(json.dumps(stamp).encode()).hexdigest()[:STAMP_DIGITS]


def _known_readable(cache: Path | None) -> set[str]:
    """Return the hashes of the recordings that were found readable; a damaged list has none."""
    if cache is None:
        return set()
    try:
        content = json.loads((cache / READABLE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return set()
    return {each for each in content if isinstance(each, str)} if type(content) is list else set()


def _note_readable(cache: Path, digests: set[str]) -> None:
    cache.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    with replacing(cache / READABLE, private=True) as file:
        file.write(json.dumps(sorted(digests)).encode())
