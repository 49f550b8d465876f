"""Turns: someone speaks from here to there.

A turn (utterance) begins at a speech onset, minus a pre-roll, and ends after a pause, or when it
grows too long::

    speech        ______XXXXXXXXX__XXXXXX________________
    turn               [ pre|                  |post]
    is_speaking         ----XXXXXXXXX__XXXXXX-----------
                                             <pause> here the end is known

Times are positions: samples at 16 kHz since the stream's start.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ser_stream.audio.speech_level import SpeechLevel
from ser_stream.audio.voice_activity import FRAME_LENGTH, VoiceActivity
from ser_stream.units import SAMPLE_RATE_HZ, Seconds


@dataclasses.dataclass(frozen=True)
class TurnSettings:
    """When speech begins and ends.

    Attributes:
        threshold: speech begins at this probability.
        release: and goes on until the probability falls below this one.
        pre_roll: a turn begins this long before its speech does.
        post_roll: and ends this long after it.
        pause: speechless time that ends a turn.
        max_turn: a turn this long ends, and the next begins at once.
    """

    threshold: float = 0.5
    release: float = 0.35
    pre_roll: Seconds = 0.2
    post_roll: Seconds = 0.2
    pause: Seconds = 0.6
    max_turn: Seconds = 30.0


@dataclasses.dataclass
class Turn:
    """One turn, growing until `end` is known.

    Attributes:
        start: position of its first sample, pre-roll included.
        end: position after its last sample, post-roll included; None while it goes on.
        onset: position where its first frame of speech begins.
        speech: for each frame of 512 samples from `onset` on, whether it is speech.
    """

    start: int
    onset: int
    end: int | None = None
    speech: list[bool] = dataclasses.field(default_factory=list)

    def speech_samples(self, start: int, end: int) -> int:
        """How many samples of the positions [start, end) are speech, to a frame's precision."""
        first = max(0, start - self.onset) // FRAME_LENGTH
        last = -(-max(0, end - self.onset) // FRAME_LENGTH)
        return min(end - start, sum(self.speech[first:last]) * FRAME_LENGTH)


class TurnDetector:
    """Frames of 512 samples in, turns out.

    The object holds no samples: the caller keeps those of the last `pre_roll` seconds.

    Attributes:
        turn: the turn that goes on, or None.
        speaking: whether the last frame was speech.
    """

    RESET_AFTER: Seconds = 30.0
    """Without speech for so long, the voice activity network's state is reset."""

    def __init__(self, settings: TurnSettings, voice_activity: VoiceActivity | None = None):
        self.settings = settings
        self._voice_activity = voice_activity or VoiceActivity()
        self.reset(0)

    def reset(self, position: int) -> None:
        """Start anew at that position: what came before is forgotten."""
        self._voice_activity.reset_states()
        self._level = SpeechLevel()
        self._position = position
        self._earliest_start = position
        self._quiet_since = position
        self.turn: Turn | None = None
        self.speaking = False

    def __call__(self, frame: np.ndarray) -> list[Turn]:
        """Take the next frame (512,) and return the turns that ended with it: none, or one.

        A turn that begins shows in `turn`.
        """
        settings = self.settings
        probability = self._voice_activity(self._level(frame))
        limit = settings.release if self.speaking else settings.threshold
        self.speaking = probability >= limit
        start, self._position = self._position, self._position + len(frame)
        if self.speaking:
            self._quiet_since = self._position
            if self.turn is None:
                self._begin(start)
        if self.turn is None:
            if self._position - self._quiet_since >= _samples(self.RESET_AFTER):
                self._voice_activity.reset_states()
                self._quiet_since = self._position
            return []
        self.turn.speech.append(self.speaking)
        if self._position - self._quiet_since >= _samples(settings.pause):
            return [self._finish(self._quiet_since + _samples(settings.post_roll))]
        if self._position - self.turn.start >= _samples(settings.max_turn):
            ended = self._finish(self._position)
            if self.speaking:
                self._begin(self._position)
            return [ended]
        return []

    def flush(self) -> list[Turn]:
        """End of the stream: the turn that goes on ends where its speech did, or here."""
        if self.turn is None:
            return []
        end = min(self._position, self._quiet_since + _samples(self.settings.post_roll))
        return [self._finish(end)]

    def _begin(self, onset: int) -> None:
        pre_roll = _samples(self.settings.pre_roll)
        self.turn = Turn(max(onset - pre_roll, self._earliest_start), onset)

    def _finish(self, end: int) -> Turn:
        turn = self.turn
        turn.end = end
        self.turn = None
        self._earliest_start = end
        self._voice_activity.reset_states()
        self._quiet_since = self._position
        return turn


def _samples(duration: Seconds) -> int:
    return round(duration * SAMPLE_RATE_HZ)
