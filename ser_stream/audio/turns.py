"""Detection of turns, the spans of sound in which someone speaks.

A turn (utterance) begins at a speech onset, minus a pre-roll, and ends after a pause, or when it
grows too long::

    speech        ______XXXXXXXXX__XXXXXX________________
    turn               [ pre|                  |post]
                            <onset> the beginning is known here
                                             <pause> the end is known here

What is no voice rarely looks like one for long: a turn begins only after `ONSET_FRAMES` frames of
speech in a row. A frame that was lowered by an octave needs more than `threshold`, because the
network takes some chords and animals for voices then. Figures: docs/results/speech.md.

Times are positions: samples at 16 kHz since the stream's start.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ser_stream.audio.high_voice import HighVoice
from ser_stream.audio.speech_level import SpeechLevel
from ser_stream.audio.voice_activity import FRAME_LENGTH, VoiceActivity
from ser_stream.errors import InputError, shown
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

ONSET_FRAMES = 4
"""Frames of speech in a row with which a turn begins: 128 ms."""
LOWERED_THRESHOLD = 0.7
"""Probability of speech from which a frame that was lowered by an octave is speech."""


@dataclasses.dataclass(frozen=True)
class TurnSettings:
    """When speech and turns begin and end.

    Attributes:
        threshold: probability of speech at which speech begins.
        release: probability of speech below which speech ends.
        pre_roll: time by which a turn begins before its speech.
        post_roll: time by which a turn ends after its speech.
        pause: time without speech that ends a turn, at least `post_roll`.
        max_turn: longest turn; a longer one is split, and the next begins at once.

    Raises:
        InputError: a value is not accepted.
    """

    threshold: float = 0.5
    release: float = 0.35
    pre_roll: Seconds = 0.2
    post_roll: Seconds = 0.2
    pause: Seconds = 0.6
    max_turn: Seconds = 30.0

    def __post_init__(self) -> None:
        self._check("threshold", 0.0, 1.0)
        self._check("release", 0.0, self.threshold)
        self._check("pause", 0.05, 10.0)
        self._check("pre_roll", 0.0, 1.0)
        self._check("post_roll", 0.0, self.pause)
        self._check("max_turn", 2.0, 600.0)

    def _check(self, name: str, lowest: float, highest: float) -> None:
        value = getattr(self, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and lowest <= value <= highest):  # False for NaN, too
            raise InputError(
                f"turns: {name}: found {shown(value)}; accepted are {lowest:g} to {highest:g}"
            )


@dataclasses.dataclass
class Turn:
    """One turn, which grows until `end` is known.

    Attributes:
        start: position of the first sample, pre-roll included.
        end: position after the last sample, post-roll included; None while the turn is in progress.
        onset: position where the first frame of speech begins.
        speech: whether each frame of 512 samples from `onset` on is speech.
    """

    start: int
    onset: int
    end: int | None = None
    speech: list[bool] = dataclasses.field(default_factory=list)

    def speech_samples(self, start: int, end: int) -> int:
        """Return how many samples of [start, end) are speech, rounded to whole frames."""
        first = max(0, start - self.onset) // FRAME_LENGTH
        last = -(-max(0, end - self.onset) // FRAME_LENGTH)
        return min(end - start, sum(self.speech[first:last]) * FRAME_LENGTH)


class TurnDetector:
    """Finds turns in a stream of frames of 512 samples.

    It keeps no samples: the caller must keep those of the last `pre_roll` seconds.

    A call processes one frame. Where the network is run by somebody else, for many streams at
    once, `prepare` returns what the network is given, and `advance` takes its result.

    Attributes:
        voice_activity: the network's state in this stream.
        turn: the turn in progress, or None.
        speaking: whether the last frame was speech.
    """

    RESET_AFTER_S: Seconds = 30.0
    """Time without speech after which the voice activity network's state is reset."""

    def __init__(self, settings: TurnSettings, voice_activity: VoiceActivity | None = None):
        self.settings = settings
        self.voice_activity = voice_activity or VoiceActivity()
        self.reset(0)

    def reset(self, position: int) -> None:
        """Restart at that position, independently of everything before it."""
        self.voice_activity.reset_states()
        self._level = SpeechLevel()
        self._high_voice = HighVoice()
        self._n_onset = 0  # frames of speech in a row, with which a turn may begin
        self._position = position
        self._earliest_start = position
        self._quiet_since = position
        self.turn: Turn | None = None
        self.speaking = False

    def __call__(self, frame: np.ndarray) -> list[Turn]:
        """Process the next frame (512,) and return the turns that ended with it: none, or one.

        A turn that begins is found in `turn`.
        """
        return self.advance(self.voice_activity(self.prepare(frame)))

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """Return the next frame (512,) as the network needs it; `advance` follows.

        It has the level, and the pitch, of voices that the network knows.
        """
        return self._high_voice(self._level(frame))

    def advance(self, probability: float) -> list[Turn]:
        """Take the probability of speech of the prepared frame; return the same as a call."""
        settings = self.settings
        onset, goes_on = settings.threshold, settings.release
        if self._high_voice.lowered:
            onset = goes_on = max(onset, LOWERED_THRESHOLD)
        self._n_onset = self._n_onset + 1 if probability >= onset else 0
        self.speaking = probability >= (goes_on if self.speaking else onset)
        self._position += FRAME_LENGTH
        if self.speaking:
            self._quiet_since = self._position
            if self.turn is None and self._n_onset >= ONSET_FRAMES:
                self._begin(ONSET_FRAMES)
        if self.turn is None:
            if self._position - self._quiet_since >= _samples(self.RESET_AFTER_S):
                self.voice_activity.reset_states()
                self._quiet_since = self._position
            return []
        self.turn.speech.append(self.speaking)
        if self._position - self._quiet_since >= _samples(settings.pause):
            end = self._quiet_since + _samples(settings.post_roll)
            return [self._finish(self.turn, end)]
        if self._position - self.turn.start >= _samples(settings.max_turn):
            ended = self._finish(self.turn, self._position)
            if self.speaking:
                self._begin(0)
            return [ended]
        return []

    def flush(self) -> list[Turn]:
        """End the stream. The turn in progress ends after its last speech, or here."""
        if self.turn is None:
            return []
        end = min(self._position, self._quiet_since + _samples(self.settings.post_roll))
        return [self._finish(self.turn, end)]

    def _begin(self, n_frames: int) -> None:
        """Begin a turn with the last frames, all of which are speech; `advance` adds the newest."""
        onset = self._position - n_frames * FRAME_LENGTH
        pre_roll = _samples(self.settings.pre_roll)
        speech = [True] * (n_frames - 1)
        self.turn = Turn(max(onset - pre_roll, self._earliest_start), onset, speech=speech)

    def _finish(self, turn: Turn, end: int) -> Turn:
        turn.end = end
        self.turn = None
        self._earliest_start = end
        self.voice_activity.reset_states()
        self._n_onset = 0
        self._quiet_since = self._position
        return turn


def _samples(duration: Seconds) -> int:
    return round(duration * SAMPLE_RATE_HZ)
