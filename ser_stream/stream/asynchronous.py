"""Asyncio: iteration over a blocking generator in a thread, so that the event loop never blocks."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TypeVar

T = TypeVar("T")

_END = object()


async def iterate_in_thread(
    items: Generator[T, None, None], interrupt: Callable[[], None]
) -> AsyncGenerator[T, None]:
    """Yield the items of a generator that blocks, which runs in a thread of its own.

    The generator runs only while an item is waited for. However iteration ends, the generator is
    closed, in its thread.

    Args:
        interrupt: called from the event loop at the end; it must end the generator's waiting.
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
