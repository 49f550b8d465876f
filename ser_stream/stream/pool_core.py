"""The work of a pool of streams, without its thread: one run analyses and scores what is there."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from ser_stream.asr.base import NONE
from ser_stream.audio.voice_activity import detect_together
from ser_stream.engines.calls import answer_together, proceed
from ser_stream.errors import InputError, shown
from ser_stream.stream.model_settings import scoring_settings, window_settings
from ser_stream.stream.opening import open_model
from ser_stream.stream.pooled import PooledStream, Receivers
from ser_stream.stream.pushed import PushedSamples
from ser_stream.stream.scoring import ScoringSettings, WindowScorer
from ser_stream.stream.session import StreamSession
from ser_stream.stream.settings import RecognizerSettings
from ser_stream.stream.window import WindowSettings
from ser_stream.stream.windowing import StreamWindower
from ser_stream.stream.word_recognition import WordRecognition
from ser_stream.units import Seconds

MAX_BATCH = 32
"""Streams that are scored in one run. More are no cheaper each, and their estimates would wait."""


class PoolCore:
    """The network and the streams of a pool; see `StreamPool` for the arguments.

    `run_once` is called by one thread, the other methods by any.

    Attributes:
        settings: of all streams.
        info: description of the network.

    Raises:
        InputError: a setting cannot be used; the message says what is accepted.
    """

    def __init__(self, settings: RecognizerSettings, max_streams: int):
        _check(settings, max_streams)
        self.settings = settings
        self._network, self.info, self._windows, _ = open_model(settings)
        self._answer = functools.partial(answer_together, self._network)
        self._max_streams = max_streams
        self._lock = threading.Lock()
        self._closed = False
        self._streams: dict[str, PooledStream] = {}

    @property
    def engine(self) -> str:
        """What runs the network, such as "onnx" or "torch on cuda"."""
        return self._network.engine

    @property
    def hop_s(self) -> Seconds:
        """Seconds from one interval estimate of a stream to the next."""
        return self._windows.hop_s

    @property
    def streams(self) -> list[PooledStream]:
        """The streams that are not over."""
        with self._lock:
            return list(self._streams.values())

    @property
    def wait_s(self) -> Seconds | None:
        """Longest time until `run_once` has something to do, without sound; None: any time."""
        return min((wait_s for s in self.streams if (wait_s := s.wait_s) is not None), default=None)

    @property
    def over(self) -> bool:
        """Whether the pool is closed, and its last estimate has been delivered."""
        with self._lock:
            return self._closed and not self._streams

    def open(
        self,
        name: str,
        receivers: Receivers,
        settle_s: Seconds = 0.0,
        settings: RecognizerSettings | None = None,
        words: WordRecognition | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> PooledStream:
        """Open a stream.

        Args:
            receivers: of what comes of it.
            settle_s: see `AudioSource`.
            words: recognises its words; None: nothing does.
            wake: called, in another thread, when there are words for `run_once` to deliver.
            settings: of this stream, where they are not those of the pool. They may differ in
                `CHANGEABLE` and in `channel`.

        Raises:
            InputError: there is one of that name, or there are too many, or the pool is closed; or
                a setting does not fit the model.
        """
        source = PushedSamples(name, waits=True)
        settings = settings or self.settings
        windows, scoring = self.windows_and_scoring(settings)
        keep_sound = words is not None
        windower = StreamWindower(
            windows, settings.turns, settings.channel, settle_s, keep_sound, name
        )
        scorer = WindowScorer(self._network, self.info.name, scoring, note=self._network.note)
        session = StreamSession(source, windower, scorer)
        with self._lock:
            self._check_room(name)
            stream = PooledStream(name, session, receivers, words, wake)
            self._streams[name] = stream
        return stream

    def windows_and_scoring(
        self, settings: RecognizerSettings
    ) -> tuple[WindowSettings, ScoringSettings]:
        """Return how the windows of a stream with these settings are cut and scored.

        Raises:
            InputError: a setting does not fit the model.
        """
        windows = window_settings(self._network, settings)
        return windows, scoring_settings(self._network, self.info, settings, windows)

    def close(self) -> None:
        """Accept no more streams, and end the sound of the others."""
        with self._lock:
            self._closed = True
            for stream in self._streams.values():
                stream.sound.end()

    def abandon(self) -> None:
        """Let go of all streams at once."""
        self.close()
        for stream in self.streams:
            stream.abandon()
        self._remove_finished()

    def run_once(self) -> bool:
        """Analyse some sound of each stream and score what is due; return whether more is left.

        The work is bounded, however much sound waits. What is due comes first, by the time of its
        last sample; steps of turns in progress are computed ahead where there is room.
        """
        streams = self.streams
        for stream in streams:
            stream.deliver()
        run_together((s.analysis() for s in streams if s.has_sound), detect_together)
        due = sorted((s for s in streams if s.due), key=lambda s: s.captured_at)
        ahead = [s for s in streams if s.session.can_encode_ahead and not s.due]
        run_together((s.scoring() for s in (due + ahead)[:MAX_BATCH]), self._answer, proceed)
        for stream in streams:
            stream.report_ends()
        self._remove_finished()
        return any(s.has_work for s in self.streams)

    def _check_room(self, name: str) -> None:
        if self._closed:
            raise InputError(f"stream {name!r}: the pool is closed; make another StreamPool")
        if name in self._streams:
            raise InputError(
                f"stream {name!r}: it is open already; close it first, or choose another name"
            )
        if len(self._streams) >= self._max_streams:
            raise InputError(
                f"stream {name!r}: found {len(self._streams)} open streams; this pool accepts "
                f"{self._max_streams}: raise max_streams, or let one end"
            )

    def _remove_finished(self) -> None:
        with self._lock:
            finished = [stream for stream in self._streams.values() if stream.over]
            for stream in finished:
                del self._streams[stream.name]
        for stream in finished:  # without the lock: what is called then may use the pool
            stream.let_go()


def run_together(
    asking: Iterable[Generator[Any, Any, None]],
    answer: Callable[[list[Any]], Sequence[Any]],
    proceed: Callable[[Generator[Any, Any, None], Any], Any] = lambda each, found: each.send(found),
) -> None:
    """Run generators side by side; the calls that they yield are answered together, in rounds.

    Args:
        proceed: gives a generator its answer, and returns its next call.
    """
    calls = [(each, call) for each in asking if (call := next(each, None)) is not None]
    while calls:
        answers = answer([call for _, call in calls])
        calls = [
            (each, call)
            for (each, _), found in zip(calls, answers, strict=True)
            if (call := _next_call(proceed, each, found)) is not None
        ]


def _next_call(
    proceed: Callable[[Generator[Any, Any, None], Any], Any],
    asking: Generator[Any, Any, None],
    answer: Any,
) -> Any | None:
    """Give a generator the answer of its call and return the next call; None at its end."""
    try:
        return proceed(asking, answer)
    except StopIteration:
        return None


def _check(settings: RecognizerSettings, max_streams: object) -> None:
    """Check settings that a `Recognizer` accepts and a pool may not."""
    if not (type(max_streams) is int and max_streams >= 1):
        raise InputError(
            f"max_streams: found {shown(max_streams)}; accepted are whole numbers from 1 on"
        )
    if settings.asr.backend != NONE:  # without it there is no text model, see RecognizerSettings
        raise InputError(
            f"asr: found {shown(settings.asr.backend)}; accepted is {NONE}: a process recognises "
            "the words of one stream; see words of StreamPool.open"
        )
