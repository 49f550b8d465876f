"""FLAC files, and FLAC files that were appended to one another."""

from __future__ import annotations

from collections.abc import Generator

from ser_stream.audio.containers.mpeg import next_sound
from ser_stream.audio.containers.part import FileBytes, Part, Piece

FLAC = b"fLaC"
LAST = 0x80
"""Flag in the header of a file's last block of metadata."""


def flac_parts(file: FileBytes, start: int) -> Generator[Piece, None, int]:
    """Yield the FLAC file that begins at a position, and return where the next file begins."""
    position, last = start + len(FLAC), False
    # Metadata may hold the headers of a WAV file that was encoded.
    while not last and len(header := file.at(position, 4)) == 4:
        last = bool(header[0] & LAST)
        position += 4 + int.from_bytes(header[1:], "big")
    end = next_sound(file, position)
    description = file.at(start + 8, 34)
    samples = int.from_bytes(description[13:18], "big") & 0xFFFFFFFFF
    yield Part([(start, end)], samples=samples or None)
    return end
