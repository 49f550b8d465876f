"""Uncompressed formats: WAV, RF64, BW64, W64, AIFF, CAF and AU, which give their length in bytes.

All but AU are chunks, each with a name and a length; one holds the samples.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from dataclasses import dataclass

from ser_stream.audio.containers.beginnings import is_beginning, next_beginning
from ser_stream.audio.containers.part import FileBytes, Part, Piece, Skipped

HEADER_BYTES = 16
"""Bytes of a file's beginning by which its format is known."""

W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
"""A chunk's name in W64: four letters and these bytes."""

AFTER_SAMPLES = frozenset(
    name.ljust(4)
    for name in (
        b"LIST INFO JUNK junk PAD FLLR fact cue plst labl note ltxt smpl inst acid bext iXML axml "
        b"chna id3 ID3 PEAK DISP _PMX afsp umid minf elm1 regn SNDM COMM MARK INST MIDI AESD "
        b"APPL NAME AUTH (c) ANNO COMT FVER free info strg mark kuki pakt chan user uuid edct fmt "
        b"desc"
    ).split()
)
"""Names of chunks that are no loss where the end of the file cuts them."""

FILES = frozenset({b"RIFF", b"RF64", b"BW64", b"RIFX", b"FORM", b"riff"})
"""How files of chunks begin."""

CHUNK_NAME = re.compile(rb"[ -~]*[A-Za-z][ -~]*")
"""Printable characters, among them a letter."""

AU = (b".snd", b"dns.")
"""How AU files begin, in either order of bytes."""

UNKNOWN = 2**63
"""Lengths from here on stand for none in 64 bits."""


@dataclass(frozen=True)
class _Chunks:
    """How a format divides a file into chunks.

    Attributes:
        name: name of the format.
        first: position of the first chunk behind the file's beginning.
        header: of a chunk: its name and its length.
        alignment: chunks begin at multiples of this.
        data: name of the chunk with the samples.
        before_samples: bytes of that chunk before the samples.
        length_includes_header: whether the length counts the header.
    """

    name: str
    first: int
    header: struct.Struct
    alignment: int
    data: bytes
    before_samples: int = 0
    length_includes_header: bool = False

    def read(self, file: FileBytes, at: int) -> tuple[bytes, int, int] | None:
        """Return a chunk's name, the position of its content, and the length of that."""
        content = file.at(at, self.header.size)
        if len(content) < self.header.size:
            return None
        name, length = self.header.unpack(content)
        if self.length_includes_header:
            length = max(0, length - self.header.size)
        return name, at + self.header.size, length

    def behind(self, start: int, content: int, length: int) -> int:
        """Return the position of the next chunk; `start` is that of the file's beginning."""
        end = content + length
        return end + (start - end) % self.alignment


def chunked_format(header: bytes) -> _Chunks | None:
    """Return the format that begins with these `HEADER_BYTES` bytes; None for another one."""
    name, form = header[:4], header[8:12]
    if name in (b"RIFF", b"RF64", b"BW64") and form == b"WAVE":
        return _Chunks("WAV", 12, struct.Struct("<4sI"), 2, b"data")
    if name == b"RIFX" and form == b"WAVE":
        return _Chunks("WAV", 12, struct.Struct(">4sI"), 2, b"data")
    if name == b"FORM" and form in (b"AIFF", b"AIFC"):
        return _Chunks("AIFF", 12, struct.Struct(">4sI"), 2, b"SSND", before_samples=8)
    if header[:6] == b"caff\0\1":
        return _Chunks("CAF", 8, struct.Struct(">4sQ"), 1, b"data", before_samples=4)
    if header == W64_RIFF:
        names = struct.Struct("<16sQ")
        return _Chunks("W64", 40, names, 8, b"data" + W64_TAIL, length_includes_header=True)
    return None


def chunked_parts(file: FileBytes, start: int) -> Generator[Piece, None, int]:
    """Yield the samples of a chunked file, and the bytes behind them that are no chunks.

    Args:
        start: position of the file's beginning.

    Returns:
        The position where something else begins.
    """
    chunks = chunked_format(file.at(start, HEADER_BYTES))
    assert chunks is not None
    large: int | None = None  # position of RF64's lengths
    position = start + chunks.first
    while (chunk := chunks.read(file, position)) is not None and _is_name(chunk[0], chunks):
        name, content, length = chunk
        if name == b"ds64":
            large = content
        if name == chunks.data:
            end = yield from _samples(file, start, chunks, position, large)
            break
        position = chunks.behind(start, content, length)
    else:
        yield Part([(start, file.size)])  # libsndfile says what is wrong
        return file.size
    return (yield from _behind_samples(file, start, chunks, end))


def _samples(
    file: FileBytes, start: int, chunks: _Chunks, header: int, large: int | None
) -> Generator[Piece, None, int]:
    """Yield the part of a chunk of samples, and return the position behind it."""
    chunk = chunks.read(file, header)
    assert chunk is not None
    _, content, declared = chunk
    patches: dict[int, bytes] = {}
    if large is not None and declared == 0xFFFFFFFF:
        declared = int.from_bytes(file.at(large + 8, 8), "little")
    first = content + chunks.before_samples
    declared = max(0, declared - chunks.before_samples)
    present = max(0, file.size - first)
    if _is_unknown(declared, present) or (
        declared == 0 and present and not _only_chunks(file, start, chunks, first)
    ):
        # Two such files in a row: the second one's beginning is no sound.
        end = next_beginning(file, first, file.size)
        declared = end - first
    end = min(file.size, first + declared)
    if declared > present or not _fits(file, start, chunks, end):
        # The file was cut off, and another one was appended: that one's beginning is no sound.
        end = next_beginning(file, first, end)
    n = end - first + chunks.before_samples
    if chunks.name == "CAF":
        patches[content - 8] = struct.pack(">Q", n)
    elif chunks.name == "WAV":
        order = ">" if file.at(start, 4) == b"RIFX" else "<"
        if large is not None:
            patches[start] = b"RF64"
            patches[large] = struct.pack("<QQ", end - start - 8, n)
        else:
            patches[content - 4] = struct.pack(f"{order}I", min(n, 0xFFFFFFFF))
            patches[start + 4] = struct.pack(f"{order}I", min(end - start - 8, 0xFFFFFFFF))
    yield Part([(start, end)], patches=patches, bytes_present=end - first, bytes_declared=declared)
    return end


def _is_unknown(declared: int, present: int) -> bool:
    """Return whether a length stands for none: that of a pipe, or of a writer that was killed.

    It exceeds the file, and is within 64 KiB of 2 or 4 GiB, or a round number of megabytes.
    """
    if declared <= present:
        return False
    if declared >= UNKNOWN - 2**16:
        return True
    near = any(abs(declared - limit) <= 1 << 16 for limit in (1 << 31, 1 << 32))
    return near or (declared >= 10**9 and declared % 10**6 == 0)


def _only_chunks(file: FileBytes, start: int, chunks: _Chunks, position: int) -> bool:
    """Return whether from a position on there is nothing but chunks that hold no samples."""
    while (chunk := chunks.read(file, position)) is not None and chunk[0] in AFTER_SAMPLES:
        position = chunks.behind(start, *chunk[1:])
    return position >= file.size - 1


def _behind_samples(
    file: FileBytes, start: int, chunks: _Chunks, end: int
) -> Generator[Piece, None, int]:
    """Yield further samples; return the first position that is no chunk of this file."""
    position = end
    while chunks.behind(start, position, 0) < file.size:
        found = _next_chunk(file, start, chunks, position)
        if found is None:
            return position
        at, name, behind = found
        if name == chunks.data:
            what = f"a second chunk of samples, which no {chunks.name} file has"
            yield Skipped((at, min(behind, file.size)), what)
        position = behind
    return file.size


def _next_chunk(
    file: FileBytes, start: int, chunks: _Chunks, position: int
) -> tuple[int, bytes, int] | None:
    """Return a chunk's position, its name, and the position behind it; None where none begins.

    Some writers leave out the byte that pads a chunk.
    """
    for at in sorted({chunks.behind(start, position, 0), position}, reverse=True):
        chunk = chunks.read(file, at)
        if chunk is None or is_beginning(file, at) or not _is_name(chunk[0], chunks):
            continue
        name, content, length = chunk
        if content + length <= file.size or name[:4] in AFTER_SAMPLES or name == chunks.data:
            return at, name, content + length
    return None


def _fits(file: FileBytes, start: int, chunks: _Chunks, end: int) -> bool:
    """Return whether the samples may end at a position, by what follows."""
    return (
        chunks.behind(start, end, 0) >= file.size
        or _next_chunk(file, start, chunks, end) is not None
        or is_beginning(file, chunks.behind(start, end, 0))
        or is_beginning(file, end)
    )


def _is_name(name: bytes, chunks: _Chunks) -> bool:
    """Return whether this may be the name of a chunk within a file."""
    if chunks.length_includes_header:
        return name[4:] == W64_TAIL
    return name not in FILES and CHUNK_NAME.fullmatch(name) is not None


def au_parts(file: FileBytes, start: int) -> Generator[Piece, None, int]:
    """Yield the samples of an AU file, and return the position behind them."""
    order = ">" if file.at(start, 4) == b".snd" else "<"
    header = file.at(start + 4, 8)
    if len(header) < 8:
        yield Part([(start, file.size)])
        return file.size
    offset, declared = struct.unpack(f"{order}II", header)
    present = max(0, file.size - start - offset)
    if declared == 0xFFFFFFFF or _is_unknown(declared, present):
        declared = present
    end = min(file.size, start + offset + declared)
    if declared > present or (end < file.size and not is_beginning(file, end)):
        # Another file may have been appended to one that was cut off.
        end = next_beginning(file, start + offset, end)
    yield Part([(start, end)], bytes_present=end - start - offset, bytes_declared=declared)
    return end
