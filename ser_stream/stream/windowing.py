"""Cutting blocks of samples into the windows and turn ends that are to be scored.

The order of steps, for each block of a source::

    conditioner -> timeline -> voice activity (512 samples at a time) -> turn
                                                                          |
                               frames of the turn (log-mel or raw)   <----+
                                                    |
                  a Window every hop while someone speaks, a TurnEnd when the turn ends

No torch, no threads, no clock of its own: the same blocks always give the same windows.

Analysing a block is a generator, which yields each call of the voice activity network and is sent
its result, so that whoever drives it may run the network once for many streams.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

import numpy as np

from ser_stream.audio.block import AudioBlock, Channel
from ser_stream.audio.conditioner import Conditioner
from ser_stream.audio.timeline import Timeline
from ser_stream.audio.turns import ONSET_FRAMES, Turn, TurnDetector, TurnSettings
from ser_stream.audio.voice_activity import FRAME_LENGTH, DetectSpeech
from ser_stream.stream.window import FloatSamples, TurnEnd, TurnFeatures, Window, WindowSettings
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Seconds

SILENCE_DBFS: Decibels = -120.0

T = TypeVar("T")

Detecting = Generator[DetectSpeech, float, T]
"""A generator that yields calls of the voice activity network, is sent their results, and returns
a T."""
Analysis = Detecting[list[Window | TurnEnd]]
"""Returns the parts that are complete."""


class StreamWindower:
    """Takes the blocks of one stream and returns the windows and turn ends that they complete.

    Args:
        windows: length and distance of windows; the attribute may be replaced at any time.
        turns: when speech begins and ends.
        channel: which channel of the source is used.
        name: of the source, for the log.
        settle_s: the source's `settle_s`, see `AudioSource`.
        keep_sound: whether the parts' sound will be needed, see `TurnFeatures`.

    Attributes:
        muted: whether sound is ignored because the robot itself speaks. It is counted but not
            analysed until `HOLD_OFF` after this is False again, and the current turn ends. May be
            set from any thread.
        level_dbfs: level of the last block, before it is filtered.
    """

    HOLD_OFF: Seconds = 0.4
    """Sound is ignored this long after muting ends: a loudspeaker's last sound takes 0.3 to 0.5 s
    to pass through buffers and the room."""
    MAX_BLOCK: Seconds = 1.0
    """Longer blocks are split: it bounds the memory and the work of one step."""

    def __init__(
        self,
        windows: WindowSettings,
        turns: TurnSettings,
        channel: Channel = "mix",
        settle_s: Seconds = 0.0,
        keep_sound: bool = True,
        name: str = "audio",
    ):
        self.windows = windows
        self.conditioner = Conditioner(channel, name)
        self.timeline = Timeline(_reach_s(turns, windows.features.hop_length), settle_s)
        self.level_dbfs = SILENCE_DBFS
        self.muted = False
        self._muted_until = 0  # position
        self._keep_sound = keep_sound
        self._detector = TurnDetector(turns)
        self._features: TurnFeatures | None = None  # of the current turn
        self._n_turns = 0
        self._position = 0  # samples before it have been analysed
        self._clipped_at = -1  # position of the last clipped sample
        self._captured_at = 0.0

    @property
    def position_s(self) -> Seconds:
        """Seconds of sound taken so far."""
        return self.timeline.position / SAMPLE_RATE_HZ

    @property
    def speaking(self) -> bool:
        """Whether a turn is in progress."""
        return self._detector.turn is not None

    def turn_start_s(self, features: TurnFeatures) -> Seconds:
        """Return when the turn in progress began, on the stream's clock.

        It is counted back from the newest sample: where a turn begins at a gap, the clock's time at
        its first position would be that before the gap.
        """
        position = self.timeline.position
        elapsed_s = (position - features.turn.start) / SAMPLE_RATE_HZ
        return self.timeline.time_at(position) - elapsed_s

    @property
    def spoken(self) -> TurnFeatures | None:
        """Features of the turn in progress while someone speaks.

        None during its pauses, too: the sound since the last speech may not belong to the turn.
        """
        return self._features if self._detector.speaking else None

    def push(self, block: AudioBlock) -> list[Window | TurnEnd]:
        """Push the next block, of any length, and return the parts that it completes, in order.

        Raises:
            InputError: the block lacks the chosen channel, or has a sample rate or number of
                channels that is not accepted. It is left out.
        """
        return analysed(self.analyse(block))

    def analyse(self, block: AudioBlock) -> Analysis:
        """Push the next block, like `push`, by a generator that the caller drives to its end."""
        parts: list[Window | TurnEnd] = []
        for piece in block.pieces(self.MAX_BLOCK):
            parts += yield from self._push(piece)
        return parts

    def break_off(self) -> list[Window | TurnEnd]:
        """End the current turn, because the sound was interrupted."""
        parts = self.finish()
        self.timeline.break_off()
        return parts

    def end_turn(self) -> list[Window | TurnEnd]:
        """End the current turn here, or after its last speech; the sound goes on.

        Up to 32 ms of the newest sound, which have not been analysed yet, belong to what follows.
        """
        return self._turn_ends(self._detector.flush())

    def finish(self) -> list[Window | TurnEnd]:
        """End the stream, and return the parts that the samples still held back complete."""
        tail = self.conditioner.flush()
        parts: list[Window | TurnEnd] = []
        if len(tail):
            end_s = self.timeline.time_at(self.timeline.position) + len(tail) / SAMPLE_RATE_HZ
            parts = analysed(self._append(tail, end_s, self._captured_at, clipped=False))
        return parts + self._turn_ends(self._detector.flush())

    def _push(self, block: AudioBlock) -> Analysis:
        clipped_before = self.conditioner.clipped_samples
        channel_before = self.conditioner.source_channel
        muted = self.muted or self.timeline.position < self._muted_until
        samples = self.conditioner(block, muted)
        if len(samples):
            self.level_dbfs = power_dbfs(self.conditioner.sound.power)
        parts: list[Window | TurnEnd] = []
        if channel_before not in (None, self.conditioner.source_channel):
            parts += self._restart(self._position)  # what follows is another microphone's
        return parts + (
            yield from self._append(
                samples,
                block.time_s - self.conditioner.delay_s,
                block.captured_at - self.conditioner.held_s,
                clipped=self.conditioner.clipped_samples > clipped_before,
            )
        )

    def _append(
        self, samples: FloatSamples, end_s: Seconds, captured_at: float, clipped: bool
    ) -> Analysis:
        parts: list[Window | TurnEnd] = []
        pushed = self.timeline.push(samples, end_s)
        self._captured_at = captured_at
        if clipped:
            self._clipped_at = self.timeline.position
        if pushed.restarted:
            parts += self._restart(pushed.start)
        while self.timeline.position - self._position >= FRAME_LENGTH:
            parts += yield from self._step(self._position, self._position + FRAME_LENGTH)
        return parts

    def _step(self, start: int, end: int) -> Analysis:
        """Analyse the next 512 samples, which are at the positions [start, end)."""
        if self.muted:
            self._muted_until = end + round(self.HOLD_OFF * SAMPLE_RATE_HZ)
        if start < self._muted_until:
            return self._restart(end)
        frame = self.timeline.read(start, end)
        self._position = end
        probability = yield DetectSpeech(
            self._detector.voice_activity, self._detector.prepare(frame)
        )
        parts = self._turn_ends(self._detector.advance(probability))
        turn = self._detector.turn
        if turn is None:
            return parts
        if self._features is None:
            self._n_turns += 1
            self._features = TurnFeatures(
                turn, self._n_turns, self.windows.features, self._keep_sound
            )
            frame = self.timeline.read(turn.start, end)
        n_frames_before = self._features.n_frames
        self._features.push(frame)
        return [*parts, *self._windows(self._features, n_frames_before)]

    def _restart(self, position: int) -> list[Window | TurnEnd]:
        """End the current turn, and continue at that position as in a new stream."""
        parts = self._turn_ends(self._detector.flush())
        self._detector.reset(position)
        self._position = position
        return parts

    def _windows(self, features: TurnFeatures, n_frames_before: int) -> Iterator[Window]:
        """Yield the windows that end at hops behind `n_frames_before`, up to the newest frame."""
        hop = self.windows.hop_frames
        hop_samples = hop * self.windows.features.hop_length
        min_samples = self.windows.min_speech * SAMPLE_RATE_HZ
        turn = features.turn
        for n_frames in range((n_frames_before // hop + 1) * hop, features.n_frames + 1, hop):
            end = turn.start + self.windows.features.samples_for(n_frames)
            enough = turn.speech_samples(turn.start, end) >= min_samples
            if enough and turn.speech_samples(end - hop_samples, end):
                yield self._window(features, n_frames)

    def _turn_ends(self, turns: list[Turn]) -> list[Window | TurnEnd]:
        """Return the end of the turn that ended; nothing if none did, or if it has no frame."""
        if not turns or self._features is None:
            return []
        features, self._features = self._features, None
        end = features.turn.end
        if end is None:
            return []
        n_frames = self.windows.features.frames_in(end - features.turn.start)
        n_frames = min(features.n_frames, n_frames)
        return [self._turn_end(features, n_frames, end)] if n_frames else []

    def _window(self, features: TurnFeatures, n_frames: int) -> Window:
        start, end = self._window_span(features, n_frames)
        return Window(
            n_frames=n_frames,
            covers_turn=start == features.turn.start,
            captured_at=self._captured_at,
            **self._common_fields(features, start, end),
        )

    def _turn_end(self, features: TurnFeatures, n_frames: int, end: int) -> TurnEnd:
        turn = features.turn
        last_start, last_end = self._window_span(features, n_frames)
        pause_s = (self.timeline.position - end) / SAMPLE_RATE_HZ
        return TurnEnd(
            n_frames=n_frames,
            covers_turn=last_start == turn.start,
            captured_at=self._captured_at - pause_s,
            weight_s=turn.speech_samples(last_start, last_end) / SAMPLE_RATE_HZ,
            **self._common_fields(features, turn.start, end),
        )

    def _window_span(self, features: TurnFeatures, n_frames: int) -> tuple[int, int]:
        """Return the positions of the window that ends with the turn's frame `n_frames`."""
        config, turn_start = self.windows.features, features.turn.start
        end = turn_start + config.samples_for(n_frames)
        return max(turn_start, end - config.samples_for(self.windows.window_frames)), end

    def _common_fields(self, features: TurnFeatures, start: int, end: int) -> dict[str, Any]:
        """Return the fields of a `TurnPart` at the positions [start, end)."""
        features.extract()
        length = end - start
        speech = features.turn.speech_samples(start, end)
        end_s = self.timeline.time_at(end)
        return {
            "turn": features.number,
            "features": features,
            "n_samples": end - features.turn.start,
            "start_s": end_s - length / SAMPLE_RATE_HZ,
            "end_s": end_s,
            "speech_s": speech / SAMPLE_RATE_HZ,
            "speech_ratio": speech / length,
            "level_dbfs": power_dbfs(self._energy(features, start, end) / length),
            "clipped": self._clipped_at > start,
        }

    def _energy(self, features: TurnFeatures, start: int, end: int) -> float:
        """Return the sum of squares of the samples of a turn at the positions [start, end)."""
        return self._energy_before(features, end) - self._energy_before(features, start)

    def _energy_before(self, features: TurnFeatures, position: int) -> float:
        """Return the sum of squares of a turn's samples before a position.

        `TurnFeatures` knows it at the turn's whole frames; the timeline has the samples between.
        """
        energy, n_samples = features.energy.before(position - features.turn.start)
        known = features.turn.start + n_samples
        if known == position:
            return energy
        rest = self.timeline.read(known, position)
        return energy + float(np.dot(rest, rest))


def _reach_s(turns: TurnSettings, hop_length: int) -> Seconds:
    """Return how far back sound is read: to a turn's beginning or end, and the frame before it."""
    frames = 2 * (FRAME_LENGTH + hop_length)
    onset_s = ONSET_FRAMES * FRAME_LENGTH / SAMPLE_RATE_HZ
    return max(turns.pre_roll + onset_s, turns.pause) + frames / SAMPLE_RATE_HZ


def analysed(analysis: Detecting[T]) -> T:
    """Run a generator, answering each of its calls at once, and return its result."""
    try:
        call = next(analysis)
        while True:
            call = analysis.send(call.answer())
    except StopIteration as end:
        result: T = end.value
        return result


def level_dbfs(samples: FloatSamples) -> Decibels:
    """Return the root mean square level of samples (n,), n > 0; 0 dBFS is full scale."""
    return power_dbfs(float(np.dot(samples, samples)) / len(samples))


def power_dbfs(power: float) -> Decibels:
    """Return the level of a mean square; 0 dBFS is full scale."""
    return max(SILENCE_DBFS, 10.0 * math.log10(max(power, 1e-12)))
