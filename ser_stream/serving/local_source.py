"""A source of the service's own machine, such as its microphone, as one of the streams."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Protocol

from ser_stream.audio.block import AudioSource, Channel
from ser_stream.errors import InputError
from ser_stream.serving.hub import Hub
from ser_stream.serving.served import ServedStream

logger = logging.getLogger("ser_stream")


class Local(Protocol):
    """A stream of the service's own machine; used in the event loop."""

    async def start(self, hub: Hub) -> None:
        """Open the stream."""

    async def stop(self) -> None:
        """End it, with its last estimate."""


class LocalSource:
    """Pushes the blocks of a live source to a stream of the hub, in a thread of its own.

    Args:
        source: a microphone, or a recording at the speed of one.
        name: of the stream.
        channel: see `RecognizerSettings`.
    """

    def __init__(self, source: AudioSource, name: str, channel: Channel = "mix"):
        self._source = source
        self._name = name
        self._channel = channel
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._ending: asyncio.Task[None] | None = None

    async def start(self, hub: Hub) -> None:
        """Open the stream and start the thread."""
        served = await hub.open(self._name, None, self._source.settle_s, channel=self._channel)
        served.source = self._source
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        self._ending = loop.create_task(self._close_at_end(hub, served, ended))

        def run() -> None:
            try:
                for block in self._source.blocks():
                    served.push_block(block)
                if not self._stopping:
                    logger.info("%s: ended; the service goes on", self._name)
            except InputError as error:
                logger.error("%s", error)
            except Exception:  # the other streams go on
                logger.exception("%s: the stream ends", self._name)
            finally:
                loop.call_soon_threadsafe(ended.set)

        self._thread = threading.Thread(target=run, name="ser_stream-local", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End the source and its stream, with its last estimate."""
        self._stopping = True
        self._source.close()
        if self._ending is not None:
            await self._ending

    async def _close_at_end(self, hub: Hub, served: ServedStream, ended: asyncio.Event) -> None:
        await ended.wait()
        await hub.close(served)
