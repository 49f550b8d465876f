"""Streams for asyncio: what blocks runs in a thread, never in the event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator
from typing import TypeVar

from numpy.typing import ArrayLike

from ser_stream.audio.block import AudioBlock
from ser_stream.stream.pushed import BlockAssembler, checked_samples
from ser_stream.units import Seconds

T = TypeVar("T")

_END = object()


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
        loop: the event loop that the iterable belongs to, and no thread of which uses `blocks()`.
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


async def iterate_in_thread(
    items: Generator[T, None, None], interrupt: Callable[[], None]
) -> AsyncGenerator[T, None]:
    """Yield the items of a generator that blocks, which runs in a thread of its own.

    The generator runs only while an item is waited for. However iteration ends, the generator is
    closed, in its thread.

    Args:
        interrupt: called at the end, from the event loop: lets the generator stop waiting.
    """
    loop = asyncio.get_running_loop()
    thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="ser_stream-astream")
    try:
        while (item := await loop.run_in_executor(thread, next, items, _END)) is not _END:
            yield item  # type: ignore[misc]
    finally:
        interrupt()
        closed = loop.run_in_executor(thread, items.close)  # after the item that is being computed
        thread.shutdown(wait=False)
        await closed
        thread.shutdown()  # it has nothing left to do
