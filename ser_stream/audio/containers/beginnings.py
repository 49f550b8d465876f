"""How files of the formats begin that are recognised anywhere in a file."""

from __future__ import annotations

import re

from ser_stream.audio.containers.part import FileBytes

LONGEST = 16

_BEGINNING = re.compile(
    rb"(?:RIFF|RF64|BW64|RIFX)....WAVE"
    rb"|FORM....AIF[FC]"
    rb"|caff\x00\x01\x00\x00"
    rb"|riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
    rb"|\.snd\x00\x00......\x00\x00\x00[\x01-\x1b]|dns\...\x00\x00....[\x01-\x1b]\x00\x00\x00"
    rb"|OggS\x00\x02\x00\x00"  # the first page of a stream
    rb"|fLaC[\x00\x80]\x00\x00\x22",
    re.DOTALL,
)


def is_beginning(file: FileBytes, position: int) -> bool:
    """Return whether a file of WAV, AIFF, CAF, W64, AU, Ogg or FLAC begins at a position."""
    return _BEGINNING.match(file.at(position, LONGEST)) is not None


def next_beginning(file: FileBytes, position: int, stop: int) -> int:
    """Return the first position from `position` on where such a file begins, or `stop`."""
    while position < stop:
        block = file.at(position, file.BUFFER)
        found = _BEGINNING.search(block)
        if found is not None:
            return min(stop, position + found.start())
        position += max(1, len(block) - LONGEST + 1)
    return stop
