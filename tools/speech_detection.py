"""How often speech is missed, and other sounds are taken for speech.

Every recording is searched by the turn detector of the stream. A clip of speech is missed where no
turn holds as much speech as a stream needs to judge it.

    python tools/speech_detection.py --corpora DIR ravdess emodb --noise DIR/esc10 DIR/noise
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ser_stream.audio.speech import read_samples
from ser_stream.audio.turns import Turn, TurnDetector, TurnSettings
from ser_stream.audio.voice_activity import FRAME_LENGTH, DetectSpeech, detect_together
from ser_stream.commands.shared import add_clips, add_corpora, print_error, show_tables
from ser_stream.corpora.base import AUDIO_ENDINGS, Utterance
from ser_stream.corpora.registry import READERS, read_corpora
from ser_stream.errors import InputError
from ser_stream.evaluation.streamed import MIN_SPEECH_S, choose_clips
from ser_stream.progress import progress
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

HALVES = ("design", "confirm")
"""Halves of speakers and noises: the first is for choosing settings, the second confirms them."""


@dataclasses.dataclass
class Counts:
    """What was found in recordings of one kind.

    Attributes:
        clips: number of recordings.
        with_a_turn: those in which a turn is found.
        judged: those with a turn of at least `MIN_SPEECH_S` of speech.
        speech_s: seconds that were found to be speech.
        total_s: seconds of all recordings.
    """

    clips: int = 0
    with_a_turn: int = 0
    judged: int = 0
    speech_s: Seconds = 0.0
    total_s: Seconds = 0.0

    @property
    def missed(self) -> int:
        """Recordings that no estimate would be made of."""
        return self.clips - self.judged

    def add(self, samples: np.ndarray, turns: Sequence[Turn]) -> None:
        """Count a recording (n,) and its turns."""
        speech = [sum(turn.speech) * FRAME_LENGTH / SAMPLE_RATE_HZ for turn in turns]
        self.clips += 1
        self.with_a_turn += bool(speech)
        self.judged += max(speech, default=0.0) >= MIN_SPEECH_S
        self.speech_s += sum(speech)
        self.total_s += len(samples) / SAMPLE_RATE_HZ


Key = tuple[str, ...]

AT_ONCE = 32
"""Recordings that are searched together, which takes a third of the time."""


def search(paths: Sequence[Path], name: str) -> Iterator[tuple[np.ndarray, list[Turn]]]:
    """Yield the samples (n,) and the turns of each recording, in order.

    Raises:
        InputError: a recording cannot be read.
    """
    for start in progress(range(0, len(paths), AT_ONCE), f"{name}, {AT_ONCE} at once"):
        recordings = [read_samples(path) for path in paths[start : start + AT_ONCE]]
        yield from zip(recordings, find_turns_together(recordings), strict=True)


def find_turns_together(recordings: Sequence[np.ndarray]) -> list[list[Turn]]:
    """Return the turns of recordings, each (n,): those of `find_turns`, but for rounding."""
    detectors = [TurnDetector(TurnSettings()) for _ in recordings]
    found: list[list[Turn]] = [[] for _ in recordings]
    for start in range(0, max(map(len, recordings), default=0), FRAME_LENGTH):
        end = start + FRAME_LENGTH
        there = [i for i, samples in enumerate(recordings) if len(samples) >= end]
        if not there:
            break
        calls = [
            DetectSpeech(
                detectors[i].voice_activity, detectors[i].prepare(recordings[i][start:end])
            )
            for i in there
        ]
        for i, probability in zip(there, detect_together(calls), strict=True):
            found[i] += detectors[i].advance(probability)
    return [turns + detector.flush() for turns, detector in zip(found, detectors, strict=True)]


def count_speech(utterances: Sequence[Utterance]) -> dict[Key, Counts]:
    """Return (corpus, sex, intensity, half) -> counts; the halves share no speaker.

    Raises:
        InputError: a recording cannot be read.
    """
    half_of: dict[str, str] = {}
    voices: dict[tuple[str, str], set[str]] = defaultdict(set)
    for utterance in utterances:
        voices[utterance.corpus, utterance.gender].add(utterance.speaker)
    for speakers in voices.values():
        half_of |= {name: HALVES[i % 2] for i, name in enumerate(sorted(speakers))}
    found: dict[Key, Counts] = defaultdict(Counts)
    searched = search([utterance.path for utterance in utterances], "speech")
    for each, (samples, turns) in zip(utterances, searched, strict=True):
        key = each.corpus, each.gender, each.intensity, half_of[each.speaker]
        found[key].add(samples, turns)
    return dict(sorted(found.items()))


def count_noise(folders: Iterable[Path], left_out: Sequence[str]) -> dict[Key, Counts]:
    """Return (folder, half) -> counts of the sound files below each folder.

    Args:
        left_out: recordings whose path contains one of these are left out.

    Raises:
        InputError: a folder holds no sound file, or one cannot be read.
    """
    found: dict[Key, Counts] = defaultdict(Counts)
    for folder in folders:
        paths = [path for path in sorted(folder.rglob("*")) if path.suffix in AUDIO_ENDINGS]
        if not paths:
            raise InputError(
                f"{folder}: found no sound files; accepted are folders with files that end in "
                f"{', '.join(AUDIO_ENDINGS)}"
            )
        names = {path: f"{folder.name}/{path.relative_to(folder).as_posix()}" for path in paths}
        kept = [path for path in paths if not any(part in names[path] for part in left_out)]
        for path, (samples, turns) in zip(kept, search(kept, folder.name), strict=True):
            found[folder.name, _half_of_noise(names[path])].add(samples, turns)
    return dict(sorted(found.items()))


def _half_of_noise(name: str) -> str:
    """Return the half of a recording; ESC-10's folds 1 to 3 are for design."""
    fold = re.search(r"/([1-5])-\d+-[A-Z]\.\w+$", name)
    return HALVES[int(fold[1]) > 3 if fold else zlib.crc32(name.encode()) % 2]


def to_markdown(speech: dict[Key, Counts], noise: dict[Key, Counts]) -> str:
    """Return one table of speech, and one of other sounds, where there are any."""
    tables = []
    if speech:
        lines = [
            "| corpus | sex | intensity | half | clips | missed |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {' | '.join(key)} | {counts.clips} | {counts.missed} |"
            for key, counts in speech.items()
        ]
        tables.append("\n".join(lines))
    if noise:
        lines = [
            "| sounds | half | clips | minutes | with a turn | judged | speech (s) |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {' | '.join(key)} | {counts.clips} | {counts.total_s / 60:.1f} | "
            f"{counts.with_a_turn} | {counts.judged} | {counts.speech_s:.1f} |"
            for key, counts in noise.items()
        ]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def main(argv: Sequence[str] | None = None) -> int:
    """Count and print, and return the exit code: 0, or 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(description="Count missed speech and false detections.")
    parser.add_argument(
        "names", nargs="*", metavar="CORPUS", help=f"corpora of speech: {', '.join(READERS)}"
    )
    add_corpora(parser, needed=False)
    add_clips(parser)
    parser.add_argument(
        "--noise", nargs="+", type=Path, default=[], metavar="DIR", help="folders of other sounds"
    )
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="TEXT",
        help="leave out recordings of other sounds whose path contains it, such as baby_cry",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="all counts, as one JSON object")
    arguments = parser.parse_args(argv)
    try:
        if bool(arguments.names) != bool(arguments.corpora):
            raise InputError("corpora: names and --corpora DIR go together; give both or none")
        utterances = read_corpora(arguments.corpora, arguments.names)
        speech = count_speech(choose_clips(utterances, arguments.clips))
        noise = count_noise(arguments.noise, arguments.without)
    except InputError as error:
        print_error(error)
        return 2
    if arguments.json:
        found = {**speech, **noise}
        print(json.dumps({"/".join(key): dataclasses.asdict(found[key]) for key in found}))
    else:
        show_tables(to_markdown(speech, noise))
    return 0


if __name__ == "__main__":
    sys.exit(main())
