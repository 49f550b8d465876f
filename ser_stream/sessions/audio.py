"""The sound of a session: what the recogniser hears of a source, as a FLAC file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ser_stream.audio.block import AudioBlock, AudioSource, Channel
from ser_stream.audio.conditioner import Conditioner
from ser_stream.audio.timeline import Timeline
from ser_stream.errors import InputError
from ser_stream.sessions.folder import new_file
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

ANCHOR_EVERY_S: Seconds = 10.0
"""How often the time of a sample is noted: the clocks of sound card and computer drift apart."""


class RecordedSource:
    """An `AudioSource` whose blocks are passed to somebody else too.

    Args:
        source: an `AudioSource`; all its attributes are this one's.
        on_block: called with each block, and with None at an interruption, before it is analysed.
        muted: whether nothing may be passed to `on_block`; None stands for each block then.
    """

    def __init__(
        self,
        source: AudioSource,
        on_block: Callable[[AudioSource, AudioBlock | None], None],
        muted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source = source
        self._on_block = on_block
        self._muted = muted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Yield the blocks of the source."""
        for block in self._source.blocks():
            self._on_block(self._source, None if self._muted() else block)
            yield block


class AudioWriter:
    """Writes one source's sound as the recogniser hears it: 16 kHz, mono, filtered, 16 bits.

    Gaps are filled with silence.

    Args:
        channel: the channel that is used, see `Conditioner`.
        settle_s: the source's, see `AudioSource`.

    Raises:
        OSError: the file cannot be created.
    """

    def __init__(self, path: Path, channel: Channel, settle_s: Seconds) -> None:
        self._bytes = _NotingErrors(new_file(path))
        self._file = soundfile.SoundFile(
            self._bytes, "w", SAMPLE_RATE_HZ, 1, "PCM_16", format="FLAC"
        )
        self._conditioner = Conditioner(channel)
        self._timeline = Timeline(settle_s=settle_s)
        self._written = 0  # samples
        self._next_anchor = 0

    def write(self, block: AudioBlock | None) -> tuple[int, Seconds] | None:
        """Write a block, or note an interruption.

        Returns:
            A sample and its time on the stream's clock, every `ANCHOR_EVERY_S`; else None.

        Raises:
            OSError: the disk is full, or the file cannot be written for another reason.
        """
        if block is None:
            self._timeline.break_off()
            return None
        try:
            samples = self._conditioner(block)
        except InputError:  # the recogniser leaves the block out too, and says so
            return None
        if not len(samples):
            return None
        gap_s = self._timeline.gap_s
        self._timeline.push(samples, block.time_s - self._conditioner.delay_s)
        missing = round((self._timeline.gap_s - gap_s) * SAMPLE_RATE_HZ)
        self._write_silence(missing)
        self._write(samples)
        if not missing and self._written < self._next_anchor:
            return None
        self._next_anchor = self._written + round(ANCHOR_EVERY_S * SAMPLE_RATE_HZ)
        return self._written, self._timeline.time_at(self._timeline.position)

    def close(self) -> None:
        """Write what is left and close the file.

        Raises:
            OSError: it cannot be written.
        """
        try:
            self._file.write(self._conditioner.flush())
            self._file.close()
        finally:
            self._bytes.close()
        self._bytes.check()

    def _write_silence(self, n: int) -> None:
        while n > 0:
            part = min(n, SAMPLE_RATE_HZ)
            self._write(np.zeros(part, np.float32))
            n -= part

    def _write(self, samples: np.ndarray) -> None:
        self._file.write(samples)
        self._bytes.check()
        self._written += len(samples)


class _NotingErrors:
    """A file whose errors are kept for `check`: they cannot be raised through libsndfile."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def write(self, data: Any) -> int:
        if self._error is None:
            try:
                view = memoryview(data).cast("B")
                while len(view):
                    view = view[self._file.write(view) or 0 :]
            except OSError as error:
                self._error = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, n: int) -> bytes:
        return self._file.read(n) or b""

    def check(self) -> None:
        """Raise the error that has been kept.

        Raises:
            OSError: the file could not be written.
        """
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self._error = self._error or error
