"""Parts of a sound file, and a file object through which libsndfile reads one."""

from __future__ import annotations

import bisect
import errno
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import FileIO

from ser_stream.units import Seconds

Span = tuple[int, int]
"""Positions of bytes in a file: the first, and the one behind the last."""

CUT_OFF = "the file is cut off"

TOLERANCE_S: Seconds = 0.1
"""Difference that is no loss between a length that is only nearly known and the decoded one."""


@dataclass(frozen=True)
class Part:
    """Bytes of a file that are decoded as a sound file of their own.

    Attributes:
        spans: the bytes, in order.
        prefix: bytes that are read before them.
        patches: position in the file -> bytes that are read there instead.
        samples: exact number of samples that the part gives as its length; reading ends there.
        length_s: length as far as it is known otherwise.
        bytes_present, bytes_declared: number of bytes of the samples in an uncompressed format.
        ends: False where the part is cut off, at a place that gives no length.
        damage: what is missing or damaged within the part, as a phrase; "" for nothing.
        is_whole_file: whether the part is a file in a format that is not known here.
        mpeg: whether the part is MPEG audio, whose decoder reports damage on standard error.
    """

    spans: Sequence[Span]
    prefix: bytes = b""
    patches: Mapping[int, bytes] = field(default_factory=dict)
    samples: int | None = None
    length_s: Seconds | None = None
    bytes_present: int = 0
    bytes_declared: int = 0
    ends: bool = True
    damage: str = ""
    is_whole_file: bool = False
    mpeg: bool = False

    @property
    def n_bytes(self) -> int:
        """Number of bytes."""
        return sum(stop - start for start, stop in self.spans)

    def whole_length(self, length: int, rate_hz: int) -> float:
        """Return the number of samples that the undamaged part has.

        Infinite where that is unknown, and more than those that were read.

        Args:
            length: number of samples that were read.
            rate_hz: their sample rate.
        """
        if not self.ends:
            return float("inf")
        if self.bytes_declared > self.bytes_present > 0:
            # Whole samples: an odd byte at the end is no cut.
            return length * self.bytes_declared // self.bytes_present
        if self.samples is not None:
            return self.samples
        if self.length_s is None:
            return length
        whole_length = round(self.length_s * rate_hz)
        tolerance = 0 if self.damage else TOLERANCE_S * rate_hz
        return max(length, whole_length) if whole_length > length + tolerance else length


@dataclass(frozen=True)
class Skipped:
    """Bytes of a file that are not decoded.

    Attributes:
        span: the bytes.
        what: what they are, as a phrase.
    """

    span: Span
    what: str

    @property
    def n_bytes(self) -> int:
        """Number of bytes."""
        return self.span[1] - self.span[0]


Piece = Part | Skipped


class FileBytes:
    """The bytes of an open file, by position, with a buffer for reading on from there."""

    BUFFER = 1 << 17

    def __init__(self, raw: FileIO) -> None:
        self.raw = raw
        self.size = raw.seek(0, os.SEEK_END)
        self._start = 0
        self._block = b""

    def at(self, start: int, n: int) -> bytes:
        """Return `n` bytes from a position on, or those up to the end of the file."""
        if start >= self.size:
            return b""
        offset = start - self._start
        if offset < 0 or offset + n > len(self._block):
            self.raw.seek(start)
            self._start, self._block = start, self.raw.read(max(n, self.BUFFER))
            offset = 0
        return self._block[offset : offset + n]

    def find(self, pattern: bytes, start: int) -> int:
        """Return the first position of a pattern at `start` or later, or -1."""
        while len(block := self.at(start, self.BUFFER)) >= len(pattern):
            offset = block.find(pattern)
            if offset >= 0:
                return start + offset
            start += len(block) - len(pattern) + 1
        return -1


class PartFile:
    """The bytes of a part as a file object that libsndfile reads.

    An error of reading ends the part, and is kept in `error`: in a callback of libsndfile it would
    be printed and lost.
    """

    def __init__(self, file: FileBytes, part: Part) -> None:
        self.error: OSError | None = None
        self._raw = file.raw
        self._part = part
        self._size = len(part.prefix) + part.n_bytes
        self._position = self._furthest = 0
        lengths = (stop - start for start, stop in part.spans)
        # Position in the part of each span's first byte, and of the end.
        self._firsts = list(itertools.accumulate(lengths, initial=len(part.prefix)))

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        try:
            count = self._read(buffer)
        except OSError as error:
            self.error = error
            return 0
        self._position += count
        self._furthest = max(self._furthest, self._position)
        return count

    @property
    def unread(self) -> int:
        """Number of bytes at the end that have never been read."""
        return self._size - self._furthest

    def _read(self, buffer: memoryview) -> int:
        """Fill the buffer from the current position on; return the number of bytes."""
        view = memoryview(buffer)
        prefix = self._part.prefix[self._position : self._position + len(view)]
        n = len(prefix)
        view[:n] = prefix
        number = max(0, bisect.bisect_right(self._firsts, self._position + n) - 1)
        while n < len(view) and number < len(self._part.spans):
            start, stop = self._part.spans[number]
            offset = self._position + n - self._firsts[number]
            wanted = min(len(view) - n, stop - start - offset)
            number += 1
            if wanted <= 0:
                continue
            self._raw.seek(start + offset)
            count = self._raw.readinto(view[n : n + wanted])
            self._patch(view[n : n + count], start + offset)
            n += count
            if count < wanted:
                self.error = OSError(errno.EIO, "the file has become shorter")
                break
        return n

    def _patch(self, view: memoryview, start: int) -> None:
        """Apply the patches to bytes that begin at position `start` of the file."""
        for place, patch in self._part.patches.items():
            for offset, value in enumerate(patch, place - start):
                if 0 <= offset < len(view):
                    view[offset] = value
