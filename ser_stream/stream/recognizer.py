"""The recogniser: sound in, emotion estimates out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import torch

from ser_stream.asr.base import NONE
from ser_stream.asr.worker import AsrWorker
from ser_stream.audio.block import AudioSource
from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo
from ser_stream.stream.asynchronous import iterate_in_thread
from ser_stream.stream.live import live_events
from ser_stream.stream.live_words import LiveWordFusion
from ser_stream.stream.model_settings import scoring_settings, torch_device, window_settings
from ser_stream.stream.pushed import PushedSamples, PushedStream, checked_samples
from ser_stream.stream.scoring import WindowScorer, warm_up
from ser_stream.stream.session import StreamSession, recorded_events
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.sources import Samples, open_async_source, open_source
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.text_scoring import TextScorer
from ser_stream.stream.windowing import StreamWindower
from ser_stream.stream.word_fusion import Event, RecordedWordFusion, WithoutWords, WordFusion
from ser_stream.units import Seconds
from ser_stream.words import Speech

logger = logging.getLogger("ser_stream")

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
            model = RecognizerSettings().replace(model=model, **settings)
        elif settings:
            model = model.replace(**settings)
        self.settings = model
        if model.threads is not None:
            torch.set_num_threads(model.threads)
        device = torch_device(model.device)
        network: EmotionModel
        network, self.info = load_model(model.model, device)
        # Channels last: two-dimensional convolutions take down to a third of the time on a CPU.
        self._model: EmotionModel = network.to(  # type: ignore[call-overload]
            memory_format=torch.channels_last
        )
        self._windows = window_settings(self._model, model)
        scoring = scoring_settings(self._model, self.info, model, self._windows)
        self._scorer = WindowScorer(self._model, self.info.name, scoring)
        self._text_scorer = _load_text_scorer(model, device)
        self._muted = False
        self._lock = threading.Lock()
        self._streams = 0  # begun so far
        self._active: StreamSession | None = None  # the stream that goes on
        self._session: StreamSession | None = None  # that stream, or the last one
        self._pushed: PushedStream | None = None
        warm_up(self._model, self._windows.window_frames)
        for info in filter(None, (self.info, self.text_info)):
            if not info.training_data.commercial_use:
                logger.info("model %s: %s", info.name, info.training_data.licence)
        # Last, so that a setting that is refused leaves no process behind.
        self._asr = None if model.asr.backend == NONE else AsrWorker(model.asr)
        self._release = weakref.finalize(self, _close_asr, self._asr)

    def stream(
        self,
        source: AudioSource | str | Path | None = None,
        on_speech: OnSpeech = _ignore,
    ) -> Generator[EmotionEstimate, None, None]:
        """Yield the estimates of a source as they come.

        A live source never waits: its sound is taken in by a thread of its own, and where inference
        is slower than sound, windows are skipped and counted. Of a recording every window is
        scored, and its words are waited for. Leaving the loop closes the source.

        Args:
            source: path of a recording, any `AudioSource`, or None for the default microphone.
            on_speech: called in the caller's thread, between estimates.

        Raises:
            InputError: the source cannot be used, or another stream goes on.
        """
        return self._estimates(open_source(source), on_speech, threading.Event())

    def push(
        self, samples: Samples, rate: float, on_speech: OnSpeech = _ignore
    ) -> list[EmotionEstimate]:
        """Take the next samples of a stream that the caller feeds, and return what is ready.

        The first call begins a stream; `finish` ends it. The estimates are those of the same
        recording in `stream`, however its samples are divided. Every window is scored before this
        returns. It never waits for words: estimates with words are returned by a later call. Call
        it from one thread at a time.

        Args:
            samples: (n,) or (n, channels). Integers are scaled by their type (int16 / 32768; uint8
                is offset binary), floats have full scale +-1.
            rate: sample rate in Hz; it may change from call to call.

        Raises:
            InputError: the samples or the rate are not accepted, and are left out; or a stream of
                another source goes on.
        """
        array, rate_hz = checked_samples(samples, rate)
        if self._pushed is None:
            session, number = self._begin(PushedSamples())
            self._pushed = PushedStream(session, lambda wake: self._live_fusion(number, wake))
        return _estimates_of(self._pushed.push(array, rate_hz), on_speech)

    def finish(self, on_speech: OnSpeech = _ignore) -> list[EmotionEstimate]:
        """End the stream of `push` and return its last estimates; the next `push` begins anew.

        Waits for the words of the last turn, a second at most.
        """
        pushed, self._pushed = self._pushed, None
        if pushed is None:
            return []
        try:
            return _estimates_of(pushed.finish(), on_speech)
        finally:
            self._active = None

    async def astream(
        self,
        source: AudioSource | Iterable[Samples] | AsyncIterable[Samples] | str | Path | None = None,
        rate: float | None = None,
        on_speech: OnSpeech = _ignore,
    ) -> AsyncGenerator[EmotionEstimate, None]:
        """Yield the estimates of a source as they come; inference runs in a thread.

        Leaving the loop, and cancelling the task, closes the source.

        Args:
            source: as `stream` takes it, or an iterable or asynchronous iterable of arrays, as
                `push` takes them. Like a recording, an iterable is read as fast as its windows are
                scored, and the words of its turns are waited for.
            rate: sample rate of an iterable's arrays in Hz.
            on_speech: called in the event loop, between estimates.

        Raises:
            InputError: the source cannot be used, or another stream goes on.
        """
        loop = asyncio.get_running_loop()
        opened = open_async_source(source, rate, loop)
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

    def change(self, **settings: float | None) -> None:
        """Change settings while a stream runs; they count from the next window on.

        Args:
            settings: any of window_s, hop_s, min_speech_s, min_confidence and smoothing, as in
                `RecognizerSettings`. Another window or smoothing counts from the next turn on.

        Raises:
            InputError: one of them cannot be used; all stay as they were.
        """
        changed = self.settings.changed(**settings)
        windows = window_settings(self._model, changed)
        self._scorer.settings = scoring_settings(self._model, self.info, changed, windows)
        self.settings, self._windows = changed, windows
        if self._text_scorer is not None:
            _apply(changed, self._text_scorer)
        if self._session is not None:
            self._session.windower.windows = windows

    @property
    def muted(self) -> bool:
        """Whether sound is ignored because the robot itself speaks. May be set at any time."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._muted = muted
        if self._session is not None:
            self._session.windower.muted = muted

    @property
    def status(self) -> StreamStatus:
        """The state of the stream right now, or of the last one. May be read from any thread."""
        asr = self._asr.status if self._asr else None
        text_error = self._text_scorer.error if self._text_scorer else ""
        if self._session is None:
            return StreamStatus(muted=self._muted, asr=asr, text_error=text_error)
        return self._session.status(asr, text_error)

    @property
    def hop_s(self) -> Seconds:
        """Seconds from one interval estimate to the next."""
        return self._windows.hop_frames * self._windows.features.frame_s

    @property
    def text_info(self) -> ModelInfo | None:
        """Description of the network that takes words beside sound; None without one."""
        return self._text_scorer.info if self._text_scorer else None

    def close(self) -> None:
        """End speech recognition and its process; also done when the object is no longer used."""
        self._release()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _estimates(
        self, source: AudioSource, on_speech: OnSpeech, stopping: threading.Event
    ) -> Generator[EmotionEstimate, None, None]:
        """Yield the estimates of a source.

        Args:
            stopping: when it is set, the words of a recording are not waited for.
        """
        session, number = self._begin(source)
        if source.live:
            events = live_events(session, lambda wake: self._live_fusion(number, wake))
        else:
            events = recorded_events(session, self._recorded_fusion(number, stopping))
        try:
            with contextlib.closing(source), contextlib.closing(events):
                for event in events:
                    if isinstance(event, Speech):
                        on_speech(event)
                    else:
                        yield event
        finally:
            self._active = None

    def _begin(self, source: AudioSource) -> tuple[StreamSession, int]:
        """Begin a stream; return its session and its number.

        Raises:
            InputError: another stream goes on.
        """
        windower = StreamWindower(
            self._windows, self.settings.turns, self.settings.channel, source.settle_s
        )
        session = StreamSession(source, windower, self._scorer)
        with self._lock:
            if self._active is not None:
                raise InputError(
                    f"{source.name}: this recogniser is listening to {self._active.source.name}; "
                    "end that stream first (finish() ends one of pushed samples), or use another "
                    "Recognizer"
                )
            self._active = self._session = session
            self._streams += 1
            self._scorer.reset()
            windower.muted = self._muted
            return session, self._streams

    def _recorded_fusion(self, stream: int, stopping: threading.Event) -> WordFusion:
        if self._asr is None:
            return WithoutWords()
        return RecordedWordFusion(self._asr, self._text_scorer, stream, stopping)

    def _live_fusion(self, stream: int, wake: Callable[[], None]) -> WordFusion:
        if self._asr is None:
            return WithoutWords()
        return LiveWordFusion(self._asr, self._text_scorer, stream, wake)


def _estimates_of(events: list[Event], on_speech: OnSpeech) -> list[EmotionEstimate]:
    """Return the estimates among the events, after handing over the words."""
    for event in events:
        if isinstance(event, Speech):
            on_speech(event)
    return [event for event in events if isinstance(event, EmotionEstimate)]


def _load_text_scorer(settings: RecognizerSettings, device: str) -> TextScorer | None:
    if not settings.text_model:
        return None
    scorer = TextScorer.load(settings.text_model, device)
    _apply(settings, scorer)
    return scorer


def _apply(settings: RecognizerSettings, scorer: TextScorer) -> None:
    scorer.min_speech, scorer.min_confidence = settings.min_speech_s, settings.min_confidence


def _close_asr(asr: AsrWorker | None) -> None:
    if asr is not None:
        asr.close()
