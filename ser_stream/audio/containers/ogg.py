"""Ogg files (RFC 3533): links that follow one another, and streams that are multiplexed.

A link is a group of streams that begin together. Its pages of one audio stream, without those of
video or metadata streams, are a file that libsndfile decodes.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from ser_stream.audio.containers.part import CUT_OFF, FileBytes, Part, Piece, Skipped, Span
from ser_stream.units import Seconds

CAPTURE = b"OggS"
HEADER_BYTES = 27
MAX_SEGMENTS = 255

CONTINUED, FIRST, LAST = 1, 2, 4
"""Flags of a page: of a packet's rest, of the first page of a stream, of the last."""

NO_PACKET_ENDS = 2**64 - 1
"""Granule position of a page in which no packet ends."""

MAX_START_S: Seconds = 30.0
"""A stream whose first page ends later was recorded from its middle: its length is not known."""

OPUS_RATE_HZ = 48_000

AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
"""How the first packet of a stream of sound begins."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """A page whose checksum is right."""

    start: int
    stop: int
    flags: int
    granule: int
    serial: int
    number: int
    content: bytes


@dataclass
class _Link:
    """A link as far as it has been read.

    Attributes:
        streams: serial number -> beginning of the first packet.
        audio: serial number of the stream of sound; None: there is none that can be decoded.
        only_first: whether all pages so far are the first of their streams.
        bad_bytes, bad_at: number and first position of bytes that are no page.
        lost_pages: number of pages that are missing by their numbers.
    """

    streams: dict[int, bytes] = field(default_factory=dict)
    audio: int | None = None
    only_first: bool = True
    spans: list[Span] = field(default_factory=list)
    rate_hz: int = 0
    pre_skip: int = 0
    first_granule: int | None = None
    granule: int = 0
    number: int = -1
    lost_pages: int = 0
    last: bool = False
    cut: bool = False
    bad_bytes: int = 0
    bad_at: int = 0
    other_bytes: int = 0

    def add(self, page: Page) -> None:
        """Add the next page of one of the streams."""
        if page.flags & FIRST:
            self._add_stream(page)
        else:
            self.only_first = False
        if page.serial != self.audio:
            if self.streams[page.serial].startswith(AUDIO):
                self.other_bytes += page.stop - page.start
            return
        if self.number >= 0 and page.number > self.number + 1:
            self.lost_pages += page.number - self.number - 1
        self.number = page.number
        self.last = bool(page.flags & LAST)
        if page.granule not in (NO_PACKET_ENDS, 0):
            self.granule = page.granule
            if self.first_granule is None:
                self.first_granule = page.granule
        if self.spans and self.spans[-1][1] == page.start:
            self.spans[-1] = (self.spans[-1][0], page.stop)
        else:
            self.spans.append((page.start, page.stop))

    def add_damage(self, span: Span) -> None:
        """Note bytes that are no page."""
        self.bad_at = self.bad_at if self.bad_bytes else span[0]
        self.bad_bytes += span[1] - span[0]

    @property
    def length_s(self) -> Seconds | None:
        """Length by the granule position of the last page; None: it is not known."""
        if not self.rate_hz or self.first_granule is None:
            return None
        if self.first_granule > MAX_START_S * self.rate_hz:
            return None
        return max(0, self.granule - self.pre_skip) / self.rate_hz

    def pieces(self) -> Iterator[Piece]:
        """Yield what is decoded of the link, and what is not."""
        if self.audio is None:
            start, stop = self.spans[0][0], self.spans[-1][1]
            yield Skipped((start, stop), "an Ogg stream without sound that can be decoded")
            return
        damage = ""
        if self.bad_bytes:
            damage = f"{self.bad_bytes} damaged bytes, the first at byte {self.bad_at}"
        elif self.lost_pages:
            damage = f"{self.lost_pages} pages are missing"
        ends = self.last and not self.cut
        yield Part(
            self.spans, length_s=self.length_s, ends=ends, damage=damage if ends else CUT_OFF
        )
        if self.other_bytes:
            span = (self.spans[-1][1] - self.other_bytes, self.spans[-1][1])
            yield Skipped(span, "a second stream of sound beside the first")

    def _add_stream(self, page: Page) -> None:
        packet = page.content
        self.streams[page.serial] = packet[:8]
        if self.audio is not None or not packet.startswith(AUDIO):
            if self.audio is None:
                self.spans = [(page.start, page.stop)]  # where the link is, if it has no sound
            return
        self.audio, self.spans = page.serial, []
        if packet.startswith(b"OpusHead"):
            self.rate_hz = OPUS_RATE_HZ
            self.pre_skip = int.from_bytes(packet[10:12], "little")
        elif packet.startswith(b"\x01vorbis"):
            self.rate_hz = int.from_bytes(packet[12:16], "little")
        elif packet.startswith(b"\x7fFLAC"):
            self.rate_hz = int.from_bytes(packet[27:30], "big") >> 4


def ogg_parts(file: FileBytes, start: int) -> Generator[Piece, None, int]:
    """Yield the sound of each link, and return the position where something else begins."""
    link: _Link | None = None
    strays: Span | None = None  # pages without the beginning of their stream
    position = start
    for found in _pages(file, start):
        if not isinstance(found, Page):
            is_cut = found[1] == file.size and file.at(found[0], 4) == CAPTURE
            is_behind = link is None or link.last or (found[1] == file.size and not is_cut)
            if found[0] > start and is_behind:
                break  # this is something else
            if link is not None:
                link.cut = is_cut
                link.add_damage(found)
            else:
                yield Skipped(found, "no page of an Ogg file")
        elif found.flags & FIRST and (link is None or not link.only_first):
            yield from _finished(link, strays)
            link, strays = _Link(), None
            link.add(found)
        elif link is not None and (found.flags & FIRST or found.serial in link.streams):
            link.add(found)
        else:
            if strays is None:
                yield from _finished(link, None)
                link = None
            strays = (found.start if strays is None else strays[0], found.stop)
        position = found[1] if isinstance(found, tuple) else found.stop
    yield from _finished(link, strays)
    return position


def _finished(link: _Link | None, strays: Span | None) -> Iterator[Piece]:
    """Yield a link that has ended, or pages that belong to none."""
    if link is not None:
        yield from link.pieces()
    if strays is not None:
        yield Skipped(strays, "pages of an Ogg stream without its beginning")


def _pages(file: FileBytes, position: int) -> Iterator[Page | Span]:
    """Yield the pages from a position on, and the bytes between them that are none."""
    bad_from = position
    while position < file.size:
        page = _page(file, position)
        if page is not None:
            if bad_from < position:
                yield bad_from, position
            yield page
            bad_from = position = page.stop
        else:
            following = file.find(CAPTURE, position + 1)
            position = file.size if following < 0 else following
    if bad_from < file.size:
        yield bad_from, file.size


def _page(file: FileBytes, start: int) -> Page | None:
    """Return the page at a position; None where there is none whose checksum is right."""
    header = file.at(start, HEADER_BYTES + MAX_SEGMENTS)
    if len(header) < HEADER_BYTES or header[:5] != CAPTURE + b"\0":
        return None
    begin = HEADER_BYTES + header[26]
    length = begin + sum(header[HEADER_BYTES:begin])
    page = file.at(start, length)
    if len(page) < length or page_checksum(page) != page[22:26]:
        return None
    return Page(
        start,
        start + length,
        header[5],
        int.from_bytes(header[6:14], "little"),
        int.from_bytes(header[14:18], "little"),
        int.from_bytes(header[18:22], "little"),
        page[begin : begin + 64],
    )


def page_checksum(page: bytes) -> bytes:
    """Return the checksum that a page should hold in its bytes 22 to 25.

    It is the CRC of zlib with the bits of each byte reversed, and without its inversions.
    """
    content = (page[:22] + b"\0\0\0\0" + page[26:]).translate(_REVERSED)
    crc = zlib.crc32(content, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return crc.to_bytes(4, "big").translate(_REVERSED)
