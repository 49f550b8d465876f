"""Frames of MPEG audio (MP3, also layers I and II), and the tags that may lie between them.

Every frame gives its length, so the next one is where it ends. Only frames of such a chain count:
what merely looks like the beginning of a frame, in bytes of another kind, is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ser_stream.audio.containers.beginnings import next_beginning
from ser_stream.audio.containers.part import FileBytes

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
        _known_frames[header] = parse_header(header << 6)
    return _known_frames[header]


def parse_header(header: int) -> Frame | None:
    """Return the frame that 32 bits describe; None where they are no header of one."""
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
    frame = first
    for number in range(CONFIRMING_FRAMES):
        position += frame.length
        if position >= file.size or tag_length(file, position):
            return number > 1 and position <= file.size
        following = frame_at(file, position)
        if following is None or following.kind != first.kind:
            return False
        frame = following
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
