"""A sound file as an audio source, read on demand or in real time."""

from __future__ import annotations

import os
import re
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import soundfile

from ser_stream.audio.block import AudioBlock, check_format
from ser_stream.errors import InputError
from ser_stream.text import valid_text
from ser_stream.units import Seconds

FORMATS = "WAV, FLAC, Ogg Vorbis, Ogg Opus and MP3"

UNKNOWN_WAV_LENGTHS = (0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Data lengths in a WAV header whose writer never knew the length (a pipe) or was killed."""

UNKNOWN_LENGTH = 2**62
"""libsndfile reports at least this many samples where a file does not give its length."""

MP3_FRAME_COUNT = re.compile(rb"(?:Xing|Info)\0\0\0[\x01-\x0f]")
"""The tag in an MP3 file's first frame that gives the number of frames."""


class Recording:
    """An `AudioSource` that reads a sound file block by block, in constant memory.

    `time_s` is exact, counted from the file's first sample. From a file that was cut off (full
    disk, interrupted download) all complete samples are read before an InputError says where it
    ends. This is detected in WAV, FLAC and Ogg files, and in MP3 files that give their length.
    Where it shows as a decoding error (FLAC), the last `block_s` before the error is lost.

    Args:
        path: a file that libsndfile reads: WAV, FLAC, Ogg Vorbis, Ogg Opus, MP3 and others.
        realtime: deliver each block when a microphone would have captured its last sample.
        block_s: length of a block; the last may be shorter.

    Raises:
        InputError: the file is missing, not a regular file, unreadable, empty, not audio, without
            samples, or of a sample rate or channel count that is not accepted.
    """

    settle_s: Seconds = 0.0
    waits = False
    connected = True
    last_error = ""

    def __init__(self, path: str | Path, realtime: bool = False, block_s: Seconds = 0.032) -> None:
        self.live = realtime
        self.name = valid_text(str(path))
        self._path = path
        self._block_s = block_s
        self._closed = threading.Event()
        with self._open() as (_, file):
            self.sample_rate_hz: int = file.samplerate
            self.channels: int = file.channels
            check_format(self.sample_rate_hz, self.channels, where=self.name)
            try:
                first = file.read(1)
            except soundfile.LibsndfileError as error:
                raise self._not_audio(error) from error
            if len(first) == 0:
                raise InputError(f"{self.name}: holds no samples, only a header")

    def blocks(self) -> Iterator[AudioBlock]:
        """Yield all blocks from the beginning.

        Raises:
            InputError: after the last complete block, where the file is cut off or damaged.
        """
        block_length = max(1, round(self._block_s * self.sample_rate_hz))
        length = 0
        started = time.monotonic()
        with self._open() as (raw, file):
            while not self._closed.is_set():
                try:
                    samples = file.read(block_length, dtype="float32", always_2d=True)
                except soundfile.LibsndfileError as error:
                    raise self._broken(length, file.frames, _reason(error)) from error
                if len(samples) == 0:
                    whole_length = _whole_length(raw, file, length)
                    if length < whole_length:
                        raise self._broken(length, whole_length, "the file is cut off")
                    return
                length += len(samples)
                time_s = length / self.sample_rate_hz
                captured_at = time.monotonic()
                if self.live:
                    # Due times count from the start of the file, not from the block before: so
                    # errors do not add up, and a slow reader sees how far it is behind.
                    due_in, captured_at = started + time_s - captured_at, started + time_s
                    if due_in > 0 and self._closed.wait(due_in):
                        return
                yield AudioBlock(samples, self.sample_rate_hz, time_s, captured_at)

    def close(self) -> None:
        """End `blocks()` at once, from any thread."""
        self._closed.set()

    @contextmanager
    def _open(self) -> Iterator[tuple[BufferedReader, soundfile.SoundFile]]:
        """Open the file twice: as bytes and as samples."""
        with _open_bytes(self._path, self.name) as raw:
            source: _OpenEndedWav | bytes = os.fsencode(self._path)
            if _wav_data(raw)[1] == 0:
                source = _OpenEndedWav(raw)
            try:
                file = _ForwardFile(source)
            except soundfile.LibsndfileError as error:
                raise self._not_audio(error) from error
            with file:
                yield raw, file

    def _not_audio(self, error: soundfile.LibsndfileError) -> InputError:
        return InputError(
            f"{self.name}: not audio that can be read ({_reason(error)}); accepted are {FORMATS}"
        )

    def _broken(self, length: int, whole_length: float, reason: str) -> InputError:
        end_s, whole_s = length / self.sample_rate_hz, whole_length / self.sample_rate_hz
        of_whole = f" of {whole_s:.2f} s" if whole_length < UNKNOWN_LENGTH else ""
        return InputError(f"{self.name}: breaks off after {end_s:.2f} s{of_whole} ({reason})")


class _ForwardFile(soundfile.SoundFile):
    """A sound file that is read once, front to back.

    soundfile seeks after every read of a seekable file. In a FLAC file without a length, as it is
    written to a pipe, that fails near the end; so seeking is denied.
    """

    def seekable(self) -> bool:
        return False


class _OpenEndedWav:
    """A WAV file that gives 0 as the length of its data, shown to libsndfile with 0xFFFFFFFF.

    libsndfile reads no data for a length of 0, and all that is there for 0xFFFFFFFF.
    """

    def __init__(self, raw: BufferedReader) -> None:
        self._raw = raw
        self._length_at = _wav_data(raw)[0] - 4
        self.seek, self.tell = raw.seek, raw.tell
        raw.seek(0)

    def readinto(self, buffer: memoryview) -> int:
        start = self._raw.tell()
        count = self._raw.readinto(buffer)
        for place in range(self._length_at - start, self._length_at - start + 4):
            if 0 <= place < count:
                buffer[place : place + 1] = b"\xff"
        return count


def _open_bytes(path: str | Path, name: str) -> BufferedReader:
    """Open a file that has content. Raises InputError, clearer than libsndfile's messages."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{name}: is a directory, not a sound file")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            raise InputError(f"{name}: is not a regular file")
        if status.st_size == 0:
            raise InputError(f"{name}: is empty (0 bytes)")
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from error


def _reason(error: soundfile.LibsndfileError) -> str:
    return error.error_string.removeprefix("Error : ").rstrip(".")


def _whole_length(raw: BufferedReader, file: soundfile.SoundFile, length: int) -> float:
    """Return the number of samples of the whole file; `length` samples could be read.

    Infinite where the file is cut off and gives no length; `length` where nothing is missing.
    """
    size = raw.seek(0, os.SEEK_END)
    if file.format in ("WAV", "WAVEX"):  # libsndfile reports what is there, not what should be
        start, declared = _wav_data(raw)
        if declared is None or declared in UNKNOWN_WAV_LENGTHS or declared <= size - start:
            return length
        return length * declared // (size - start)  # whole samples: an odd byte is no cut
    if file.format == "OGG":
        return length if _ogg_is_whole(raw, size) else float("inf")
    if file.format == "MP3":
        # Without a frame count, libsndfile's length is a guess; with one, it is off by some frames.
        tolerance = 0.1 * file.samplerate
        known = _mp3_has_frame_count(raw) and length < file.frames - tolerance
        return file.frames if known else length
    return length if file.frames >= UNKNOWN_LENGTH else file.frames


def _wav_data(raw: BufferedReader) -> tuple[int, int | None]:
    """Return the first byte of a WAV file's samples and their declared number of bytes.

    (0, None) for a file that is not RIFF WAVE or has no data chunk.
    """
    raw.seek(0)
    riff = raw.read(12)
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        return 0, None
    while len(header := raw.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            return raw.tell(), size
        raw.seek(size + size % 2, os.SEEK_CUR)
    return 0, None


def _ogg_is_whole(raw: BufferedReader, size: int) -> bool:
    """Return whether the last page is complete and marked as the last (RFC 3533, section 6)."""
    raw.seek(max(0, size - 65_536))  # a page has 65,307 bytes at most
    tail = raw.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    flags, segments = tail[page + 5], tail[page + 26]
    lengths = tail[page + 27 : page + 27 + segments]
    return bool(flags & 4) and len(tail) >= page + 27 + segments + sum(lengths)


def _mp3_has_frame_count(raw: BufferedReader) -> bool:
    """Return whether the file gives its number of frames; cover art may lie in front of that."""
    raw.seek(0)
    return MP3_FRAME_COUNT.search(raw.read(2**20)) is not None
