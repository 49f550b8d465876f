"""Streams of samples that the caller pushes, in arrays of any length and number format."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_stream.audio.block import AudioBlock, check_format
from ser_stream.audio.sample_format import MAX_FLOAT, as_float32
from ser_stream.errors import InputError, shown
from ser_stream.stream.session import StreamSession, scored_events
from ser_stream.stream.word_fusion import Event, MakeFusion
from ser_stream.units import Seconds


class PushedSamples:
    """The `AudioSource` of a pushed stream, which has a name and no blocks of its own.

    Args:
        name, waits: see `AudioSource`.
    """

    live = True
    settle_s: Seconds = 0.0
    connected = True
    last_error = ""

    def __init__(self, name: str = "pushed samples", waits: bool = False):
        self.name = name
        self.waits = waits

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Yield nothing: samples come by `PushedStream.push`."""
        return iter(())

    def close(self) -> None:
        """Do nothing: there is nothing to end."""


class PushedStream:
    """A stream that the caller feeds: every window is scored before `push` returns.

    Attributes:
        session: the stream's state.
    """

    def __init__(self, session: StreamSession, make_fusion: MakeFusion):
        self.session = session
        self._woken = threading.Event()
        self._fusion = make_fusion(self._woken.set)
        self._blocks = BlockAssembler()

    def push(self, samples: NDArray[np.float32], rate_hz: int) -> list[Event]:
        """Add the next samples (n, channels) and return the events that are ready.

        Raises:
            InputError: the samples lack the chosen channel.
        """
        events: list[Event] = []
        for block in self._blocks.push(samples, rate_hz):
            events += scored_events(self.session, self._fusion, self.session.push(block))
            if (turn := self.session.take_progress()) is not None:
                self.session.encode_ahead(turn)
        return events + self._fusion.take()

    def finish(self) -> list[Event]:
        """End the stream and return the remaining events; waits up to a second for words."""
        events: list[Event] = []
        try:
            for block in self._blocks.flush():
                events += scored_events(self.session, self._fusion, self.session.push(block))
            events += scored_events(self.session, self._fusion, self.session.finish())
            while (wait_s := self._fusion.wait_s()) is not None:
                self._woken.wait(wait_s)
                self._woken.clear()
                events += self._fusion.take()
        finally:
            self._fusion.close()
        return events


class BlockAssembler:
    """Cuts samples that come in chunks of any length into blocks like those of a `Recording`.

    Equal blocks give equal estimates, however the samples were divided. Up to 32 ms are held back.
    """

    BLOCK_S: Seconds = 0.032

    def __init__(self) -> None:
        self._pending = np.zeros((0, 1), np.float32)
        self._rate_hz = 0
        self._start_s: Seconds = 0.0  # where the samples of this format began
        self._n_samples = 0  # yielded since then

    def push(self, samples: NDArray[np.float32], rate_hz: int) -> Iterator[AudioBlock]:
        """Add the next samples (n, channels), and yield the blocks that they complete."""
        if (rate_hz, samples.shape[1]) != (self._rate_hz, self._pending.shape[1]):
            yield from self.flush()
            self._start_s += self._n_samples / max(1, self._rate_hz)
            self._rate_hz, self._n_samples = rate_hz, 0
            self._pending = samples[:0]
        self._pending = np.concatenate([self._pending, samples])  # a copy: `samples` may be reused
        length = max(1, round(self.BLOCK_S * rate_hz))
        while len(self._pending) >= length:
            block, self._pending = self._pending[:length], self._pending[length:]
            yield self._stamped(block)
        self._pending = self._pending.copy()  # a view would keep all of the samples

    def flush(self) -> Iterator[AudioBlock]:
        """Yield the samples that are held back, if there are any."""
        block, self._pending = self._pending, self._pending[:0]
        if len(block):
            yield self._stamped(block)

    def _stamped(self, samples: NDArray[np.float32]) -> AudioBlock:
        self._n_samples += len(samples)
        end_s = self._start_s + self._n_samples / self._rate_hz
        return AudioBlock(samples, self._rate_hz, end_s, time.monotonic())


def checked_samples(samples: ArrayLike, rate: float) -> tuple[NDArray[np.float32], int]:
    """Return samples as (n, channels) float32 with full scale +-1, and their rate in Hz.

    Raises:
        InputError: type, shape, scale, rate or number of channels are not accepted.
    """
    array = as_float32(samples, max_float=MAX_FLOAT)
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or rate % 1:
        raise InputError(f"rate: found {shown(rate)}; accepted are whole numbers, in Hz")
    check_format(int(rate), array.shape[1], where="samples")
    return array, int(rate)
