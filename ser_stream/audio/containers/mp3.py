"""MP3 files: chains of frames, descriptions of their length, and what is neither."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from ser_stream.audio.containers.beginnings import is_beginning
from ser_stream.audio.containers.mpeg import (
    Frame,
    frame_at,
    is_chain,
    next_chain,
    next_sound,
    parse_header,
    tag_length,
)
from ser_stream.audio.containers.part import CUT_OFF, FileBytes, Part, Piece, Skipped, Span

NO_FRAME = "no frames of MPEG audio"


@dataclass
class _Chain:
    """Frames of one kind, as far as they have been read; damage may lie between them."""

    frame: Frame
    spans: list[Span] = field(default_factory=list)
    n: int = 0
    info: int = 0  # position of the description of the file; 0: there is none
    declared: int | None = None  # number of frames that the description gives
    trimmed: int = 0  # samples that the encoder added
    padding_at: int = 0
    damage: str = ""
    cut: bool = False

    def add(self, position: int, frame: Frame) -> None:
        stop = position + frame.length
        if self.spans and self.spans[-1][1] == position:
            self.spans[-1] = (self.spans[-1][0], stop)
        else:
            self.spans.append((position, stop))
        self.n += 1

    @property
    def lacks_frames(self) -> bool:
        """Whether there are less frames than described."""
        return self.declared is not None and self.n < self.declared

    def describe(self, file: FileBytes, position: int, frame: Frame) -> None:
        """Read the description in the first frame; that frame has no sound."""
        content = file.at(position, frame.length)[frame.info :]
        flags = int.from_bytes(content[4:8], "big")
        self.info = position + frame.info
        if not flags & 1:
            return
        self.n -= 1
        self.declared = int.from_bytes(content[8:12], "big")
        lame = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 2) + 100 * bool(flags & 4)
        lame += 4 * bool(flags & 8)
        if content[lame : lame + 4] in (b"LAME", b"Lavf", b"Lavc"):
            delays = int.from_bytes(content[lame + 21 : lame + 24], "big")
            self.trimmed = (delays >> 12) + (delays & 0xFFF)
            self.padding_at = self.info + lame + 22

    def part(self, file: FileBytes) -> Part:
        """Return the part, with a description that agrees with the frames that there are.

        Without one, the decoder would guess the length from the first frame, and stop there.
        """
        length = sum(stop - start for start, stop in self.spans)
        prefix, patches = b"", {}
        if self.declared is not None:
            patches = self._corrections(file, length)
        elif self.frame.layer == 3:
            prefix = _description(file.at(self.spans[0][0], 4), self.n, length)
        n, damage = max(self.n, self.declared or 0), self.damage
        if not damage and (self.cut or self.lacks_frames):
            damage = CUT_OFF
        return Part(
            self.spans,
            prefix,
            patches,
            length_s=max(0, n * self.frame.samples - self.trimmed) / self.frame.rate_hz,
            damage=damage,
            ends=not self.cut or self.declared is not None,
            mpeg=True,
        )

    def _corrections(self, file: FileBytes, length: int) -> dict[int, bytes]:
        """Return the patches of a description, for frames of `length` bytes."""
        patches = {self.info + 8: self.n.to_bytes(4, "big")}
        if (
            self.n != self.declared and self.padding_at
        ):  # the end that would be trimmed is not there
            patches[self.padding_at] = bytes([file.at(self.padding_at, 1)[0] & 0xF0, 0])
        if file.at(self.info + 7, 1)[0] & 2:  # the decoder prints a warning where it differs
            patches[self.info + 12] = length.to_bytes(4, "big")
        return patches


def _description(header: bytes, n: int, length: int) -> bytes:
    """Return a frame without sound that describes `n` frames like the one with this header."""
    for bit_rate in range(1, 15):
        # Without a checksum, which would have to be right.
        own = bytes([header[0], header[1] | 1, bit_rate << 4 | header[2] & 0x0C, header[3]])
        frame = parse_header(int.from_bytes(own, "big"))
        if frame is not None and frame.length >= frame.info + 16:
            break
    assert frame is not None
    counts = struct.pack(">4sIII", b"Info", 3, n, length + frame.length)
    return (own.ljust(frame.info, b"\0") + counts).ljust(frame.length, b"\0")


def mp3_parts(file: FileBytes, start: int) -> Generator[Piece, None, int]:
    """Yield the chains of frames from a position on, and return where something else begins.

    A new part begins at a description of a file, and where the sample rate or the number of
    channels changes.

    Args:
        start: position of a frame, or of bytes before one.
    """
    chain: _Chain | None = None
    position = start
    while position < file.size:
        frame = frame_at(file, position)
        follows = frame is not None and chain is not None and frame.kind == chain.frame.kind
        if frame is not None and follows and _is_cut(file, position, frame):
            frame = None
        if frame is not None and (follows or is_chain(file, position)):
            if position + frame.length > file.size:
                chain = chain or _Chain(frame)
                chain.cut = True
                position = file.size
                break
            described = _is_description(file, position)
            if chain is None or not follows or described:
                yield from _finished(file, chain)
                chain = _Chain(frame)
            chain.add(position, frame)
            if described:
                chain.describe(file, position, frame)
            position += frame.length
        elif length := tag_length(file, position):
            position += length
        elif is_beginning(file, position):
            break
        else:
            end = next_sound(file, position + 1)
            if chain is not None and end - position < 4 and end == file.size:
                chain.cut = True  # within the header of a frame
            elif chain is None or end == file.size or _is_description(file, end):
                yield from _finished(file, chain)
                if chain is None or not chain.lacks_frames:  # else they are the rest of a frame
                    yield Skipped((position, end), NO_FRAME)
                chain = None
            else:
                damage = f"{end - position} bytes from byte {position} on are {NO_FRAME}"
                chain.damage = chain.damage or damage
            position = end
    yield from _finished(file, chain)
    return min(position, file.size)


def _is_description(file: FileBytes, position: int) -> bool:
    """Return whether a frame begins at a position that describes the file behind it."""
    frame = frame_at(file, position)
    return frame is not None and file.at(position + frame.info, 4) in (b"Xing", b"Info")


def _is_cut(file: FileBytes, position: int, frame: Frame) -> bool:
    """Return whether the chain of another file begins before the end of a frame."""
    end = position + frame.length
    if end >= file.size or frame_at(file, end) is not None or tag_length(file, end):
        return False
    return next_chain(file, position + 4, end) < end


def _finished(file: FileBytes, chain: _Chain | None) -> Iterator[Part]:
    if chain is not None and chain.n > 0:
        yield chain.part(file)
