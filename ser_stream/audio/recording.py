"""A sound file as an audio source: at the speed of the reader, or in real time."""

from __future__ import annotations

import os
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import soundfile

from ser_stream.audio.block import AudioBlock, validate
from ser_stream.errors import InputError
from ser_stream.units import Seconds

FORMATS = "WAV, FLAC, Ogg Vorbis, Ogg Opus and MP3"

NO_WAV_LENGTH = (0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What stands for the length of the data where the writer never knew it (pipes; killed)."""

UNKNOWN_LENGTH = 2**62
"""From here on, what libsndfile gives as a length means that the file does not say."""


class Recording:
    """Reads a sound file block by block, in constant memory. An `AudioSource`.

    `time_s` is exact, counted from the file's first sample. A file that was cut off (full disk,
    broken download) gives what it holds, then raises an InputError that says where it ends. That
    is seen in WAV, FLAC and Ogg files, and in MP3 files which say how long they are; where it
    shows as a decoding error (FLAC), the last `block_s` before it is lost.

    Args:
        path: a file that libsndfile reads: WAV, FLAC, Ogg Vorbis, Ogg Opus, MP3 and others.
        realtime: give each block when its last sample would have come from a microphone.
        block_s: length of a block; the last may be shorter.

    Raises:
        InputError: the file is missing, is no file, cannot be read, is empty, is not audio, holds
            no samples, or has a sample rate or channel count that is not accepted.
    """

    settle_s: Seconds = 0.0
    waits = False
    connected = True
    last_error = ""

    def __init__(self, path: str | Path, realtime: bool = False, block_s: Seconds = 0.032) -> None:
        self.live = realtime
        self.name = str(path)
        self._block_s = block_s
        self._closed = threading.Event()
        with self._open() as (_, file):
            self.sample_rate_hz: int = file.samplerate
            self.channels: int = file.channels
            validate(self.sample_rate_hz, self.channels, where=self.name)
            try:
                first = file.read(1)
            except soundfile.LibsndfileError as error:
                raise self._not_audio(error) from error
            if len(first) == 0:
                raise InputError(f"{self.name}: holds no samples, only a header")

    def blocks(self) -> Iterator[AudioBlock]:
        """All blocks, from the beginning.

        Raises InputError at the place where the file turns out to be cut off or damaged.
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
                    # By schedule, not block by block: errors do not add up, and the lag of a slow
                    # reader shows.
                    due_in, captured_at = started + time_s - captured_at, started + time_s
                    if due_in > 0 and self._closed.wait(due_in):
                        return
                yield AudioBlock(samples, self.sample_rate_hz, time_s, captured_at)

    def close(self) -> None:
        """End `blocks()` at once, from any thread."""
        self._closed.set()

    @contextmanager
    def _open(self) -> Iterator[tuple[BinaryIO, soundfile.SoundFile]]:
        """The file as bytes, and as samples."""
        with _open_bytes(self.name) as raw:
            source = _OpenEndedWav(raw) if _wav_data(raw)[1] == 0 else self.name
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

    Believing it seekable, soundfile seeks after every read; a FLAC file that does not say how long
    it is (written to a pipe) cannot, and would lose its end.
    """

    def seekable(self) -> bool:
        return False


class _OpenEndedWav:
    """A WAV file whose writer did not come to fill in the length of the data, and left 0.

    libsndfile takes 0 for no data, but 0xFFFFFFFF for all there is: so this shows it.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._length_at = _wav_data(raw)[0] - 4
        self.seek, self.tell = raw.seek, raw.tell
        raw.seek(0)

    def readinto(self, buffer) -> int:
        start = self._raw.tell()
        count = self._raw.readinto(buffer)
        for place in range(self._length_at - start, self._length_at - start + 4):
            if 0 <= place < count:
                buffer[place : place + 1] = b"\xff"
        return count


def _open_bytes(name: str) -> BinaryIO:
    """Raises InputError, clearer than libsndfile's errors, unless there is a file with content."""
    try:
        status = os.stat(name)
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{name}: is a directory, not a sound file")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            raise InputError(f"{name}: is not a regular file")
        if status.st_size == 0:
            raise InputError(f"{name}: is empty (0 bytes)")
        return open(name, "rb")
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from error


def _reason(error: soundfile.LibsndfileError) -> str:
    return error.error_string.removeprefix("Error : ").rstrip(".")


def _whole_length(raw: BinaryIO, file: soundfile.SoundFile, length: int) -> float:
    """Samples that the whole file would have, of which `length` could be read.

    Infinite where the file is cut off and does not say; `length` where nothing is missing.
    """
    size = raw.seek(0, os.SEEK_END)
    if file.format in ("WAV", "WAVEX", "RF64"):
        # libsndfile silently takes what is there.
        start, declared = _wav_data(raw)
        if declared in NO_WAV_LENGTH or declared <= size - start:
            return length
        return length * declared // (size - start)  # whole samples: an odd byte is no cut
    if file.format == "OGG":
        return length if _ogg_is_whole(raw, size) else float("inf")
    if file.format == "MP3":
        # Without a header for it, the length is a guess. With one it may be some frames off.
        tolerance = 0.1 * file.samplerate
        known = _mp3_says_length(raw) and length < file.frames - tolerance
        return file.frames if known else length
    return length if file.frames >= UNKNOWN_LENGTH else file.frames


def _wav_data(raw: BinaryIO) -> tuple[int, int]:
    """(first byte, declared number of bytes) of a WAV file's samples; (0, -1) if there are none."""
    raw.seek(0)
    riff, _, wave = struct.unpack("4s4s4s", raw.read(12).ljust(12))
    order = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">"}.get(riff)
    if order is None or wave != b"WAVE":
        return 0, -1
    size_64 = None
    while len(header := raw.read(8)) == 8:
        name, size = struct.unpack(order + "4sI", header)
        if name == b"data":
            return raw.tell(), size if size_64 is None else size_64
        body = raw.tell()
        if name == b"ds64":  # RF64: sizes that do not fit into 32 bits
            _, size_64 = struct.unpack("<QQ", raw.read(16).ljust(16))
        raw.seek(body + size + size % 2)
    return 0, -1


def _ogg_is_whole(raw: BinaryIO, size: int) -> bool:
    """Whether the last page is complete and marked as the last (RFC 3533, section 6)."""
    raw.seek(max(0, size - 65_536))  # a page has 65,307 bytes at most
    tail = raw.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    flags, segments = tail[page + 5], tail[page + 26]
    lengths = tail[page + 27 : page + 27 + segments]
    return bool(flags & 4) and len(tail) >= page + 27 + segments + sum(lengths)


def _mp3_says_length(raw: BinaryIO) -> bool:
    """Whether the first frame is a Xing, Info or VBRI header, which counts the frames."""
    raw.seek(0)
    tag = raw.read(10)
    if tag.startswith(b"ID3") and len(tag) == 10:  # an ID3v2 tag; its size has 7 bits per byte
        raw.seek(
            10 + sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
        )
    else:
        raw.seek(0)
    head = raw.read(4096)
    return any(name in head for name in (b"Xing", b"Info", b"VBRI"))
