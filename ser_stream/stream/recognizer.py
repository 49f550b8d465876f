"""The heart: a source of sound in, emotion estimates out."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from ser_stream.asr.base import NONE, AsrSettings
from ser_stream.asr.worker import AsrWorker
from ser_stream.audio.block import AudioBlock, AudioSource
from ser_stream.audio.microphone import Microphone
from ser_stream.audio.recording import Recording
from ser_stream.audio.turns import TurnSettings
from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo
from ser_stream.stream.live import WindowSlot
from ser_stream.stream.scoring import ScoringSettings, WindowScorer
from ser_stream.stream.settings import (
    check_channel,
    check_range,
    torch_device,
    window_settings,
)
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.text_scoring import TextScorer
from ser_stream.stream.windowing import StreamWindower, Window, WindowSettings
from ser_stream.stream.word_fusion import Event, LiveTurns, RecordedTurns
from ser_stream.units import Seconds
from ser_stream.words import Speech

logger = logging.getLogger("ser_stream")


def _nothing(*_) -> None:
    """Where there is nothing to do."""


class Recognizer:
    """Recognises emotions in one stream of sound at a time.

    >>> for estimate in Recognizer().stream("speech.wav"):   # doctest: +SKIP
    ...     print(estimate.end_s, estimate.expression, estimate.confidence)

    With words: speech recognition runs in a process of its own from here to `close`, or to the end
    of a with statement.

    Args:
        model: name of a shipped model, a model's folder, or a Hugging Face audio classifier's
            folder or name on the Hub.
        window_s, hop_s: length of a window, and how often there is an estimate; None = the
            model's own. In whole steps of the model: anything else is refused.
        min_speech_s: speech that a turn must have before it is judged.
        min_confidence: below it an estimate abstains; None = the model's own floor.
        smoothing: weight of the past in interval estimates, in [0, 1); None = the model's own.
        channel: which channel to listen to, from 0, or "mix".
        device: "cpu", "cuda", or "auto": a GPU where there is one.
        threads: of torch, in the whole process; None leaves torch as it is. More than one is
            slower wherever cores are shared.
        asr: which speech recogniser. It never delays an estimate. Where its model is missing or it
            fails, there are no words, and `status.asr` says why.
        text_model: shipped name or folder of a network that sees words beside sound (CAN): a second
            estimate of modality "audio+text" follows where there are words, the mean of this
            network's scores and the first estimate's. "" = words alone.

    Raises:
        InputError: one of these cannot be used; the message says what can.
    """

    def __init__(
        self,
        model: str | Path = "default",
        *,
        window_s: Seconds | None = None,
        hop_s: Seconds | None = None,
        min_speech_s: Seconds = 0.7,
        min_confidence: float | None = None,
        smoothing: float | None = None,
        channel: int | str = "mix",
        device: str = "auto",
        threads: int | None = 1,
        asr: AsrSettings = AsrSettings(),
        text_model: str | Path = "",
    ):
        check_channel(channel)
        if threads is not None:
            torch.set_num_threads(threads)
        device = torch_device(device)
        network, self.info = load_model(model, device)
        # Channels last: two-dimensional convolutions take down to a third of the time on a CPU.
        self._model = network.to(memory_format=torch.channels_last)
        self._text_judge = TextScorer.load(text_model, device) if text_model else None
        self._settings = {
            "window_s": window_s,
            "hop_s": hop_s,
            "min_speech_s": min_speech_s,
            "min_confidence": min_confidence,
            "smoothing": smoothing,
        }
        self._windows, judge_settings = self._checked(self._settings)
        self._judge = WindowScorer(self._model, self.info.name, judge_settings)
        self._set_text_judge()
        self._turns = TurnSettings()
        self._channel = channel
        self._muted = False
        self._session: StreamWindower | None = None
        self._source: AudioSource | None = None
        self._refused = ""  # why the source's last block cannot be used
        self._slot = WindowSlot()
        self._judged = 0
        self._judging_since: float | None = None  # monotonic
        self._warm_up()
        for info in filter(None, (self.info, self.text_info)):
            if not info.training_data.commercial_use:
                logger.info("model %s: %s", info.name, info.training_data.licence)
        # Last, so that nothing that is refused leaves a process behind.
        self._asr = _open_asr(asr, text_model)
        self._release = weakref.finalize(self, self._asr.close if self._asr else _nothing)

    def close(self) -> None:
        """End speech recognition and its process; done too when nobody holds the object."""
        self._release()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def change(self, **settings: float | None) -> None:
        """Change settings of `__init__` while a stream runs: from the next window on.

        Args:
            settings: any of window_s, hop_s, min_speech_s, min_confidence and smoothing. (Another
                window or smoothing counts from the next turn on.)

        Raises:
            InputError: one of them cannot be used; all stay as they were.
        """
        changed = {**self._settings, **settings}
        if changed.keys() != self._settings.keys():
            raise InputError(
                f"change: found {', '.join(settings)}; accepted are {', '.join(self._settings)}"
            )
        self._windows, self._judge.settings = self._checked(changed)
        self._settings = changed
        self._set_text_judge()
        if self._session is not None:
            self._session.windows = self._windows

    @property
    def muted(self) -> bool:
        """Whether sound is ignored, because the robot itself speaks. May be set at any time."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._muted = muted
        if self._session is not None:
            self._session.muted = muted

    @property
    def text_info(self) -> ModelInfo | None:
        """Of the network that sees words beside sound."""
        return self._text_judge.info if self._text_judge else None

    @property
    def hop_s(self) -> Seconds:
        return self._windows.hop_frames * self._windows.features.frame_s

    @property
    def status(self) -> StreamStatus:
        """The stream right now. May be read from any thread."""
        session, judging_since = self._session, self._judging_since
        words = dict(
            asr=self._asr.status if self._asr else None,
            text_error=self._text_judge.error if self._text_judge else "",
        )
        if session is None:
            return StreamStatus(**words)
        return StreamStatus(
            position_s=session.position_s,
            level_dbfs=session.level_dbfs,
            speaking=session.speaking,
            windows=self._judged,
            skipped=self._slot.skipped,
            gaps=session.timeline.gaps,
            gap_s=session.timeline.gap_s,
            bad_samples=session.conditioner.bad_samples,
            judging_s=0.0 if judging_since is None else time.monotonic() - judging_since,
            source=self._source_error,
            muted=self._muted,
            **words,
        )

    @property
    def _source_error(self) -> str:
        if not getattr(self._source, "connected", True):
            return self._source.last_error
        return self._refused

    def stream(
        self,
        source: AudioSource | str | Path | None = None,
        on_speech: Callable[[Speech], None] = _nothing,
    ) -> Iterator[EmotionEstimate]:
        """Estimates, as they come.

        Sound of a live source is never kept waiting: it is taken in by a thread of its own, and
        where inference is slower than sound, windows are skipped and counted. Of a recording
        every window is judged, and words are waited for. Leaving the loop closes the source.

        Args:
            source: a recording's path, any `AudioSource`, or None for the default microphone.
            on_speech: called with the words of a turn, so far and at its end, where speech
                recognition runs; by whom iterates, between estimates.

        Raises:
            InputError: the source cannot be used.
        """
        if source is None:
            source = Microphone()
        elif isinstance(source, (str, Path)):
            source = Recording(source)
        self._source, self._refused = source, ""
        self._judged = 0
        self._judge.forget()
        self._slot = WindowSlot()
        self._session = StreamWindower(
            self._windows, self._turns, self._channel, settle_s=source.settle_s
        )
        self._session.muted = self._muted
        events = self._live(source) if source.live else self._recorded(source)
        try:
            for event in events:
                if isinstance(event, Speech):
                    on_speech(event)
                else:
                    yield event
        finally:
            self._judging_since = None
            events.close()
            source.close()

    def _estimate(self, window: Window) -> EmotionEstimate:
        """The first estimate, by sound."""
        self._judging_since = time.monotonic()
        estimate = self._judge(window)
        self._judging_since = None
        self._judged += 1
        return estimate

    def _recorded(self, source: AudioSource) -> Iterator[Event]:
        turns = RecordedTurns(self._asr, self._text_judge) if self._asr else None
        for window in self._every_window(source):
            estimate = self._estimate(window)
            if turns is None:
                yield estimate
            else:
                yield from turns.events(window, estimate)

    def _every_window(self, source: AudioSource) -> Iterator[Window]:
        for block in source.blocks():
            yield from self._session.push(block)
        yield from self._session.finish()

    def _live(self, source: AudioSource) -> Iterator[Event]:
        with contextlib.ExitStack() as stack:
            turns = None
            if self._asr is not None:
                turns = LiveTurns(self._asr, self._text_judge, lambda: self._slot.wake())
                stack.callback(turns.close)
                self._slot = WindowSlot(turns.patience)
            stack.enter_context(self._listening(source, turns))
            for window in self._slot:
                if window is not None:
                    estimate = self._estimate(window)
                    if turns is None:
                        yield estimate
                    else:
                        turns.judged(window, estimate)
                if turns is not None:
                    yield from turns.take()

    @contextlib.contextmanager
    def _listening(self, source: AudioSource, turns: LiveTurns | None) -> Iterator[None]:
        """The thread that takes sound in and fills the slot."""
        slot, session = self._slot, self._session

        def put(windows: list[Window]) -> None:
            for window in windows:
                if turns is not None:  # first: it must know the window when that is judged
                    turns.hear(window)
                slot.put(window)

        def listen() -> None:
            try:
                for block in source.blocks():
                    put(self._heard(block))
                put(session.finish())
                slot.end()
            except BaseException as error:  # whatever ends the thread is raised in the caller's
                slot.end(error)

        listener = threading.Thread(target=listen, name="ser_stream-listen", daemon=True)
        listener.start()
        try:
            yield
        finally:
            source.close()
            listener.join(timeout=5.0)

    def _heard(self, block: AudioBlock | None) -> list[Window]:
        """Windows that a live source's block completed, or that there was no sound.

        A block that cannot be used is none: the next one may be better, when a microphone comes
        back, or a topic's publisher is started again. Only what was wrong from the beginning is an
        error, where the source does not wait.
        """
        if block is None:
            return self._session.break_off()
        try:
            windows = self._session.push(block)
        except InputError as error:
            if not self._session.position_s and not getattr(self._source, "waits", False):
                raise
            self._refused = str(error)
            return self._session.break_off()
        self._refused = ""
        return windows

    def _set_text_judge(self) -> None:
        if self._text_judge is not None:
            self._text_judge.min_speech = self._settings["min_speech_s"]
            self._text_judge.min_confidence = self._settings["min_confidence"]

    def _checked(self, settings: dict) -> tuple[WindowSettings, ScoringSettings]:
        """What the settings mean for windows and for judging them."""
        check_range("min_speech_s", settings["min_speech_s"], 0.1, 10.0, may_be_none=False)
        check_range("min_confidence", settings["min_confidence"], 0.0, 1.0)
        check_range("smoothing", settings["smoothing"], 0.0, 0.99)
        windows = window_settings(
            self._model, settings["window_s"], settings["hop_s"], settings["min_speech_s"]
        )
        floor, smoothing = settings["min_confidence"], settings["smoothing"]
        calibration = {
            trigger: fitted if floor is None else dataclasses.replace(fitted, floor=floor)
            for trigger, fitted in self.info.calibration.items()
        }
        return windows, ScoringSettings(
            window_steps=self._model.steps_in(windows.window_frames),
            smoothing=self.info.smoothing if smoothing is None else smoothing,
            calibration=calibration,
            min_speech=windows.min_speech,
        )

    def _warm_up(self) -> None:
        """First calls are slow: make them before there is sound."""
        shape = (1, self._windows.window_frames, self._windows.features.dimension)
        with torch.inference_mode():
            for _ in range(3):
                self._model(torch.zeros(shape, device=next(self._model.parameters()).device))


def _open_asr(settings: AsrSettings, text_model: str | Path) -> AsrWorker | None:
    if settings.backend != NONE:
        return AsrWorker(settings)
    if text_model:
        raise InputError(f"text_model: found {str(text_model)!r}, but asr is {NONE}: no words")
    return None
