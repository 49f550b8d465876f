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
    rb"|\.snd\x00\x00......\x00\x00\x00[\x01-\x1b]"
    rb"|OggS\x00\x02\x00\x00"  # the first page of a stream
    rb"|fLaC[\x00\x80]\x00\x00\x22",
    re.DOTALL,
)

_SIGNS = ((b"WAVE", 8), (b"FORM", 0), (b"caff", 0), (b"riff", 0), (b".snd", 0), (b"OggS", 0),
          (b"fLaC", 0))  # fmt: skip
"""What such a beginning contains, and at which place. Searching for these is 20 times faster than
for the expression."""


def is_beginning(file: FileBytes, position: int) -> bool:
    """Return whether a file of WAV, AIFF, CAF, W64, AU, Ogg or FLAC begins at a position."""
    return _BEGINNING.match(file.at(position, LONGEST)) is not None


def next_beginning(file: FileBytes, position: int, stop: int) -> int:
    """Return the first position from `position` on where such a file begins, or `stop`."""
    while position < stop:
        n = min(file.BUFFER, stop - position)
        block = file.at(position, n + LONGEST)
        places = [place for sign in _SIGNS if (place := _verified(block, *sign)) >= 0]
        if places and min(places) < n:
            return position + min(places)
        position += n
    return stop


def _verified(block: bytes, sign: bytes, offset: int) -> int:
    """Return the first place in a block where a file with this sign begins, or -1."""
    place = block.find(sign, offset)
    while place >= 0 and _BEGINNING.match(block, place - offset) is None:
        place = block.find(sign, place + 1)
    return place - offset if place >= 0 else -1
