"""MPEG audio (MP3, also layers I and II): a chain of frames, tags, and what is neither.

Every frame gives its length, so the next one is where it ends. Only frames of such a chain are
decoded: what merely looks like the beginning of a frame, in bytes of another kind, is not.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from ser_stream.audio.containers.beginnings import is_beginning, next_beginning
from ser_stream.audio.containers.part import CUT_OFF, FileBytes, Part, Piece, Skipped, Span

_BIT_RATES_KBPS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""(whether MPEG 1, layer) -> bit rates 1 to 14."""

_RATES_HZ = (44_100, 48_000, 32_000)
_SAMPLES = {(True, 1): 384, (True, 2): 1152, (True, 3): 1152, (False, 1): 384, (False, 2): 1152}
_MONO = 3

_HEADER = re.compile(
    rb"\xff[\xe2-\xe7\xf2-\xff]"
    rb"[\x10-\x1b\x20-\x2b\x30-\x3b\x40-\x4b\x50-\x5b\x60-\x6b\x70-\x7b\x80-\x8b\x90-\x9b\xa0-\xab"
    rb"\xb0-\xbb\xc0-\xcb\xd0-\xdb\xe0-\xeb]",
    re.DOTALL,
)
"""Three bytes as a frame may begin with them."""

CONFIRMING_FRAMES = 3
"""A frame counts as one where so many others follow it in a chain: two before the file's end or a
tag."""

ID3V1_BYTES = 128
NO_FRAME = "no frames of MPEG audio"


@dataclass(frozen=True)
class Frame:
    """The header of a frame.

    Attributes:
        length: in bytes.
        samples: number of samples on each channel.
        kind: version, layer, sample rate and number of channels: what all frames of a file share.
        rate_hz: sample rate.
        info: where a description of the file begins in the first frame.
    """

    length: int
    samples: int
    kind: tuple[int, int, int, bool]
    rate_hz: int
    info: int

    @property
    def layer(self) -> int:
        """Layer of MPEG audio; 3 is MP3."""
        return self.kind[1]


_known_frames: dict[int, Frame | None] = {}
"""Value of a header's first 26 bits -> the frame: a file has few different ones."""


def frame_at(file: FileBytes, position: int) -> Frame | None:
    """Return the frame that seems to begin at a position; None where none does."""
    header = int.from_bytes(file.at(position, 4), "big") >> 6
    if header >> 15 != 0x7FF:
        return None
    if header not in _known_frames:
        _known_frames[header] = _frame(header << 6)
    return _known_frames[header]


def _frame(header: int) -> Frame | None:
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    bit_rate, rate, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    mpeg1 = version == 3
    rate_hz = _RATES_HZ[rate] // (1 if mpeg1 else 2 if version == 2 else 4)
    samples = _SAMPLES.get((mpeg1, layer), 576)
    bits_per_s = _BIT_RATES_KBPS[mpeg1, layer][bit_rate - 1] * 1000
    slot = 4 if layer == 1 else 1
    length = (samples // 8 // slot * bits_per_s // rate_hz + padding) * slot
    mono = header >> 6 & 3 == _MONO
    side_information = {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}
    # An Info frame has room for a checksum only where the header says that there is one.
    info = 4 + side_information[mpeg1, mono] + (0 if header >> 16 & 1 else 2)
    return Frame(length, samples, (version, layer, rate, mono), rate_hz, info)


def is_frame_start(file: FileBytes, position: int) -> bool:
    """Return whether the eleven bits that begin a frame are at a position."""
    return int.from_bytes(file.at(position, 2), "big") >> 5 == 0x7FF


def is_chain(file: FileBytes, position: int) -> bool:
    """Return whether a chain of frames begins at a position, confirmed by what follows."""
    first = frame_at(file, position)
    if first is None:
        return False
    for number in range(CONFIRMING_FRAMES):
        position += first.length if number == 0 else frame.length
        if position >= file.size or tag_length(file, position):
            return number > 1 and position <= file.size
        frame = frame_at(file, position)
        if frame is None or frame.kind != first.kind:
            return False
    return True


def next_chain(file: FileBytes, position: int, stop: int) -> int:
    """Return the first position from `position` on where a chain of frames begins, or `stop`."""
    stop = min(stop, file.size)
    while position < stop:
        block = file.at(position, file.BUFFER)
        for found in _HEADER.finditer(block):
            if position + found.start() < stop and is_chain(file, position + found.start()):
                return position + found.start()
        position += max(1, len(block) - 2)
    return stop


def next_sound(file: FileBytes, position: int) -> int:
    """Return where the next chain of frames or another sound file begins, or the file's size."""
    while position < file.size:
        stop = min(position + file.BUFFER, file.size)
        found = next_chain(file, position, next_beginning(file, position, stop))
        if found < stop:
            return found
        position = stop
    return file.size


def tag_length(file: FileBytes, position: int) -> int:
    """Return the number of bytes of a tag at a position; 0 where there is none."""
    header = file.at(position, 32)
    if header[:3] == b"ID3" and len(header) >= 10 and max(header[6:10]) < 128:
        size = 0
        for byte in header[6:10]:
            size = size << 7 | byte
        return size + (20 if header[5] & 0x10 else 10)
    if header[:3] == b"TAG":
        return ID3V1_BYTES
    if header[:8] == b"APETAGEX" and len(header) == 32:
        has_footer_before = not int.from_bytes(header[20:24], "little") & 1 << 29
        return 32 if has_footer_before else 32 + int.from_bytes(header[12:16], "little")
    if header[:11] == b"LYRICSBEGIN":
        end = file.at(position, 1 << 16).find(b"LYRICS200")
        return end + 9 if end > 0 else 0
    return 0


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
        if not damage and (self.cut or n > self.n):
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
        if self.n != self.declared and self.padding_at:  # the end that would be trimmed is not there
            patches[self.padding_at] = bytes([file.at(self.padding_at, 1)[0] & 0xF0, 0])
        if file.at(self.info + 7, 1)[0] & 2:  # the decoder prints a warning where it differs
            patches[self.info + 12] = length.to_bytes(4, "big")
        return patches


def _description(header: bytes, n: int, length: int) -> bytes:
    """Return a frame without sound that describes `n` frames like the one with this header."""
    for bit_rate in range(1, 15):
        # Without a checksum, which would have to be right.
        own = bytes([header[0], header[1] | 1, bit_rate << 4 | header[2] & 0x0C, header[3]])
        frame = _frame(int.from_bytes(own, "big"))
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
        if frame is not None and (follows or is_chain(file, position)):
            if position + frame.length > file.size:
                chain = chain or _Chain(frame)
                chain.cut = True
                position = file.size
                break
            described = file.at(position + frame.info, 4) in (b"Xing", b"Info")
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
            elif chain is None or end == file.size:
                yield from _finished(file, chain)
                chain = None
                yield Skipped((position, end), NO_FRAME)
            else:
                damage = f"{end - position} bytes from byte {position} on are {NO_FRAME}"
                chain.damage = chain.damage or damage
            position = end
    yield from _finished(file, chain)
    return min(position, file.size)


def _finished(file: FileBytes, chain: _Chain | None) -> Iterator[Part]:
    if chain is not None and chain.n > 0:
        yield chain.part(file)
