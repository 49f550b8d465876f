"""The parts of a stream that are scored: windows of a turn in progress, and the turn's end."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ser_stream.audio.turns import Turn
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.features.base import StreamingFeatureConfig
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Seconds

FloatSamples = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class WindowSettings:
    """Settings for cutting a stream into windows.

    Attributes:
        features: settings of the features that windows consist of.
        window_frames: length of a window, in frames of the features.
        hop_frames: distance from one window to the next, in frames.
        min_speech: windows of a turn begin once it holds this much speech.
    """

    features: StreamingFeatureConfig
    window_frames: int
    hop_frames: int
    min_speech: Seconds


class TurnFeatures:
    """Feature frames and sound of one turn, from its first sample on.

    Both are append-only: another thread may read the frames before a window's `n_frames` and the
    samples before its `n_samples` at the same time.

    Attributes:
        turn: where the turn begins and ends, and which of its frames are speech.
        number: of the turn in its stream, from 1.
    """

    def __init__(self, turn: Turn, number: int, config: StreamingFeatureConfig, max_turn: Seconds):
        self.turn = turn
        self.number = number
        self.n_frames = 0
        self.n_samples = 0
        self._extract = config.stream()
        capacity = round((max_turn + 1.0) * SAMPLE_RATE_HZ)
        self._frames = np.empty((config.frames_in(capacity), config.dimension), np.float32)
        self._sound = np.empty(capacity, np.float32)

    def push(self, samples: FloatSamples) -> None:
        """Append the turn's next samples (n,)."""
        frames = self._extract(samples)
        self._frames[self.n_frames : self.n_frames + len(frames)] = frames
        self.n_frames += len(frames)
        self._sound[self.n_samples : self.n_samples + len(samples)] = samples
        self.n_samples += len(samples)

    def sound(self, n_samples: int) -> FloatSamples:
        """Return the first samples (n_samples,), or all where there are fewer, as a view."""
        return self._sound[: min(n_samples, self.n_samples)]

    def read(self, start: int, end: int) -> FloatSamples:
        """Return frames [start, end) as a view, (frames, dimension)."""
        return self._frames[start:end]


@dataclasses.dataclass(frozen=True)
class TurnPart:
    """A part of a turn that is to be scored: the common fields of `Window` and `TurnEnd`.

    Attributes:
        turn: number of the turn in its stream, from 1.
        features: frames and sound of the turn; the newest window is the last frames before
            `n_frames`.
        n_frames: frames from the beginning of the turn to the end of this part.
        n_samples: samples from the beginning of the turn to the end of this part.
        start_s, end_s: the part's time span on the stream's clock.
        speech_s, speech_ratio: seconds and share of the part that are speech.
        covers_turn: whether the newest window holds all of the turn so far.
        level_dbfs: root mean square level of the part.
        clipped: whether samples of the part are at full scale.
        captured_at: `time.monotonic()` when the part's last sample was captured.
    """

    trigger: ClassVar[str]

    turn: int
    features: TurnFeatures
    n_frames: int
    n_samples: int
    start_s: Seconds
    end_s: Seconds
    speech_s: Seconds
    speech_ratio: float
    covers_turn: bool
    level_dbfs: Decibels
    clipped: bool
    captured_at: float

    @property
    def turn_sound(self) -> FloatSamples:
        """The turn's sound from its beginning to the end of this part, (n,) at 16 kHz: a view.

        The last 32 ms are missing at the end of a turn that was cut because it grew too long.
        """
        return self.features.sound(self.n_samples)

    @property
    def turn_start_s(self) -> Seconds:
        """When the turn began, on the stream's clock."""
        return self.end_s - self.n_samples / SAMPLE_RATE_HZ

    @property
    def sound(self) -> FloatSamples:
        """The part's own sound, from `start_s` to `end_s`, (n,) at 16 kHz: a view."""
        length = round((self.end_s - self.start_s) * SAMPLE_RATE_HZ)
        return self.turn_sound[self.n_samples - length :]


@dataclasses.dataclass(frozen=True)
class Window(TurnPart):
    """The last few seconds of a turn in progress; there is one every hop."""

    trigger: ClassVar[str] = INTERVAL

    @property
    def weight_s(self) -> Seconds:
        """Weight of this window in the turn's answer: the seconds of speech in it."""
        return self.speech_s


@dataclasses.dataclass(frozen=True)
class TurnEnd(TurnPart):
    """A whole turn that has ended. Its last window is scored, and then the turn as a whole.

    `captured_at` is when the turn's last sample was captured, before the pause that ended it.

    Attributes:
        weight_s: weight of the last window in the turn's answer: the seconds of speech in it.
    """

    trigger: ClassVar[str] = UTTERANCE

    weight_s: Seconds
