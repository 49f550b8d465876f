"""The live page for `ser-stream listen`: what its recogniser hears, on a web page.

The service's hub gets one stream, whose estimates and sound come from the recogniser that listens.
So they are those of the terminal, with words where there are any.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections import deque
from typing import Any
from urllib.parse import quote

import numpy as np

from ser_stream.audio.block import AudioBlock, AudioSource, Channel
from ser_stream.audio.conditioner import Conditioner
from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.models.info import ModelInfo
from ser_stream.outputs.base import Output
from ser_stream.serving.access import Access
from ser_stream.serving.hub import Hub
from ser_stream.serving.limits import Limits
from ser_stream.serving.served import ServedStream
from ser_stream.serving.server import Address, Server
from ser_stream.sessions.audio import RecordedSource
from ser_stream.stream.pooled import OnEstimate, OnProgress, OnSpeech, Progress
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.word_recognition import WordRecognition
from ser_stream.units import Seconds
from ser_stream.words import Speech

MAX_BLOCKS = 200
"""Blocks of sound that may wait to be drawn; where there are more, the oldest are left out."""
CLOSE_WITHIN: Seconds = 1.0
"""Time that pages have to receive the last estimates, and once more the server to end."""


class ListenPage(Output):
    """Serves the live page on the loopback interface, on a port that is free.

    Pages never delay the recogniser: everything is handed over to the server's own thread.

    Args:
        recognizer: the one that listens.
        name: of the stream on the page.
        channel: the channel of the source that is used.
        access: who may see the page.

    Raises:
        InputError: there is no port.
    """

    def __init__(self, recognizer: Recognizer, name: str, channel: Channel, access: Access) -> None:
        self._stream = _ListenedStream(recognizer, name, channel)
        pool = _ListenedPool(recognizer, self._stream)
        # The only stream is there from the beginning: nobody can open another one.
        limits = Limits(max_streams=1)
        self._server = Server(pool, Address(port=0), access, limits, self._stream)
        self._server.start()

    @property
    def url(self) -> str:
        """Address of the page, which shows the stream at once."""
        return f"{self._server.url}/?watch={quote(self._stream.name)}"

    def shown(self, source: AudioSource) -> AudioSource:
        """Return the source, whose sound is drawn while somebody looks."""
        return RecordedSource(source, lambda _source, block: self._stream.add_sound(block))

    def __exit__(self, *_: object) -> None:
        """End the stream and the server, when pages have got the last estimates."""
        self._stream.end(CLOSE_WITHIN)
        self._server.end(CLOSE_WITHIN)

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        self._stream.on_estimate(estimate)

    def on_speech(self, speech: Speech) -> None:
        self._stream.on_speech(speech)

    def on_status(self, status: StreamStatus) -> None:
        self._stream.on_status(status)


class _ListenedStream:
    """The stream of the hub, as `RecognisedStream`, and as the service's `Local` stream."""

    def __init__(self, recognizer: Recognizer, name: str, channel: Channel) -> None:
        self.name = name
        self.callbacks: tuple[OnEstimate, OnProgress, OnSpeech] | None = None  # set by the pool
        self._recognizer = recognizer
        self._channel = channel
        self._blocks: deque[AudioBlock] = deque(maxlen=MAX_BLOCKS)
        self._conditioner: Conditioner | None = None  # while somebody looks
        self._hub: Hub | None = None
        self._served: ServedStream | None = None
        self._ended = False

    # What the listener calls, in threads of its own.

    def add_sound(self, block: AudioBlock | None) -> None:
        """Take a block for the picture."""
        if block is not None and self._watched:
            self._blocks.append(block)

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        """Hand over an estimate."""
        if self.callbacks is not None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                self.callbacks[0](self.name, estimate)

    def on_speech(self, speech: Speech) -> None:
        """Hand over words."""
        if self.callbacks is not None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                self.callbacks[2](self.name, speech)

    def on_status(self, status: StreamStatus) -> None:
        """Hand over whether someone speaks, and the sound since the last time."""
        self._report(status.position_s, status.speaking)

    def end(self, timeout_s: Seconds) -> None:
        """End the stream; viewers get what is on its way."""
        self._report(self.status.position_s, speaking=False)
        self._ended = True
        if self._served is None or self._hub is None or self._hub.loop is None:
            return
        with contextlib.suppress(RuntimeError, concurrent.futures.TimeoutError):
            ending = asyncio.run_coroutine_threadsafe(self.stop(), self._hub.loop)
            ending.result(timeout_s)

    def _report(self, position_s: Seconds, speaking: bool) -> None:
        if self.callbacks is not None:
            progress = Progress(position_s, speaking, 0.0, self._new_samples())
            with contextlib.suppress(RuntimeError):  # the server has ended
                self.callbacks[1](self.name, progress)

    def _new_samples(self) -> np.ndarray:
        """Return the 16 kHz samples that are to be drawn."""
        if not self._watched:
            self._conditioner = None
            self._blocks.clear()
            return np.zeros(0, np.float32)
        if self._conditioner is None:
            self._conditioner = Conditioner(self._channel)
        parts = [np.zeros(0, np.float32)]
        while self._blocks:
            with contextlib.suppress(InputError):  # the recogniser leaves it out too
                parts.append(self._conditioner(self._blocks.popleft()))
        return np.concatenate(parts)

    @property
    def _watched(self) -> bool:
        return self._served is not None and bool(self._served.picture_viewers)

    # What the service calls, in its event loop.

    async def start(self, hub: Hub) -> None:
        """Open the stream in the hub."""
        self._hub = hub
        self._served = await hub.open(self.name, None)

    async def stop(self) -> None:
        """Close it in the hub."""
        served, self._served = self._served, None
        if self._hub is not None and served is not None:
            await self._hub.close(served)

    @property
    def settings(self) -> RecognizerSettings:
        """The present settings."""
        return self._recognizer.settings

    @property
    def status(self) -> StreamStatus:
        """The state of the stream."""
        return self._recognizer.status

    @property
    def muted(self) -> bool:
        """Whether sound is ignored because the robot itself speaks."""
        return self._recognizer.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._recognizer.muted = muted

    @property
    def waiting_s(self) -> Seconds:
        """No sound waits here."""
        return 0.0

    @property
    def ended(self) -> bool:
        """Whether the listener has ended."""
        return self._ended

    def close(self, timeout_s: Seconds | None = None) -> None:
        """Do nothing: the listener decides when it ends."""

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise InputError(f"stream {self.name}: ser-stream listen has its sound and its settings")

    push = push_block = change = _refuse


class _ListenedPool:
    """The recogniser that listens, as `Recognising`."""

    def __init__(self, recognizer: Recognizer, stream: _ListenedStream) -> None:
        self._recognizer = recognizer
        self._stream = stream

    @property
    def info(self) -> ModelInfo:
        """Description of the network."""
        return self._recognizer.info

    @property
    def engine(self) -> str:
        """What runs the network."""
        return self._recognizer.engine

    @property
    def hop_s(self) -> Seconds:
        """Seconds from one interval estimate to the next."""
        return self._recognizer.hop_s

    @property
    def ended(self) -> bool:
        """Whether the listener has ended."""
        return self._stream.ended

    def open(
        self,
        name: str,
        on_estimate: OnEstimate,
        settle_s: Seconds = 0.0,
        on_progress: OnProgress | None = None,
        words: WordRecognition | None = None,
        on_speech: OnSpeech | None = None,
        **settings: Any,
    ) -> _ListenedStream:
        """Return the only stream."""
        assert on_progress is not None and on_speech is not None and name == self._stream.name
        self._stream.callbacks = on_estimate, on_progress, on_speech
        return self._stream

    def close(self, timeout_s: Seconds | None = None) -> None:
        """Do nothing: the listener closes its recogniser."""
