"""The recogniser: sound in, emotion estimates out. This is the package's public interface."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from pathlib import Path
from typing import Any

from ser_stream.audio.block import AudioSource
from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.models.info import ModelInfo
from ser_stream.stream.asynchronous import iterate_in_thread
from ser_stream.stream.pipeline import Pipeline
from ser_stream.stream.pushed import PushedStream, checked_samples
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.sources import Samples, open_async_source, open_source
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.word_fusion import Event
from ser_stream.units import Seconds
from ser_stream.words import Speech

OnSpeech = Callable[[Speech], None]
"""Called with the words of a turn, so far and at its end, where speech recognition runs."""


def _ignore(speech: Speech) -> None:
    """Do nothing with words."""


class Recognizer:
    """Recognises emotions in one stream of sound at a time.

    >>> for estimate in Recognizer().stream("speech.wav"):   # doctest: +SKIP
    ...     print(estimate.end_s, estimate.expression, estimate.confidence)

    Where speech recognition runs, it does so in a process of its own, from here to `close` or to
    the end of a `with` statement.

    Args:
        model: name of a shipped model, a model's folder, or a Hugging Face audio classifier's
            folder or name on the Hub; or all settings in one object.
        settings: any of `RecognizerSettings`, which documents them.

    Raises:
        InputError: a setting cannot be used; the message says what is accepted.
    """

    def __init__(self, model: str | Path | RecognizerSettings = "default", **settings: Any) -> None:
        if not isinstance(model, RecognizerSettings):
            model, settings = RecognizerSettings(), {"model": model, **settings}
        self._pipeline = Pipeline(model.replace(**settings))
        self._pushed: PushedStream | None = None
        self._push_lock = threading.Lock()

    def stream(
        self,
        source: AudioSource | str | Path | None = None,
        on_speech: OnSpeech = _ignore,
    ) -> Generator[EmotionEstimate, None, None]:
        """Yield the estimates of a source as they come.

        A live source never waits: a separate thread captures its sound, and where inference is
        slower than sound, windows are skipped and counted. Of a recording every window is scored,
        and its words are waited for. Leaving the loop closes the source.

        Args:
            source: path of a recording, any `AudioSource`, or None for the default microphone.
            on_speech: called in the caller's thread, between estimates.

        Raises:
            InputError: the source cannot be used, or another stream is running; or the words of a
                recording cannot be recognised.
            InferenceError: the network fails at every window, also after it was opened again.
        """
        opened = open_source(source, self.settings.channel)
        return self._estimates(opened, on_speech, threading.Event())

    def push(
        self, samples: Samples, rate: float, on_speech: OnSpeech = _ignore
    ) -> list[EmotionEstimate]:
        """Add the next samples of a stream, and return the estimates that are ready.

        The first call starts a stream; `finish` ends it. The estimates are those of the same
        recording in `stream`, however its samples are divided. Every window is scored before this
        returns. It never waits for words: estimates with words are returned by a later call. Call
        it from one thread at a time.

        Args:
            samples: (n,) or (n, channels). Integers are scaled by their type (int16 / 32768; uint8
                is offset binary), floats have full scale +-1.
            rate: sample rate in Hz; it may change from call to call.
            on_speech: called before this returns.

        Raises:
            InputError: the samples or the rate are not accepted, and are left out; or a stream of
                another source is running, or another thread is pushing.
            InferenceError: see `stream`.
        """
        array, rate_hz = checked_samples(samples, rate)
        with self._pushing():
            if self._pushed is None:
                self._pushed = self._pipeline.start_pushed()
            events = self._pushed.push(array, rate_hz)
        return _estimates_of(events, on_speech)

    def finish(self, on_speech: OnSpeech = _ignore) -> list[EmotionEstimate]:
        """End the stream of `push` and return its last estimates; the next `push` starts another.

        Waits for the words of the last turn, a second at most.
        """
        with self._pushing():
            pushed, self._pushed = self._pushed, None
            events = [] if pushed is None else self._pipeline.end_pushed(pushed)
        return _estimates_of(events, on_speech)

    async def astream(
        self,
        source: AudioSource | Iterable[Samples] | AsyncIterable[Samples] | str | Path | None = None,
        rate: float | None = None,
        on_speech: OnSpeech = _ignore,
    ) -> AsyncGenerator[EmotionEstimate, None]:
        """Yield the estimates of a source as they come; inference runs in a thread.

        Leaving the loop, and cancelling the task, closes the source.

        Args:
            source: the same as in `stream`, or an iterable or asynchronous iterable of arrays, the
                same as in `push`. Like a recording, an iterable is read as fast as its windows are
                scored, and the words of its turns are waited for.
            rate: sample rate of an iterable's arrays in Hz.
            on_speech: called in the event loop, between estimates.

        Raises:
            InputError: the source cannot be used, or another stream is running.
        """
        loop = asyncio.get_running_loop()
        opened = open_async_source(source, rate, loop, self.settings.channel)
        stopping = threading.Event()

        def interrupt() -> None:
            stopping.set()
            opened.close()

        def pass_on(speech: Speech) -> None:
            loop.call_soon_threadsafe(on_speech, speech)

        estimates = self._estimates(opened, pass_on, stopping)
        async with contextlib.aclosing(iterate_in_thread(estimates, interrupt)) as found:
            async for estimate in found:
                yield estimate

    def wait_for_words(self) -> None:
        """Wait until speech recognition, where it is to run, has been loaded.

        Raises:
            InputError: its model, language or grammar cannot be used, or its process dies.
        """
        self._pipeline.wait_for_words(threading.Event())

    def change(self, **settings: float | None) -> None:
        """Change settings while a stream runs, from the next window on.

        Args:
            settings: any of window_s, hop_s, min_speech_s, min_confidence and smoothing, as in
                `RecognizerSettings`. Another window or smoothing applies from the next turn on.

        Raises:
            InputError: one of them cannot be used; all stay as they were.
        """
        self._pipeline.change(self.settings.changed(**settings))

    @property
    def muted(self) -> bool:
        """Whether sound is ignored because the robot itself speaks. May be set at any time."""
        return self._pipeline.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._pipeline.muted = muted

    @property
    def status(self) -> StreamStatus:
        """The state of the running stream, or of the last one. May be read from any thread."""
        return self._pipeline.status

    @property
    def settings(self) -> RecognizerSettings:
        """The current settings."""
        return self._pipeline.settings

    @property
    def hop_s(self) -> Seconds:
        """Seconds from one interval estimate to the next."""
        return self._pipeline.hop_s

    @property
    def info(self) -> ModelInfo:
        """Description of the network that scores sound."""
        return self._pipeline.info

    @property
    def engine(self) -> str:
        """What runs the network that scores sound, such as "onnx" or "torch on cuda"."""
        return self._pipeline.engine

    @property
    def text_info(self) -> ModelInfo | None:
        """Description of the network that scores sound and words; None without one."""
        return self._pipeline.text_info

    def close(self) -> None:
        """End speech recognition and its process; also done when the object is no longer used."""
        self._pipeline.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _pushing(self) -> Iterator[None]:
        """Keep other threads from pushing.

        Raises:
            InputError: another thread is pushing.
        """
        if not self._push_lock.acquire(blocking=False):
            raise InputError(
                "push: another thread is pushing; call push and finish from one thread at a time"
            )
        try:
            yield
        finally:
            self._push_lock.release()

    def _estimates(
        self, source: AudioSource, on_speech: OnSpeech, stopping: threading.Event
    ) -> Generator[EmotionEstimate, None, None]:
        """Yield the estimates of a source, and pass its words to `on_speech`."""
        with contextlib.closing(self._pipeline.events(source, stopping)) as events:
            for event in events:
                if isinstance(event, Speech):
                    on_speech(event)
                else:
                    yield event


def _estimates_of(events: list[Event], on_speech: OnSpeech) -> list[EmotionEstimate]:
    """Return the estimates among the events, after passing the words to `on_speech`."""
    for event in events:
        if isinstance(event, Speech):
            on_speech(event)
    return [event for event in events if isinstance(event, EmotionEstimate)]
