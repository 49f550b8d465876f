"""Measured room responses and recorded noises, with the licence of each file.

`rir/` and `noise/` hold sound files and an `index.csv` with the columns path, source and licence;
rooms also have rt60_T20_s, noises kind. They are for training only. A model that was trained on
`noise/` knows it: count no false estimates on these sounds ("no emotion on noise") with it. The
evaluation takes folds 4 and 5 of ESC-10, which no recipe trains with.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from ser_stream.corpora import esc10
from ser_stream.corpora.base import INDEX, check_folder, check_none_missing, table_rows
from ser_stream.errors import InputError, shown
from ser_stream.units import Seconds

ESC10, NOISE, ROOMS = "esc10", "noise", "rir"
"""Folders of noises and rooms; the first two are also their names in recipes."""
LAYOUTS = {
    NOISE: "noises are sound files and an index.csv with the columns path, source, licence, kind",
    ROOMS: "rooms are sound files and an index.csv with the columns path, source, licence, "
    "rt60_T20_s",
}
MAX_RT60_S: Seconds = 2.0
"""Longest reverberation of a room that a robot works in; halls and churches are longer."""
_PERMISSIVE = re.compile(
    r"(CC0|Public Domain|CC BY|CC BY-SA|Apache-2\.0|MIT)( \d\.\d)?( \(repo\))?", re.IGNORECASE
)
_VOICES = re.compile(r"scream$|^hu100_n(88|89|90|91|92|93)$", re.IGNORECASE)
"""Ends of kinds, and names, of noises that are human voices. Of Hu's 100 sounds, 88 to 90 laugh, 91
and 92 yawn, 93 cries."""


@dataclasses.dataclass(frozen=True)
class SoundFile:
    """A sound that training mixes with speech.

    Attributes:
        source: where it is from, as its licence wants it named.
        rt60_s: reverberation of a room response; 0 for a noise.
    """

    path: Path
    source: str
    licence: str
    rt60_s: Seconds = 0.0

    @property
    def commercial_use(self) -> bool:
        """Whether the licence permits commercial use; what is not known does not."""
        return _PERMISSIVE.fullmatch(self.licence.strip()) is not None


@dataclasses.dataclass(frozen=True)
class SoundSource:
    """What a model card says of the sounds of one source.

    Attributes:
        title: source and what its sounds are used as.
        licence: all licences of the files that are used.
        commercial_use: whether all of them permit commercial use.
    """

    title: str
    licence: str
    commercial_use: bool


def sources_of(files: Sequence[SoundFile], used_as: str) -> list[SoundSource]:
    """Return the sources and licences that a model trained with these sounds has to name.

    Args:
        used_as: what the sounds are, such as "noise".
    """
    by_source: dict[str, list[SoundFile]] = {}
    for file in files:
        by_source.setdefault(file.source.partition("@")[0], []).append(file)
    return [
        SoundSource(
            f"{used_as} of {source}",
            "; ".join(sorted({file.licence for file in members})),
            all(file.commercial_use for file in members),
        )
        for source, members in sorted(by_source.items())
    ]


def noise_recordings(
    corpora: Path, names: Sequence[str], folds: Sequence[int], commercial_only: bool = False
) -> list[SoundFile]:
    """Return the recordings of the noises of these names; none holds a human voice on purpose.

    Crowds, whose words cannot be made out, are among them.

    Args:
        names: "esc10" and "noise".
        folds: folds of ESC-10 to take.
        commercial_only: leave out what may not be used for a model that companies use.

    Raises:
        InputError: a folder or file is missing, an index cannot be read, or nothing is left.
    """
    files: list[SoundFile] = []
    for name in names:
        found = _esc10(corpora / ESC10, folds) if name == ESC10 else _noises(corpora / NOISE)
        files += _permitted(found, commercial_only, corpora / name)
    return files


def room_responses(corpora: Path, commercial_only: bool = False) -> list[SoundFile]:
    """Return the responses of rooms whose reverberation is shorter than `MAX_RT60_S`.

    Raises:
        InputError: see `noise_recordings`; or the reverberation of a room is no number.
    """
    folder = corpora / ROOMS
    files = []
    for where, path, row in _indexed(folder, ("rt60_T20_s",), LAYOUTS[ROOMS]):
        try:
            rt60_s = float(row["rt60_T20_s"])
        except ValueError as error:
            raise InputError(
                f"{where}: rt60_T20_s: found {shown(row['rt60_T20_s'])}; accepted are seconds"
            ) from error
        if 0 < rt60_s < MAX_RT60_S:
            files.append(SoundFile(path, row["source"], row["licence"], rt60_s))
    return _permitted(files, commercial_only, folder)


def _esc10(folder: Path, folds: Sequence[int]) -> list[SoundFile]:
    files = esc10.noise_files(folder, tuple(folds))
    return [SoundFile(path, esc10.TITLE, esc10.LICENCE) for path in files]


def _noises(folder: Path) -> list[SoundFile]:
    return [
        SoundFile(path, row["source"], row["licence"])
        for _, path, row in _indexed(folder, ("kind",), LAYOUTS[NOISE])
        if not _VOICES.search(row["kind"]) and not _VOICES.search(path.stem)
    ]


def _indexed(
    folder: Path, columns: tuple[str, ...], layout: str
) -> list[tuple[str, Path, dict[str, str]]]:
    """Return position, sound file and row of each line of a folder's index."""
    check_folder(folder, layout)
    rows = table_rows(folder / INDEX, ("path", "source", "licence", *columns), layout)
    found = [(where, folder / Path(row["path"]).name, row) for where, row in rows]
    missing = [path.name for _, path, _ in found if not path.is_file()]
    check_none_missing(missing, folder, layout)
    return found


def _permitted(files: list[SoundFile], commercial_only: bool, folder: Path) -> list[SoundFile]:
    kept = [file for file in files if file.commercial_use or not commercial_only]
    if not kept:
        why = "that permit commercial use" if files else "that can be used"
        raise InputError(
            f"{folder}: found {len(files)} sounds, none {why}; leave {folder.name} out"
        )
    return kept
