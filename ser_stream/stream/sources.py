"""Opens everything that `Recognizer.stream` and `astream` accept as an `AudioSource`."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterable, Iterable, Iterator
from pathlib import Path

from numpy.typing import ArrayLike

from ser_stream.audio.block import MIX, AudioBlock, AudioSource, Channel
from ser_stream.audio.microphone import Microphone
from ser_stream.errors import InputError
from ser_stream.stream.pushed import BlockAssembler, checked_samples
from ser_stream.units import Seconds

Samples = ArrayLike
"""Samples (n,) or (n, channels): int8, uint8, int16, int32, or floats with full scale +-1."""

SOURCE_MEMBERS = (
    "name", "live", "settle_s", "waits", "connected", "last_error", "blocks", "close",
)  # fmt: skip
"""Members of an `AudioSource`."""

_END = object()


def open_source(source: AudioSource | str | Path | None, channel: Channel = MIX) -> AudioSource:
    """Return a source, opened from a recording's path, or None for the default microphone.

    Args:
        channel: the channel of a microphone that will be used.

    Raises:
        InputError: the recording cannot be used, or the object is not a source.
    """
    if source is None:
        return Microphone(channel=channel)
    if isinstance(source, str | Path):
        from ser_stream.audio.recording import Recording  # here: a microphone needs none

        return Recording(source)
    if missing := [name for name in SOURCE_MEMBERS if not hasattr(source, name)]:
        raise InputError(
            f"source: found {type(source).__name__}, which has no {', '.join(missing)}; accepted "
            "are the path of a recording, an AudioSource, and None for the default microphone; "
            "arrays of samples go into push or astream"
        )
    return source


def open_async_source(
    source: AudioSource | Iterable[Samples] | AsyncIterable[Samples] | str | Path | None,
    rate: float | None,
    loop: asyncio.AbstractEventLoop,
    channel: Channel = MIX,
) -> AudioSource:
    """Return a source as `open_source` does, or from an iterable of sample arrays.

    Args:
        rate: sample rate of the arrays in Hz.
        loop: the event loop in which an asynchronous iterable runs.
        channel: see `open_source`.

    Raises:
        InputError: the recording cannot be used, or `rate` is missing or out of place.
    """
    if isinstance(source, str | Path) or not isinstance(source, Iterable | AsyncIterable):
        if rate is not None:
            raise InputError("rate: goes with an iterable of sample arrays; other sources know it")
        return open_source(source, channel)
    if rate is None:
        raise InputError("rate: missing; an iterable of sample arrays needs its sample rate in Hz")
    if isinstance(source, AsyncIterable):
        return AsyncSampleBlocks(source, rate, loop)
    return SampleBlocks(source, rate)


class SampleBlocks:
    """An `AudioSource` of an iterable of sample arrays, read as fast as windows are scored.

    Args:
        samples: arrays (n,) or (n, channels), as `Recognizer.push` takes them.
        rate: their sample rate in Hz.
    """

    live = False
    settle_s: Seconds = 0.0
    name = "sample blocks"
    waits = False
    connected = True
    last_error = ""

    def __init__(self, samples: Iterable[ArrayLike], rate: float):
        self._samples = samples
        self._rate = rate
        self._closed = threading.Event()

    def blocks(self) -> Iterator[AudioBlock | None]:
        """Yield all samples in blocks of 32 ms.

        Raises:
            InputError: an array or the rate is not accepted.
        """
        assembler = BlockAssembler()
        for chunk in self._samples:
            if self._closed.is_set():
                return
            yield from assembler.push(*checked_samples(chunk, self._rate))
        yield from assembler.flush()

    def close(self) -> None:
        """End `blocks()` before the next array."""
        self._closed.set()


class AsyncSampleBlocks(SampleBlocks):
    """`SampleBlocks` of an asynchronous iterable, which runs in its event loop.

    Args:
        loop: the event loop in which the iterable runs; `blocks()` is used in another thread.
    """

    def __init__(
        self, samples: AsyncIterable[ArrayLike], rate: float, loop: asyncio.AbstractEventLoop
    ):
        super().__init__(self._in_thread(), rate)
        self._iterator = aiter(samples)
        self._loop = loop
        self._next: concurrent.futures.Future[ArrayLike | object] | None = None

    def close(self) -> None:
        """End `blocks()` at once."""
        super().close()
        if self._next is not None:
            self._next.cancel()

    def _in_thread(self) -> Iterator[ArrayLike]:
        while True:
            self._next = asyncio.run_coroutine_threadsafe(self._advance(), self._loop)
            if self._closed.is_set():
                self._next.cancel()
            try:
                samples = self._next.result()
            except concurrent.futures.CancelledError:
                return
            if samples is _END:
                return
            yield samples  # type: ignore[misc]

    async def _advance(self) -> ArrayLike | object:
        try:
            return await anext(self._iterator)
        except StopAsyncIteration:
            return _END
