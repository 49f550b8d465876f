"""The parts of a stream that are scored: windows of a turn in progress, and the turn's end."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ser_stream.audio.turns import Turn
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.features.base import StreamingFeatureConfig
from ser_stream.stream.growing import GrowingArray, GrowingEnergy
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Seconds

FloatSamples = NDArray[np.float32]

FIRST_CAPACITY_S: Seconds = 2.0
"""Length of a turn that its first buffers hold."""
EXTRACTED_AT_ONCE = 10
"""Frames that are computed at once while no window needs them: those of an encoder's step."""


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

    @property
    def hop_s(self) -> Seconds:
        """Seconds from one window to the next."""
        return self.hop_frames * self.features.frame_s


class TurnFeatures:
    """Feature frames of one turn, from its first sample on, and its sound where that is kept.

    Both are append-only: another thread may read the frames before a window's `n_frames` and the
    samples before its `n_samples` at the same time. Frames are computed several at once, which
    takes a third of the time of one or two at once; see `extract`.

    Args:
        config: settings of the features.
        keep_sound: whether `sound` will be needed: by speech recognition, or by a network that
            takes a turn's sound and words. It takes twice the memory of log-mel frames.

    Attributes:
        turn: where the turn begins and ends, and which of its frames are speech.
        number: of the turn in its stream, from 1.
        energy: sums of squares of the samples.
    """

    def __init__(self, turn: Turn, number: int, config: StreamingFeatureConfig, keep_sound: bool):
        self.turn = turn
        self.number = number
        self.energy = GrowingEnergy(config.hop_length)
        self._config = config
        self._n_samples = 0
        self._pending: list[FloatSamples] = []  # samples that are not in `_frames` yet
        self._stream = config.stream()
        at_first = round(FIRST_CAPACITY_S * SAMPLE_RATE_HZ)
        self._frames = GrowingArray((config.dimension,), config.frames_in(at_first))
        self._sound = GrowingArray((), at_first) if keep_sound else None

    @property
    def n_frames(self) -> int:
        """Number of frames of the samples so far."""
        return self._config.frames_in(self._n_samples)

    @property
    def n_extracted(self) -> int:
        """Number of frames that can be read."""
        return len(self._frames)

    def push(self, samples: FloatSamples) -> None:
        """Append the turn's next samples (n,), which are not changed later."""
        self._pending.append(samples)
        self._n_samples += len(samples)
        if self.n_frames - self.n_extracted >= EXTRACTED_AT_ONCE:
            self.extract()

    def extract(self) -> None:
        """Compute the remaining frames of the samples so far."""
        if not self._pending:
            return
        samples = np.concatenate(self._pending)
        self._pending.clear()
        self.energy.append(samples)
        self._frames.append(self._stream(samples))
        if self._sound is not None:
            self._sound.append(samples)

    def sound(self, n_samples: int) -> FloatSamples:
        """Return the first samples (n_samples,), or all where there are fewer, as a view.

        Raises:
            ValueError: the turn's sound is not kept.
        """
        if self._sound is None:
            raise ValueError("the sound of this stream's turns is not kept: see keep_sound")
        return self._sound.read(0, min(n_samples, len(self._sound)))

    def read(self, start: int, end: int) -> FloatSamples:
        """Return frames [start, end) as a view, (frames, dimension)."""
        return self._frames.read(start, end)


@dataclasses.dataclass(frozen=True)
class TurnPart:
    """A part of a turn that is to be scored: the common fields of `Window` and `TurnEnd`.

    Attributes:
        turn: number of the turn in its stream, from 1.
        features: frames of the turn, and its sound where it is kept; the newest window is the last
            frames before `n_frames`.
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

        Raises:
            ValueError: the turn's sound is not kept, see `TurnFeatures`.
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
