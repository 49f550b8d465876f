"""A sound file as an audio source, read on demand or in real time."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import numpy as np

from ser_stream.audio.block import AudioBlock, check_format
from ser_stream.audio.containers.find import find_parts
from ser_stream.audio.containers.flac import rest_of_part
from ser_stream.audio.containers.part import FileBytes, Part
from ser_stream.audio.decoder import PartDecoder, UndecodableError
from ser_stream.audio.losses import Losses
from ser_stream.errors import InputError
from ser_stream.file_checks import placeholder_advice
from ser_stream.text import valid_text
from ser_stream.units import Seconds

FORMATS = "WAV, FLAC, Ogg Vorbis, Ogg Opus and MP3"


class Recording:
    """An `AudioSource` that reads a sound file block by block, in constant memory.

    The whole file is read: all links of a chained Ogg file, and files that were appended to one
    another, with sample rates and channels of their own. What cannot be read is left out, the sound
    on both sides of it is joined, and at the end an InputError says what was skipped: the rest of a
    file that was cut off (full disk, interrupted download), damaged parts, and bytes that are no
    sound. Damage of a FLAC file also takes the last `block_s` before it. Damage within the samples
    of an uncompressed file does not show.

    `time_s` is exact, counted from the first sample that was read.

    Args:
        path: a file that libsndfile reads: WAV, FLAC, Ogg Vorbis, Ogg Opus, MP3 and others.
        realtime: deliver each block when a microphone would have captured its last sample.
        block_s: length of a block; the last may be shorter.

    Attributes:
        sample_rate_hz, channels: format of the first sound in the file.

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
        self.sample_rate_hz, self.channels = self._first_format()

    def blocks(self) -> Iterator[AudioBlock]:
        """Yield all blocks from the beginning.

        Raises:
            InputError: after the last block, where some of the file could not be read.
        """
        losses = Losses()
        started = time.monotonic()
        for samples, rate_hz, time_s in self._samples(losses):
            captured_at = time.monotonic()
            if self.live:
                # Due times count from the start of the file, not from the block before: so
                # errors do not add up, and a slow reader sees how far it is behind.
                due_in, captured_at = started + time_s - captured_at, started + time_s
                if due_in > 0 and self._closed.wait(due_in):
                    return
            yield AudioBlock(samples, rate_hz, time_s, captured_at)
        if losses and not self._closed.is_set():
            raise InputError(f"{self.name}: {losses}")

    def close(self) -> None:
        """End `blocks()` at once, from any thread."""
        self._closed.set()

    def _first_format(self) -> tuple[int, int]:
        """Return the sample rate and the number of channels of the first sound.

        Raises:
            InputError: there is none, for the reason that holds for the first part.
        """
        error: InputError | None = None
        reason = ""
        with _open_bytes(self._path, self.name) as file:
            for part in find_parts(file):
                if not isinstance(part, Part):
                    reason = reason or part.what
                    continue
                try:
                    with self._decoder(file, part) as decoder:
                        if any(len(samples) for samples in decoder.blocks(1)):
                            return decoder.sample_rate_hz, decoder.channels
                        if decoder.failure:
                            raise UndecodableError(decoder.failure)
                    raise InputError(f"{self.name}: holds no samples, only a header")
                except UndecodableError as failure:
                    error = error or self._not_audio(str(failure))
                except InputError as failure:
                    error = error or failure
        if advice := placeholder_advice(self._path):
            raise InputError(f"{self.name}: {advice}")
        raise error or self._not_audio(reason)

    def _samples(self, losses: Losses) -> Iterator[tuple[np.ndarray, int, Seconds]]:
        """Yield samples, their rate, and the time at their end; note what is skipped."""
        time_s = 0.0
        with _open_bytes(self._path, self.name) as file:
            for part in find_parts(file):
                if isinstance(part, Part):
                    decoded = self._decoded(file, part, time_s, losses)
                    for samples, rate_hz, time_s in decoded:
                        yield samples, rate_hz, time_s
                else:
                    losses.add_bytes(part, time_s)
                if self._closed.is_set():
                    return

    def _decoded(
        self, file: FileBytes, part: Part, start_s: Seconds, losses: Losses
    ) -> Iterator[tuple[np.ndarray, int, Seconds]]:
        """Yield the samples of a part that begins at `start_s`, as `_samples` does."""
        rest: Part | None = part
        time_s = start_s
        while rest is not None:
            part, rest, start_s = rest, None, time_s
            try:
                with self._decoder(file, part) as decoder:
                    rate_hz = decoder.sample_rate_hz
                    for samples in decoder.blocks(max(1, round(self._block_s * rate_hz))):
                        if self._closed.is_set():
                            return
                        time_s = start_s + decoder.length / rate_hz
                        yield samples, rate_hz, time_s
                found = rest_of_part(file, part, decoder.length) if decoder.failure else None
                if found is None:
                    losses.add_part(part, start_s, time_s, decoder)
                else:
                    rest, n_lost = found
                    losses.add_gap(n_lost / rate_hz, time_s, decoder.failure)
            except (UndecodableError, InputError) as error:
                losses.add_undecoded(part, time_s, str(error).removeprefix(f"{self.name}: "))

    @contextlib.contextmanager
    def _decoder(self, file: FileBytes, part: Part) -> Iterator[PartDecoder]:
        """Open a part.

        Raises:
            UndecodableError: it is not audio that libsndfile decodes.
            InputError: its format is not accepted.
        """
        with PartDecoder(file, part) as decoder:
            check_format(decoder.sample_rate_hz, decoder.channels, where=self.name)
            yield decoder

    def _not_audio(self, reason: str) -> InputError:
        return InputError(
            f"{self.name}: not audio that can be read ({reason}); accepted are {FORMATS}"
        )


@contextlib.contextmanager
def _open_bytes(path: str | Path, name: str) -> Iterator[FileBytes]:
    """Open a file that has content.

    Raises:
        InputError: it has none, or it cannot be read. Clearer than libsndfile's messages.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{name}: is a directory, not a sound file")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            raise InputError(f"{name}: is not a regular file")
        if status.st_size == 0:
            raise InputError(f"{name}: is empty (0 bytes)")
        with FileIO(path) as raw:
            yield FileBytes(raw)
    except OSError as error:
        raise InputError(f"{name}: {placeholder_advice(path) or error.strerror}") from error
