"""The parts of any sound file."""

from __future__ import annotations

from collections.abc import Iterator

from ser_stream.audio.containers.beginnings import is_beginning
from ser_stream.audio.containers.chunks import (
    AU,
    HEADER_BYTES,
    au_parts,
    chunked_format,
    chunked_parts,
)
from ser_stream.audio.containers.flac import FLAC, flac_parts
from ser_stream.audio.containers.mp3 import NO_FRAME, mp3_parts
from ser_stream.audio.containers.mpeg import (
    is_chain,
    is_frame_start,
    next_chain,
    next_sound,
    tag_length,
)
from ser_stream.audio.containers.ogg import CAPTURE, ogg_parts
from ser_stream.audio.containers.part import FileBytes, Part, Piece, Skipped

MAX_BEFORE_MP3 = 1 << 16
"""Bytes before the first frame of an MP3 file that begins in the middle of one."""


def find_parts(file: FileBytes) -> Iterator[Piece]:
    """Yield the parts of a file in order, and what lies between them.

    Of a file in a format that is not known here, the whole file is one part.
    """
    position = _behind_tags(file, 0)
    if not is_beginning(file, position) and not _is_mp3(file, position):
        if is_frame_start(file, position):
            # The decoder would take a single one for a file, and noise for sound.
            yield Skipped((0, file.size), NO_FRAME)
        else:
            yield Part([(0, file.size)], is_whole_file=True, mpeg=True)
        return
    while position < file.size:
        header = file.at(position, HEADER_BYTES)
        if chunked_format(header) is not None:
            position = yield from chunked_parts(file, position)
        elif header[:4] == CAPTURE:
            position = yield from ogg_parts(file, position)
        elif header[:4] in AU:
            position = yield from au_parts(file, position)
        elif header[:4] == FLAC:
            position = yield from flac_parts(file, position)
        elif length := tag_length(file, position):
            position += length
        elif _is_mp3(file, position):
            position = yield from mp3_parts(file, position)
        else:
            end = next_sound(file, position + 1)
            yield Skipped((position, end), "no sound")
            position = end


def _is_mp3(file: FileBytes, position: int) -> bool:
    """Return whether a chain of frames begins near a position."""
    return is_chain(file, next_chain(file, position, position + MAX_BEFORE_MP3))


def _behind_tags(file: FileBytes, position: int) -> int:
    while length := tag_length(file, position):
        position += length
    return position
