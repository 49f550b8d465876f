"""FLAC files (RFC 9639), FLAC files that were appended to one another, and damage within them."""

from __future__ import annotations

import re
from collections.abc import Generator

from ser_stream.audio.containers.mpeg import next_sound
from ser_stream.audio.containers.part import FileBytes, Part, Piece

FLAC = b"fLaC"
LAST = 0x80
"""Flag in the header of a file's last block of metadata."""

STREAM_INFO_BYTES = 34
MAX_HEADER_BYTES = 16
"""Length of the longest header of a frame."""

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
"""How a frame begins; with the second one, frames differ in length."""


def flac_parts(file: FileBytes, start: int) -> Generator[Piece, None, int]:
    """Yield the FLAC file that begins at a position, and return where the next file begins."""
    position, last = start + len(FLAC), False
    # Metadata may hold the headers of a WAV file that was encoded.
    while not last and len(header := file.at(position, 4)) == 4:
        if header[0] & ~LAST == 0 and position > start + len(FLAC):
            break  # only the first block describes the stream: this is no metadata
        last = bool(header[0] & LAST)
        position += 4 + int.from_bytes(header[1:], "big")
    end = next_sound(file, position)
    description = file.at(start + 8, 34)
    samples = int.from_bytes(description[13:18], "big") & 0xFFFFFFFFF
    yield Part([(start, end)], samples=samples or None)
    return end


def rest_of_part(file: FileBytes, part: Part, length: int) -> tuple[Part, int] | None:
    """Return the part that begins behind damage, and how many samples lie between.

    Args:
        part: a FLAC file, or the rest of one, whose decoding failed.
        length: number of samples after which it failed.

    Returns:
        None where there is no frame behind the damage, the part is no FLAC file, or it does not
        give its length.
    """
    start, end = part.spans[0]
    description = part.prefix or file.at(start, 8 + STREAM_INFO_BYTES)
    if description[:4] != FLAC or part.samples is None:
        return None
    info = bytearray(description[8:])
    block_size = int.from_bytes(info[2:4], "big")
    total = int.from_bytes(info[13:18], "big") & 0xFFFFFFFFF or part.samples
    first = total - part.samples  # number of the part's first sample
    position = start
    while position < end:
        block = file.at(position, file.BUFFER)
        for found in _SYNC.finditer(block):
            at = position + found.start()
            sample = frame_start(file.at(at, MAX_HEADER_BYTES), block_size)
            # The damaged frame itself begins within the last block that was asked for.
            if at < end and sample is not None and first + length + block_size <= sample < total:
                prefix = FLAC + bytes([LAST, 0, 0, STREAM_INFO_BYTES]) + bytes(info)
                rest = Part([(at, end)], prefix, samples=total - sample)
                return rest, sample - first - length
        position += max(1, len(block) - MAX_HEADER_BYTES)
    return None


def frame_start(header: bytes, block_size: int) -> int | None:
    """Return the number of a frame's first sample; None where the bytes are no frame's header.

    Args:
        block_size: number of samples in each frame of a file whose frames have one length.
    """
    if len(header) < MAX_HEADER_BYTES or header[0] != 0xFF or header[1] & 0xFE != 0xF8:
        return None
    size_code, rate_code = header[2] >> 4, header[2] & 15
    leading_ones = 8 - (header[4] ^ 0xFF).bit_length()
    if size_code == 0 or rate_code == 15 or leading_ones in (1, 8):
        return None
    number = header[4] & (0x7F >> leading_ones)
    end = 4 + max(1, leading_ones)
    for byte in header[5:end]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    end += {6: 1, 7: 2}.get(size_code, 0) + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if _crc8(header[:end]) != header[end]:
        return None
    return number if header[1] & 1 else number * block_size


def _crc8(content: bytes) -> int:
    """Return the checksum of a header: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x107 if crc & 0x80 else 0)
    return crc
