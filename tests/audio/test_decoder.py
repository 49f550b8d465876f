"""Decoding of a part whose bytes cannot all be read."""

from __future__ import annotations

import errno
import os
from io import FileIO

import pytest

from ser_stream.audio.containers.find import find_parts
from ser_stream.audio.containers.part import FileBytes, Part
from ser_stream.audio.decoder import PartDecoder
from ser_stream.audio.recording import Recording
from ser_stream.errors import InputError
from sound_files import encoded, noise


class FailingDisk(FileIO):
    """A file whose second half cannot be read. A real disk's error cannot be had in a test."""

    def readinto(self, buffer):
        if self.tell() > self.seek_end() // 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(buffer)

    def seek_end(self):
        return os.fstat(self.fileno()).st_size


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_an_error_of_the_disk_ends_the_sound_and_is_said(tmp_path, capfd, ending):
    path = tmp_path / f"sound.{ending}"
    path.write_bytes(encoded(noise(30), 16_000, ending))
    with FailingDisk(path) as raw:
        file = FileBytes(raw)
        part = Part([(0, file.size)]) if ending == "flac" else next(iter(find_parts(file)))
        with PartDecoder(file, part) as decoder:
            length = sum(map(len, decoder.blocks(512)))
    assert 0 < length < 30 * 16_000
    assert decoder.failure == "Input/output error"
    assert capfd.readouterr().err == ""


def test_a_file_that_becomes_shorter_while_it_is_read_is_cut_off(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(encoded(noise(30), 16_000, "wav"))
    recording, read_s = Recording(path), 0.0
    with pytest.raises(InputError, match=r"breaks off after .* s \(the file has become shorter\)"):
        for block in recording.blocks():
            read_s = block.time_s
            if read_s > 5.0:
                os.truncate(path, 320_000)
    assert 5.0 < read_s <= 10.0
