"""One stream of sound: from blocks of samples to windows that are ready to be judged.

The order of steps, for each block of a source::

    conditioner -> timeline -> voice activity (512 samples at a time) -> turn
                                                                          |
                                 frames of the turn, log-mel or   <---+
                                         samples as they are
                                                    |
                    a window, every hop while someone speaks, and one when the turn ends

No torch, no threads, no clock of its own: the same blocks give the same windows, whoever pushes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ser_stream.audio.block import AudioBlock
from ser_stream.audio.conditioner import Conditioner
from ser_stream.audio.timeline import Timeline
from ser_stream.audio.turns import Turn, TurnDetector, TurnSettings
from ser_stream.audio.voice_activity import FRAME_LENGTH
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.features.samples import SampleConfig
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Seconds

SILENCE_DBFS: Decibels = -120.0


@dataclasses.dataclass(frozen=True)
class WindowSettings:
    """Which windows a stream is cut into.

    Attributes:
        window_frames, hop_frames: length, and how often, in frames of the features.
        min_speech: interval windows begin when so much of the turn is speech.
    """

    features: LogMelConfig | SampleConfig
    window_frames: int
    hop_frames: int
    min_speech: Seconds = 0.7


class TurnFeatures:
    """Frames of one turn, log-mel or samples as they are, and its sound, from its first sample on.

    Both are only ever appended to: another thread may read those before a window's `n_frames`, and
    `n_samples`.
    """

    def __init__(self, turn: Turn, config: LogMelConfig | SampleConfig, max_turn: Seconds):
        self.turn = turn
        self.n_frames = 0
        self.n_samples = 0
        self._frames_of = config.stream()
        room = round((max_turn + 1.0) * SAMPLE_RATE_HZ)
        self._frames = np.empty((config.frames_in(room), config.dimension), np.float32)
        self._sound = np.empty(room, np.float32)

    def push(self, samples: np.ndarray) -> None:
        """Append the turn's next samples (n,)."""
        new = self._frames_of(samples)
        self._frames[self.n_frames : self.n_frames + len(new)] = new
        self.n_frames += len(new)
        self._sound[self.n_samples : self.n_samples + len(samples)] = samples
        self.n_samples += len(samples)

    def sound(self, n_samples: int) -> np.ndarray:
        """The first samples (n_samples,), or as many as there are: a view."""
        return self._sound[: min(n_samples, self.n_samples)]

    def read(self, start: int, end: int) -> np.ndarray:
        """Frames [start, end), (frames, dimension): a view."""
        return self._frames[start:end]


@dataclasses.dataclass(frozen=True)
class Window:
    """Sound that is ready to be judged.

    Attributes:
        features: of its turn; the window is the last frames before `n_frames`.
        n_samples: of its turn, from the turn's first one to the window's last.
        trigger: "interval", or "utterance" for the last window of a turn, after which the turn
            as a whole is judged.
        start_s, end_s: on the stream's clock; of the whole turn where the trigger is "utterance".
        speech_s, speech_ratio: how much of it is speech.
        weight_s: how much of the window itself is speech, also where the trigger is "utterance".
        covers_turn: the window is all of the turn so far.
        captured_at: `time.monotonic()` when the block that completed it was captured; where the
            trigger is "utterance", when its last sample was, before the pause that ended it.
    """

    features: TurnFeatures
    n_frames: int
    n_samples: int
    trigger: str
    start_s: Seconds
    end_s: Seconds
    speech_s: Seconds
    weight_s: Seconds
    covers_turn: bool
    speech_ratio: float
    level_dbfs: Decibels
    clipped: bool
    captured_at: float

    @property
    def turn_sound(self) -> np.ndarray:
        """Its turn's sound from the beginning to the window's end, (n,) at 16 kHz: a view.

        Of a turn that ended because it was too long, the last 32 ms are missing.
        """
        return self.features.sound(self.n_samples)

    @property
    def turn_start_s(self) -> Seconds:
        """When its turn began, on the stream's clock."""
        return self.end_s - self.n_samples / SAMPLE_RATE_HZ

    @property
    def sound(self) -> np.ndarray:
        """The window's own sound, from start_s on, (n,) at 16 kHz: a view."""
        length = round((self.end_s - self.start_s) * SAMPLE_RATE_HZ)
        return self.turn_sound[self.n_samples - length :]


class StreamWindower:
    """Blocks in, windows out.

    Attributes:
        muted: the robot itself speaks: sound is counted, but not listened to, until `HOLD_OFF`
            after this is False again. A turn that goes on ends. May be set from any thread.
        position_s: how much sound there was.
        level_dbfs: of the last block.
        speaking: whether a turn goes on.
    """

    HOLD_OFF: Seconds = 0.4
    """A loudspeaker's last sound takes its time through buffers and room: 0.3 to 0.5 s."""
    LONGEST: Seconds = 1.0
    """Longer blocks are taken in pieces: of a turn and them the timeline holds so much."""

    def __init__(
        self,
        windows: WindowSettings,
        turns: TurnSettings,
        channel: int | str = "mix",
        settle_s: Seconds = 0.0,
    ):
        self.windows = windows
        self.conditioner = Conditioner(channel)
        self.timeline = Timeline(capacity_s=turns.max_turn + 10.0, settle_s=settle_s)
        self.level_dbfs = SILENCE_DBFS
        self.muted = False
        self._muted_until = 0  # position
        self._turns = turns
        self._detector = TurnDetector(turns)
        self._features: TurnFeatures | None = None  # of the turn that goes on
        self._position = 0  # up to where the timeline has been looked at
        self._clipped_at = -1  # position of the last clipped sample
        self._captured_at = 0.0

    @property
    def position_s(self) -> Seconds:
        return self.timeline.position / SAMPLE_RATE_HZ

    @property
    def speaking(self) -> bool:
        return self._detector.turn is not None

    def push(self, block: AudioBlock) -> list[Window]:
        """Take the next block, of any length, and return the windows that it completed, in order.

        Raises:
            InputError: it has not the channel, or a format that is not accepted. It is left out.
        """
        return [window for piece in block.pieces(self.LONGEST) for window in self._push(piece)]

    def break_off(self) -> list[Window]:
        """No more sound comes for now: end the turn that goes on."""
        windows = self.finish()
        self.timeline.break_off()
        return windows

    def _push(self, block: AudioBlock) -> list[Window]:
        clipped_before = self.conditioner.clipped_samples
        samples = self.conditioner(block)
        if len(samples):
            self.level_dbfs = level_dbfs(samples)
        return self._append(
            samples,
            block.time_s - self.conditioner.delay_s,
            block.captured_at,
            clipped=self.conditioner.clipped_samples > clipped_before,
        )

    def finish(self) -> list[Window]:
        """End of the stream: windows of what is still held back."""
        tail = self.conditioner.flush()
        windows = []
        if len(tail):
            end_s = self.timeline.time_at(self.timeline.position) + len(tail) / SAMPLE_RATE_HZ
            windows = self._append(tail, end_s, self._captured_at, clipped=False)
        return windows + self._ended(self._detector.flush())

    def _append(
        self, samples: np.ndarray, end_s: Seconds, captured_at: float, clipped: bool
    ) -> list[Window]:
        windows = []
        pushed = self.timeline.push(samples, end_s)
        self._captured_at = captured_at
        if clipped:
            self._clipped_at = self.timeline.position
        if pushed.restarted:
            windows += self._start_anew(pushed.start)
        while self.timeline.position - self._position >= FRAME_LENGTH:
            windows += self._step(self._position, self._position + FRAME_LENGTH)
        return windows

    def _step(self, start: int, end: int) -> list[Window]:
        """The next 512 samples."""
        if self.muted:
            self._muted_until = end + round(self.HOLD_OFF * SAMPLE_RATE_HZ)
        if start < self._muted_until:
            return self._start_anew(end)
        frame = self.timeline.read(start, end)
        self._position = end
        ended = self._ended(self._detector(frame))
        turn = self._detector.turn
        if turn is None:
            return ended
        if self._features is None:
            self._features = TurnFeatures(turn, self.windows.features, self._turns.max_turn)
            frame = self.timeline.read(turn.start, end)
        before = self._features.n_frames
        self._features.push(frame)
        return ended + self._intervals(before)

    def _start_anew(self, position: int) -> list[Window]:
        """Forget what was before that position; the turn that went on has ended."""
        ended = self._ended(self._detector.flush())
        self._detector.reset(position)
        self._position = position
        return ended

    def _intervals(self, before: int) -> list[Window]:
        """Windows that end at the hops between `before` and the newest frame."""
        hop = self.windows.hop_frames
        turn = self._features.turn
        windows = []
        for hops in range(before // hop + 1, self._features.n_frames // hop + 1):
            end = turn.start + self.windows.features.samples_for(hops * hop)
            hop_samples = hop * self.windows.features.hop_length
            enough = (
                turn.speech_samples(turn.start, end) >= self.windows.min_speech * SAMPLE_RATE_HZ
            )
            if enough and turn.speech_samples(end - hop_samples, end):
                windows.append(self._window(self._features, hops * hop, INTERVAL))
        return windows

    def _ended(self, turns: list[Turn]) -> list[Window]:
        """The last window of the turn that ended, if one did."""
        if not turns:
            return []
        features, self._features = self._features, None
        if features is None:  # it lasted for no frame at all
            return []
        config = self.windows.features
        n_frames = min(features.n_frames, config.frames_in(features.turn.end - features.turn.start))
        return [self._window(features, n_frames, UTTERANCE)] if n_frames else []

    def _window(self, features: TurnFeatures, n_frames: int, trigger: str) -> Window:
        turn, config = features.turn, self.windows.features
        end = turn.start + config.samples_for(n_frames)
        start = max(turn.start, end - config.samples_for(self.windows.window_frames))
        weight = turn.speech_samples(start, end)
        covers_turn = start == turn.start
        captured_at = self._captured_at
        if trigger == UTTERANCE:
            start, end = turn.start, turn.end
            captured_at -= (self.timeline.position - end) / SAMPLE_RATE_HZ
        samples = self.timeline.read(start, end)
        speech = turn.speech_samples(start, end)
        end_s = self.timeline.time_at(end)
        return Window(
            features=features,
            n_frames=n_frames,
            n_samples=end - turn.start,
            trigger=trigger,
            start_s=end_s - len(samples) / SAMPLE_RATE_HZ,
            end_s=end_s,
            speech_s=speech / SAMPLE_RATE_HZ,
            weight_s=weight / SAMPLE_RATE_HZ,
            covers_turn=covers_turn,
            speech_ratio=speech / len(samples),
            level_dbfs=level_dbfs(samples),
            clipped=self._clipped_at > start,
            captured_at=captured_at,
        )


def level_dbfs(samples: np.ndarray) -> Decibels:
    """Root mean square level of samples (n,), n > 0; 0 dBFS is full scale."""
    power = float(np.dot(samples, samples)) / len(samples)
    return max(SILENCE_DBFS, 10.0 * float(np.log10(max(power, 1e-12))))
