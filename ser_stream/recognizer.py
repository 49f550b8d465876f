"""The heart: a source of sound in, emotion estimates out."""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import torch

from ser_stream.audio.block import AudioSource
from ser_stream.audio.microphone import Microphone
from ser_stream.audio.recording import Recording
from ser_stream.audio.turns import TurnSettings
from ser_stream.decoding import INTERVAL
from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.inference import Judge, JudgeSettings
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model
from ser_stream.session import SILENCE_DBFS, StreamSession, Window, WindowSettings
from ser_stream.units import Decibels, Seconds

logger = logging.getLogger("ser_stream")


@dataclasses.dataclass(frozen=True)
class StreamStatus:
    """What a stream is doing right now.

    Attributes:
        position_s: how much sound there was.
        level_dbfs: of the newest block.
        speaking: someone speaks.
        windows: estimates made.
        skipped: windows that were not judged because a newer one was there already.
        gaps, gap_s: interruptions of the sound, and how long they were together.
        bad_samples: samples that were no numbers.
        judging_s: how long the window that is judged right now has been; 0 where none is.
        source: what the source says of itself, where it does ("" = all is well).
    """

    position_s: Seconds = 0.0
    level_dbfs: Decibels = SILENCE_DBFS
    speaking: bool = False
    windows: int = 0
    skipped: int = 0
    gaps: int = 0
    gap_s: Seconds = 0.0
    bad_samples: int = 0
    judging_s: Seconds = 0.0
    source: str = ""


class Recognizer:
    """Recognises emotions in one stream of sound at a time.

    >>> for estimate in Recognizer().stream("speech.wav"):   # doctest: +SKIP
    ...     print(estimate.end_s, estimate.expression, estimate.confidence)

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
    ):
        if threads is not None:
            torch.set_num_threads(threads)
        self._model, self.info = load_model(model, _torch_device(device))
        self._settings = {
            "window_s": window_s,
            "hop_s": hop_s,
            "min_speech_s": min_speech_s,
            "min_confidence": min_confidence,
            "smoothing": smoothing,
        }
        self._windows, judge_settings = self._checked(self._settings)
        self._judge = Judge(self._model, self.info.name, judge_settings)
        self._turns = TurnSettings()
        self._channel = channel
        self._muted = False
        self._session: StreamSession | None = None
        self._source: AudioSource | None = None
        self._slot = _NewestWins()
        self._judged = 0
        self._judging_since: float | None = None  # monotonic
        self._warm_up()
        if not self.info.training_data.commercial_use:
            logger.info("model %s: %s", self.info.name, self.info.training_data.licence)

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
    def hop_s(self) -> Seconds:
        return self._windows.hop_frames * self._windows.features.frame_s

    @property
    def status(self) -> StreamStatus:
        """The stream right now. May be read from any thread."""
        session, judging_since = self._session, self._judging_since
        if session is None:
            return StreamStatus()
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
            source="" if getattr(self._source, "connected", True) else self._source.last_error,
        )

    def stream(self, source: AudioSource | str | Path | None = None) -> Iterator[EmotionEstimate]:
        """Estimates, as they come.

        Sound of a live source is never kept waiting: it is taken in by a thread of its own, and
        where inference is slower than sound, windows are skipped and counted. Of a recording
        every window is judged. Leaving the loop closes the source.

        Args:
            source: a recording's path, any `AudioSource`, or None for the default microphone.

        Raises:
            InputError: the source cannot be used.
        """
        if source is None:
            source = Microphone()
        elif isinstance(source, (str, Path)):
            source = Recording(source)
        self._source = source
        self._judged = 0
        self._slot = _NewestWins()
        self._session = StreamSession(
            self._windows, self._turns, self._channel, settle_s=source.settle_s
        )
        self._session.muted = self._muted
        windows = self._live_windows(source) if source.live else self._every_window(source)
        try:
            for window in windows:
                self._judging_since = time.monotonic()
                estimate = self._judge(window)
                self._judging_since = None
                self._judged += 1
                yield estimate
        finally:
            self._judging_since = None
            source.close()

    def _every_window(self, source: AudioSource) -> Iterator[Window]:
        for block in source.blocks():
            yield from self._session.push(block)
        yield from self._session.finish()

    def _live_windows(self, source: AudioSource) -> Iterator[Window]:
        slot, session = self._slot, self._session

        def listen() -> None:
            try:
                for block in source.blocks():
                    for window in session.push(block):
                        slot.put(window)
                for window in session.finish():
                    slot.put(window)
                slot.end()
            except BaseException as error:  # whatever ends the thread is raised in the caller's
                slot.end(error)

        listener = threading.Thread(target=listen, name="ser_stream-listen", daemon=True)
        listener.start()
        try:
            yield from slot
        finally:
            source.close()
            listener.join(timeout=5.0)

    def _checked(self, settings: dict) -> tuple[WindowSettings, JudgeSettings]:
        """What the settings mean for windows and for judging them."""
        _check_range("min_speech_s", settings["min_speech_s"], 0.1, 10.0)
        _check_range("min_confidence", settings["min_confidence"], 0.0, 1.0)
        _check_range("smoothing", settings["smoothing"], 0.0, 0.99)
        windows = _window_settings(
            self._model, settings["window_s"], settings["hop_s"], settings["min_speech_s"]
        )
        floor, smoothing = settings["min_confidence"], settings["smoothing"]
        calibration = {
            trigger: fitted if floor is None else dataclasses.replace(fitted, floor=floor)
            for trigger, fitted in self.info.calibration.items()
        }
        return windows, JudgeSettings(
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


class _NewestWins:
    """Hands windows from the listening thread to the judging one.

    An interval window that was not fetched in time gives way to the next one; the last window of a
    turn never does.

    Attributes:
        skipped: how many gave way.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._windows: deque[Window] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None

    def put(self, window: Window) -> None:
        with self._changed:
            if self._windows and self._windows[-1].trigger == INTERVAL:
                self._windows.pop()
                self.skipped += 1
            self._windows.append(window)
            self._changed.notify()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come; `error` is raised to whom iterates, after the last window."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def __iter__(self) -> Iterator[Window]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._windows or self._ended)
                if not self._windows:
                    if self._error is not None:
                        raise self._error
                    return
                window = self._windows.popleft()
            yield window


def _torch_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"device {device!r}: {reason}; accepted are auto, cpu, and cuda where there is a GPU"
        ) from error
    return device


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InputError(f"{name}: found {value}; accepted are {low} to {high}")


def _window_settings(
    model: EmotionModel, window_s: Seconds | None, hop_s: Seconds | None, min_speech_s: Seconds
) -> WindowSettings:
    """Window and hop in frames, checked against the steps of the model."""
    step, overlap, frame_s = model.frames_per_step, model.context_of_step, model.features.frame_s
    hop_frames, window_frames = model.hop_frames, model.window_frames
    if hop_s is not None:
        hop_frames = _allowed("hop", hop_s, step, 0, model.window_frames - overlap, frame_s)
    if window_s is not None:
        window_frames = _allowed("window", window_s, step, overlap, model.window_frames, frame_s)
    return WindowSettings(model.features, window_frames, hop_frames, min_speech_s)


def _allowed(name: str, value_s: Seconds, step: int, base: int, most: int, frame_s: Seconds) -> int:
    """`value_s` in frames, where it is `base` and one or more whole steps, up to `most`."""
    frames = value_s / frame_s
    finite = min(max(frames, 0), most) if math.isfinite(frames) else most
    nearest = base + step * max(1, round((finite - base) / step))
    if not abs(frames - nearest) <= 0.01:
        neighbours = {n for n in (nearest - step, nearest, nearest + step) if base < n <= most}
        listed = ", ".join(f"{n * frame_s:g}" for n in sorted(neighbours))
        raise InputError(
            f"{name}: found {value_s:g} s; this model takes {(base + step) * frame_s:g} to "
            f"{most * frame_s:g} s in steps of {step * frame_s:g} s; nearest are {listed} s"
        )
    return nearest
