"""All streams of the service and their viewers."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from ser_stream import __version__
from ser_stream.emotion import UTTERANCE, EmotionEstimate
from ser_stream.serving import protocol
from ser_stream.serving.limits import Limits
from ser_stream.serving.mailbox import Mailbox
from ser_stream.serving.protocol import (
    NAME_IN_USE,
    NO_STREAM,
    OVERLOADED,
    Hello,
    RefusedError,
)
from ser_stream.serving.recognising import Recognising
from ser_stream.serving.served import ServedStream
from ser_stream.serving.words import WordRecognizers
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.word_recognition import WordRecognition
from ser_stream.units import Seconds

STATUS_EVERY: Seconds = 0.2
CLOSE_S: Seconds = 120.0
"""Longest time for the last estimate of a stream that ends. Where the network hangs, the watchdog
ends the process long before; a busy computer may be slow."""
STOP_S: Seconds = 5.0
"""The same for all streams together at the end of the service."""
SUMMED = ("position_s", "dropped_s", "skipped", "dropped_turns", "failed_windows", "windows")
"""Fields of the status that are counted over all streams."""


class Hub:
    """The streams of one pool by name. Used in the event loop, from `start` to `stop`.

    Attributes:
        pool: recognises the streams.
        limits: of the service.
        words: recognise the words of streams that want them; None: nothing does.
        stopping: done when the service is about to end.
        connections: tasks of the WebSockets that are open.
        unnamed: number of connections that have not said hello yet.
        refusals: close code -> number of connections that the service ended with it.
        estimates: trigger and reason to abstain -> number of estimates.
        opened: number of streams that were opened.
        viewer_losses: number of messages that viewers who have left did not get.
        on_latency: called with the latency in seconds of each interval estimate.
    """

    stopping: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, pool: Recognising, limits: Limits, words: WordRecognizers | None = None):
        self.pool = pool
        self.limits = limits
        self.words = words
        self.connections: set[asyncio.Task[Any]] = set()
        self.unnamed = 0
        self.refusals: Counter[int] = Counter()
        self.estimates: Counter[tuple[str, str]] = Counter()
        self.opened = 0
        self.viewer_losses = 0
        self.on_latency: Callable[[Seconds], None] = lambda latency_s: None
        self._streams: dict[str, ServedStream] = {}
        self._ended: Counter[str] = Counter()  # sums over streams that have ended
        self._numbers = itertools.count(1)
        self._since_s = time.monotonic()

    @property
    def streams(self) -> list[ServedStream]:
        """The streams that are open, in the order in which they were opened."""
        return list(self._streams.values())

    @property
    def viewers(self) -> int:
        """Number of viewers of all streams."""
        return sum(len(stream.viewers) for stream in self._streams.values())

    @property
    def about(self) -> dict[str, Any]:
        """What each client is told of the model."""
        info = self.pool.info
        return {
            "model": info.name,
            "labels": list(info.labels),
            "hop_s": self.pool.hop_s,
            "valence_arousal": "model" if info.has_affect else "scores",
            "version": __version__,
        }

    @property
    def running(self) -> bool:
        """Whether the service has begun, and is not about to end."""
        return self.loop is not None and not self.stopping.done()

    @property
    def healthy(self) -> bool:
        """Whether streams are recognised."""
        return self.running and not self.pool.ended

    @property
    def health(self) -> dict[str, Any]:
        """The answer to those who ask whether the service is up."""
        return {
            "status": "ok" if self.healthy else "ending",
            "model": self.pool.info.name,
            "engine": self.pool.engine,
            "streams": len(self._streams),
            "max_streams": self.limits.max_streams,
            "uptime_s": round(time.monotonic() - self._since_s, 1),
            "version": __version__,
        }

    def start(self) -> None:
        """Begin, in the event loop that is running."""
        loop = asyncio.get_running_loop()
        self.stopping = loop.create_future()
        self._ticking = loop.create_task(self._tick())
        self.loop = loop

    async def stop(self) -> None:
        """End: all streams deliver their last estimates."""
        self.begin_stopping()
        self._ticking.cancel()
        await asyncio.to_thread(self.pool.close, STOP_S)
        if self.words is not None:
            await asyncio.to_thread(self.words.close)

    def begin_stopping(self) -> None:
        """Let each connection end, with the last estimates of its stream."""
        if not self.stopping.done():
            self.stopping.set_result(None)

    async def drain(self, timeout_s: Seconds) -> None:
        """Let each connection end, and wait until all have."""
        self.begin_stopping()
        ends_at = time.monotonic() + timeout_s
        while self.connections and (left_s := ends_at - time.monotonic()) > 0:
            await asyncio.wait(set(self.connections), timeout=left_s)

    async def open(
        self,
        name: str,
        client: Mailbox | None,
        settle_s: Seconds = 0.0,
        hello: Hello | None = None,
        **settings: Any,
    ) -> ServedStream:
        """Open a stream; "" lets the service choose its name.

        Args:
            client: mailbox of the client that sends the sound, and `hello`, what it asks for; None
                for a local source, whose words are recognised where the service can.
            settle_s, settings: see `StreamPool.open`.

        Raises:
            RefusedError: the name is in use, or too many streams are open.
            InputError: a setting cannot be used.
        """
        wants_words = self.words is not None and (hello is None or hello.words)
        words = await self.words.borrow() if self.words is not None and wants_words else None
        try:
            return self._open(name, client, settle_s, hello, words, settings)
        except BaseException:
            self._give_back(words)
            raise

    def _open(
        self,
        name: str,
        client: Mailbox | None,
        settle_s: Seconds,
        hello: Hello | None,
        words: WordRecognition | None,
        settings: dict[str, Any],
    ) -> ServedStream:
        """Open a stream whose words are recognised by `words`; see `open`."""
        if name in self._streams:
            raise RefusedError(
                NAME_IN_USE, f"stream {name}: it is open already; choose another name"
            )
        if len(self._streams) >= self.limits.max_streams or not self.healthy:
            raise RefusedError(
                OVERLOADED,
                f"overloaded: {len(self._streams)} streams are open, and this service accepts "
                f"{self.limits.max_streams}; try again later",
            )
        name = name or next(
            free for number in self._numbers if (free := f"stream-{number}") not in self._streams
        )
        loop = asyncio.get_running_loop()
        served = ServedStream(loop, client, hello, self._count)
        served.words = words
        served.pooled = self.pool.open(
            name,
            served.on_estimate,
            settle_s,
            served.on_progress,
            words,
            served.on_speech,
            **settings,
        )
        self._streams[name] = served
        self.opened += 1
        return served

    async def close(self, served: ServedStream) -> StreamStatus:
        """End a stream when its last estimate has been published, and return its last status."""
        await asyncio.to_thread(served.pooled.close, CLOSE_S)
        # What the pool's thread has handed over before runs first.
        await asyncio.sleep(0)
        status = served.status
        served.publish_status()
        for viewer in served.viewers:
            viewer.close()
        if self._streams.get(served.name) is served:
            del self._streams[served.name]
            self._ended += _counted(status)
            self._give_back(served.words)
        return status

    def _give_back(self, words: WordRecognition | None) -> None:
        if self.words is not None and words is not None:
            self.words.give_back(words)

    def watch(self, name: str, picture: bool = False) -> tuple[ServedStream, Mailbox]:
        """Add a viewer of a stream; "" stands for the only one.

        Raises:
            RefusedError: there is no such stream, or there are too many viewers.
        """
        names = list(self._streams)
        served = self._streams.get(name or names[0]) if name or len(names) == 1 else None
        if served is None:
            known = f"open are: {', '.join(names)}" if names else "no stream is open"
            reason = f"stream {name}: it is not open; {known}" if name else known
            raise RefusedError(NO_STREAM, reason)
        if self.viewers >= self.limits.max_viewers:
            raise RefusedError(
                OVERLOADED, f"overloaded: {self.viewers} viewers are watching; try again later"
            )
        mailbox = Mailbox(self.limits.unread_by_viewer)
        mailbox.put(protocol.ready(served.pooled, self.about))
        mailbox.put(protocol.status(served.name, served.status))
        served.viewers.add(mailbox)
        if picture:
            served.picture_viewers.add(mailbox)
        return served, mailbox

    def unwatch(self, served: ServedStream, mailbox: Mailbox) -> None:
        """Remove a viewer."""
        served.viewers.discard(mailbox)
        served.picture_viewers.discard(mailbox)
        self.viewer_losses += mailbox.dropped + mailbox.dropped_passing

    def totals(self) -> Counter[str]:
        """Return the sums of `SUMMED` over all streams that were ever open."""
        found = Counter(self._ended)
        for served in self._streams.values():
            found += _counted(served.status)
        return found

    def _count(self, estimate: EmotionEstimate) -> None:
        self.estimates[estimate.trigger, estimate.reason] += 1
        if estimate.trigger != UTTERANCE:
            self.on_latency(estimate.latency_ms / 1000)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(STATUS_EVERY)
            for served in self.streams:
                served.publish_status()


def _counted(status: StreamStatus) -> Counter[str]:
    return Counter({name: getattr(status, name) for name in SUMMED})
