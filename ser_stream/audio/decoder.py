"""Decoding of one part of a sound file by libsndfile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import soundfile

from ser_stream.audio.containers.part import FileBytes, Part, PartFile
from ser_stream.audio.native_stderr import NativeStderrFilter

UNKNOWN_LENGTH = 2**58
"""libsndfile reports at least this many samples where a file does not give its length."""

MPG123 = ("Note: ", "Warning: ", "[src/libmpg123", "\n")
"""How the lines begin that the decoder of MP3 prints on standard error."""


HARMLESS = ("Warning: ", "\n")
"""Such lines are about lengths that differ from announced ones."""


class UndecodableError(Exception):
    """libsndfile does not decode a part; the message is a phrase that says why."""


class PartDecoder:
    """Decodes a part from its beginning; a context manager.

    Attributes:
        sample_rate_hz, channels: format of the part.
        length: number of samples decoded so far.
        failure: why decoding ended early, as a phrase; "" where it did not.
        damaged: whether the decoder reported damage within the sound.

    Raises:
        UndecodableError: it is not audio, or in a format that libsndfile does not know.
    """

    def __init__(self, file: FileBytes, part: Part) -> None:
        self.length = 0
        self.failure = ""
        self.damaged = False
        self._part = part
        self._bytes = PartFile(file, part)
        self._stderr = NativeStderrFilter(_is_of_mpg123) if part.mpeg else None
        try:
            self._file: soundfile.SoundFile = self._open()
        except UndecodableError:
            self._close_messages()
            raise
        self.sample_rate_hz: int = self._file.samplerate
        self.channels: int = self._file.channels

    def __enter__(self) -> PartDecoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._close_messages()

    def blocks(self, block_length: int) -> Iterator[np.ndarray]:
        """Yield samples (n, channels) float32, where n is at most `block_length`."""
        while True:
            n = block_length
            if self._part.samples is not None:  # behind them, there may be tags
                n = min(n, self._part.samples - self.length)
            try:
                samples = self._read(n) if n > 0 else np.zeros((0, self.channels), np.float32)
            except soundfile.LibsndfileError as error:
                self.failure = _reason(error)
                return
            finally:
                if self._bytes.error is not None:
                    self.failure = str(self._bytes.error.strerror)
            if len(samples) == 0:
                return
            self.length += len(samples)
            yield samples

    @property
    def whole_length(self) -> float:
        """Number of samples of the undamaged part, see `Part.whole_length`.

        Where the part does not say so, libsndfile may know.
        """
        whole_length = self._part.whole_length(self.length, self.sample_rate_hz)
        if self._part.is_whole_file and self.length < self._file.frames < UNKNOWN_LENGTH:
            return self._file.frames
        return whole_length

    @property
    def unread_bytes(self) -> int:
        """Number of bytes behind the end of the sound, but for some that were read ahead."""
        return self._bytes.unread if self._part.samples == self.length else 0

    def _open(self) -> soundfile.SoundFile:
        try:
            with self._messages():
                return _ForwardFile(self._bytes)
        except soundfile.LibsndfileError as error:
            reason = self._bytes.error.strerror if self._bytes.error else _reason(error)
            raise UndecodableError(reason) from error

    def _read(self, n: int) -> np.ndarray:
        with self._messages() as messages:
            samples = self._file.read(n, dtype="float32", always_2d=True)
        self.damaged |= any(not line.startswith(HARMLESS) for line in messages)
        return samples

    def _close_messages(self) -> None:
        if self._stderr is not None:
            self._stderr.close()

    def _messages(self) -> contextlib.AbstractContextManager[list[str]]:
        """Take the messages of mpg123 off standard error, where it may be what decodes."""
        return contextlib.nullcontext([]) if self._stderr is None else self._stderr.taken()


class _ForwardFile(soundfile.SoundFile):
    """A sound file that is read once, front to back.

    soundfile seeks after every read of a seekable file. In a FLAC file without a length, as it is
    written to a pipe, that fails near the end; in an MP3 file it loses what frames share. So
    seeking is denied.
    """

    def seekable(self) -> bool:
        return False


def _is_of_mpg123(line: str) -> bool:
    return line.startswith(MPG123)


def _reason(error: soundfile.LibsndfileError) -> str:
    return error.error_string.removeprefix("Error : ").rstrip(".")
