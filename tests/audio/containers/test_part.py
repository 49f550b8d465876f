"""A part as a file object: any read at any position gives the bytes of its spans."""

from __future__ import annotations

import io
import os
from io import FileIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_stream.audio.containers.part import FileBytes, Part, PartFile

CONTENT = bytes(range(256)) * 20
SPANS = [(3, 10), (10, 10), (40, 1_000), (1_001, 1_002), (4_000, 5_120)]
PREFIX = b"prefix"
WHOLE = bytearray(PREFIX + b"".join(CONTENT[start:stop] for start, stop in SPANS))
WHOLE[len(PREFIX) + 7 + 60 : len(PREFIX) + 7 + 64] = b"new!"


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    path = tmp_path_factory.mktemp("part") / "file"
    path.write_bytes(CONTENT)
    with FileIO(path) as raw:
        yield PartFile(FileBytes(raw), Part(SPANS, PREFIX, patches={100: b"new!"}))


@given(position=st.integers(0, 2_200), n=st.integers(0, 2_500))
def test_any_read_gives_the_bytes_of_the_spans(part, position, n):
    buffer = bytearray(n)
    assert part.seek(position) == position
    count = part.readinto(memoryview(buffer))
    expected = bytes(WHOLE[position : position + n])
    assert (count, bytes(buffer[:count])) == (len(expected), expected)
    assert part.tell() == position + count


def test_the_end_is_that_of_the_last_span(part):
    assert part.seek(0, os.SEEK_END) == len(WHOLE)
    assert part.seek(-3, os.SEEK_CUR) == len(WHOLE) - 3
    assert part.seek(-(10**6), os.SEEK_CUR) == 0


def test_bytes_of_a_file_are_found_across_its_buffers(tmp_path):
    class SmallBuffer(FileBytes):
        BUFFER = 16

    raw = io.BytesIO(CONTENT)
    file = SmallBuffer(raw)
    assert file.find(bytes([14, 15, 16, 17, 18]), 0) == 14
    assert file.find(bytes([14, 15, 16, 17, 18]), 15) == 256 + 14
    assert file.find(b"none", 0) == -1
    assert file.at(5_119, 8) == b"\xff"
    assert file.at(9_999, 8) == b""
