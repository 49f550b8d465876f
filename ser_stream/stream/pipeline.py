"""The parts that all streams of a recogniser share: networks, settings, speech recognition."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator

from ser_stream.asr.base import NONE
from ser_stream.audio.block import AudioSource
from ser_stream.errors import InputError
from ser_stream.models.info import ModelInfo
from ser_stream.stream.live import live_events
from ser_stream.stream.model_settings import scoring_settings, window_settings
from ser_stream.stream.opening import open_model
from ser_stream.stream.pushed import PushedSamples, PushedStream
from ser_stream.stream.scoring import WindowScorer
from ser_stream.stream.session import StreamSession, recorded_events
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.windowing import StreamWindower
from ser_stream.stream.word_fusion import Event, WithoutWords, WordFusion
from ser_stream.stream.word_recognition import WordRecognition
from ser_stream.units import Seconds


class Pipeline:
    """Loads the networks, starts speech recognition, and runs one stream at a time.

    Attributes:
        settings: the current settings; replaced by `change`.
        info: description of the network that scores sound.

    Raises:
        InputError: a setting cannot be used; the message says what is accepted.
    """

    def __init__(self, settings: RecognizerSettings) -> None:
        self.settings = settings
        self._network, self.info, self._windows, scoring = open_model(settings)
        note = self._network.note
        self._scorer = WindowScorer(self._network, self.info.name, scoring, note=note)
        self._muted = False
        self._lock = threading.Lock()
        self._running: StreamSession | None = None
        self._newest: StreamSession | None = None  # the running session, or the last one
        # Last, so that a setting that is refused leaves no process behind.
        self._words = None if settings.asr.backend == NONE else WordRecognition(settings)

    @property
    def hop_s(self) -> Seconds:
        """Seconds from one interval estimate to the next."""
        return self._windows.hop_s

    @property
    def engine(self) -> str:
        """What runs the network, such as "onnx" or "torch on cuda"."""
        return self._network.engine

    @property
    def text_info(self) -> ModelInfo | None:
        """Description of the network that scores sound and words; None without one."""
        return self._words.text_info if self._words else None

    @property
    def muted(self) -> bool:
        """Whether sound is ignored because the robot itself speaks."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._muted = muted
        if self._newest is not None:
            self._newest.windower.muted = muted

    @property
    def status(self) -> StreamStatus:
        """The state of the running stream, or of the last one. May be read from any thread."""
        newest = self._newest
        status = StreamStatus(muted=self._muted) if newest is None else newest.status()
        return status if self._words is None else self._words.completed(status)

    def change(self, settings: RecognizerSettings) -> None:
        """Replace the settings that may be changed while a stream runs.

        Raises:
            InputError: one of them cannot be used; all stay as they were.
        """
        windows = window_settings(self._network, settings)
        self._scorer.settings = scoring_settings(self._network, self.info, settings, windows)
        self.settings, self._windows = settings, windows
        if self._words is not None:
            self._words.change(settings)
        if self._newest is not None:
            self._newest.windower.windows = windows

    def events(
        self, source: AudioSource, stopping: threading.Event
    ) -> Generator[Event, None, None]:
        """Yield the estimates and words of a source, and close it at the end.

        Args:
            stopping: when it is set, the words of a recording are not waited for.

        Raises:
            InputError: the source cannot be used, or another stream is running; or the words of a
                recording cannot be recognised.
            InferenceError: the network fails again and again.
        """
        session = self._start(source)
        try:
            with contextlib.closing(source):
                if source.live:
                    events = live_events(session, self._live_fusion)
                else:
                    self.wait_for_words(stopping)
                    events = recorded_events(session, self._recorded_fusion(stopping))
                with contextlib.closing(events):
                    yield from events
        finally:
            self._end(session)

    def wait_for_words(self, stopping: threading.Event) -> None:
        """Wait until speech recognition, where it is to run, has been loaded.

        Raises:
            InputError: see `AsrWorker.wait_until_ready`.
        """
        if self._words is not None:
            self._words.wait_until_ready(stopping)

    def start_pushed(self) -> PushedStream:
        """Start a stream whose samples are pushed; `end_pushed` ends it.

        Raises:
            InputError: another stream is running.
        """
        session = self._start(PushedSamples())
        try:
            return PushedStream(session, self._live_fusion)
        except BaseException:
            self._end(session)
            raise

    def end_pushed(self, stream: PushedStream) -> list[Event]:
        """End a stream of pushed samples and return its last events."""
        try:
            return stream.finish()
        finally:
            self._end(stream.session)

    def close(self) -> None:
        """End speech recognition and its process; also done when the object is no longer used."""
        if self._words is not None:
            self._words.close()

    def _start(self, source: AudioSource) -> StreamSession:
        """Make a stream of the source the running one, with empty turn and speaker memory.

        Raises:
            InputError: another stream is running.
        """
        settings = self.settings
        keep_sound = self._words is not None
        windower = StreamWindower(
            self._windows,
            settings.turns,
            settings.channel,
            source.settle_s,
            keep_sound,
            source.name,
        )
        session = StreamSession(source, windower, self._scorer)
        with self._lock:
            if self._running is not None:
                raise InputError(
                    f"{source.name}: this recogniser is listening to {self._running.source.name}; "
                    "end that stream first (finish() ends one of pushed samples), or use another "
                    "Recognizer"
                )
            self._running = self._newest = session
            self._scorer.reset()
            windower.muted = self._muted
            return session

    def _end(self, session: StreamSession) -> None:
        """Note that a stream has ended: another one may start."""
        with self._lock:
            if self._running is session:
                self._running = None

    def _recorded_fusion(self, stopping: threading.Event) -> WordFusion:
        return WithoutWords() if self._words is None else self._words.recorded_fusion(stopping)

    def _live_fusion(self, wake: Callable[[], None]) -> WordFusion:
        return WithoutWords() if self._words is None else self._words.live_fusion(wake)
