"""What the service needs of that which recognises its streams.

A `StreamPool` recognises the streams of clients; for `ser-stream listen`, its own recogniser takes
the place of one (`listen_page`).
"""

from __future__ import annotations

from typing import Any, Protocol

from ser_stream.audio.block import AudioBlock
from ser_stream.models.info import ModelInfo
from ser_stream.stream.pooled import OnEstimate, OnProgress, OnSpeech
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.sources import Samples
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.word_recognition import WordRecognition
from ser_stream.units import Seconds


class RecognisedStream(Protocol):
    """One stream; see `PoolStream`."""

    name: str
    muted: bool

    @property
    def settings(self) -> RecognizerSettings: ...

    @property
    def status(self) -> StreamStatus: ...

    @property
    def waiting_s(self) -> Seconds: ...

    @property
    def ended(self) -> bool: ...

    def push(self, samples: Samples, rate: float) -> None: ...

    def push_block(self, block: AudioBlock | None) -> None: ...

    def change(self, **settings: float | None) -> None: ...

    def close(self, timeout_s: Seconds | None = None) -> None: ...


class Recognising(Protocol):
    """What recognises all streams; see `StreamPool`."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def engine(self) -> str: ...

    @property
    def hop_s(self) -> Seconds: ...

    @property
    def ended(self) -> bool: ...

    def open(
        self,
        name: str,
        on_estimate: OnEstimate,
        settle_s: Seconds = 0.0,
        on_progress: OnProgress | None = None,
        words: WordRecognition | None = None,
        on_speech: OnSpeech | None = None,
        **settings: Any,
    ) -> RecognisedStream: ...

    def close(self, timeout_s: Seconds | None = None) -> None: ...
