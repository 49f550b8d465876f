"""One stream of the service: what its client sends goes in, and messages come out for all."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from ser_stream.audio.block import AudioBlock, AudioSource, SourceLosses
from ser_stream.emotion import EmotionEstimate
from ser_stream.serving import protocol
from ser_stream.serving.mailbox import Mailbox
from ser_stream.serving.picture import Picture
from ser_stream.serving.protocol import Hello
from ser_stream.serving.recognising import RecognisedStream
from ser_stream.stream.pooled import Progress
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.word_recognition import WordRecognition
from ser_stream.units import Seconds
from ser_stream.words import Speech

MAX_PIECE_S: Seconds = 0.5
"""Longer messages are pushed in pieces where every window is to be scored."""
MAX_WAITING_S: Seconds = 2.0
"""Sound that may wait in the pool before reading pauses; the pool drops sound beyond 6 s."""
MAX_BEHIND_S: Seconds = 0.3
"""Live sound that may wait before no pictures are made: recognition comes first."""
LOOK_S: Seconds = 1.0
"""How often reading that is paused looks whether the stream has ended."""


class ServedStream:
    """A stream of the pool, its client and its viewers. Used in the event loop.

    The pool's thread calls `on_estimate`, `on_speech` and `on_progress`, which hand over to the
    event loop.

    Args:
        client: mailbox of the stream's own client; None for a local source.
        hello: what the client asks for; None for a local source.
        count: called with each estimate, in the event loop.

    Attributes:
        pooled: the stream of the pool; set by whoever opens it, before the first sound.
        source: the local source; None where a client sends the sound.
        words: recognises the stream's words; None: nothing does.
        viewers: mailboxes of those who watch.
        picture_viewers: those of them who are sent the picture of the sound, too.
    """

    pooled: RecognisedStream

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        client: Mailbox | None,
        hello: Hello | None,
        count: Callable[[EmotionEstimate], None],
    ):
        self.source: AudioSource | None = None
        self.words: WordRecognition | None = None
        self.viewers: set[Mailbox] = set()
        self.picture_viewers: set[Mailbox] = set()
        self._loop = loop
        self._client = client
        self._wants_status = hello is not None and hello.status
        self._wants_picture = hello is not None and hello.picture
        self._live = hello is None or hello.live
        self._picture: Picture | None = None  # in the pool's thread, while somebody wants it
        self._count = count
        self._room = asyncio.Event()
        self._waits_for_room = False
        self._speaking = False

    @property
    def name(self) -> str:
        """Name of the stream."""
        return self.pooled.name

    @property
    def status(self) -> StreamStatus:
        """State of the stream, with that of a local source."""
        status, source = self.pooled.status, self.source
        if source is None:
            return status
        losses = SourceLosses.of(source)
        return dataclasses.replace(
            status,
            source=status.source if source.connected else source.last_error,
            dropped_s=status.dropped_s + losses.dropped_s,
            dropped_blocks=losses.dropped_blocks,
            overflows=losses.overflows,
            reconnects=losses.reconnects,
        )

    def on_estimate(self, _name: str, estimate: EmotionEstimate) -> None:
        """Take an estimate of the pool, in its thread."""
        self._loop.call_soon_threadsafe(self._count, estimate)
        self._loop.call_soon_threadsafe(self.publish, protocol.estimate(estimate))

    def on_speech(self, _name: str, speech: Speech) -> None:
        """Take words of the pool, in its thread."""
        self._loop.call_soon_threadsafe(self.publish, protocol.speech(speech))

    def on_progress(self, _name: str, progress: Progress) -> None:
        """Take the progress of the pool, in its thread."""
        if progress.speaking != self._speaking:
            self._speaking = progress.speaking
            message = protocol.speaking(progress.speaking, progress.position_s)
            self._loop.call_soon_threadsafe(self.publish, message)
        if self._waits_for_room and progress.waiting_s <= MAX_WAITING_S:
            self._loop.call_soon_threadsafe(self._room.set)
        behind = self._live and progress.waiting_s > MAX_BEHIND_S
        if behind or (not self._wants_picture and not self.picture_viewers):
            self._picture = None
            return
        if self._picture is None:
            self._picture = Picture()
        if columns := self._picture.push(progress.samples):
            self._loop.call_soon_threadsafe(self._publish_picture, columns)

    def publish(self, message: str) -> None:
        """Put a message into all mailboxes."""
        if self._client is not None:
            self._client.put(message)
        for viewer in self.viewers:
            viewer.put(message)

    def _publish_picture(self, message: bytes) -> None:
        if self._client is not None and self._wants_picture:
            self._client.put(message, passing=True)
        for viewer in self.picture_viewers:
            viewer.put(message, passing=True)

    def publish_status(self) -> None:
        """Put the status into the mailboxes of those who want it."""
        if not self.viewers and not self._wants_status:
            return
        message = protocol.status(self.name, self.status)
        if self._client is not None and self._wants_status:
            self._client.put(message, passing=True)
        for viewer in self.viewers:
            viewer.put(message, passing=True)

    def push(self, samples: NDArray[Any], rate: int) -> None:
        """Add live sound; where the pool does not keep up, the oldest is dropped and counted.

        Raises:
            InputError: the stream has ended.
        """
        self.pooled.push(samples, rate)

    def push_block(self, block: AudioBlock | None) -> None:
        """Add a block of the local source; called in its thread."""
        self.pooled.push_block(block)

    async def push_all(self, samples: NDArray[Any], rate: int) -> None:
        """Add sound of which every window is to be scored: wait until there is room for it.

        Raises:
            InputError: the stream has ended.
        """
        length = max(1, int(MAX_PIECE_S * rate))
        for start in range(0, len(samples), length):
            while self.pooled.waiting_s > MAX_WAITING_S and not self.pooled.ended:
                await self._wait_for_room()
            self.pooled.push(samples[start : start + length], rate)

    async def _wait_for_room(self) -> None:
        self._room.clear()
        self._waits_for_room = True
        try:
            if self.pooled.waiting_s > MAX_WAITING_S:  # still: progress from now on sets the event
                await asyncio.wait_for(self._room.wait(), LOOK_S)
        except asyncio.TimeoutError:
            pass
        finally:
            self._waits_for_room = False
