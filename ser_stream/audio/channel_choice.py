"""The choice of the channel on which speech is clearest, from measurements of all channels."""

from __future__ import annotations

import numpy as np

from ser_stream.audio.channel_speech import FrameSpeech
from ser_stream.audio.voice_activity import FRAME_LENGTH
from ser_stream.units import SAMPLE_RATE_HZ, Decibels, Seconds

MARGIN_DB: Decibels = 6.0
"""What a frame's level above the noise must exceed to count: noise that is taken for speech is
little louder than itself."""

MAX_DB: Decibels = 30.0
"""What one frame counts at most: a bang is no better than clear speech."""

FAINT = 0.1
"""What a frame of speech counts at least, and the factor of a clipped one."""

FIRST_SPEECH: Seconds = 0.5
"""Speech that the first choice needs."""
FIRST_EVIDENCE = 100.0
"""Evidence that the first choice needs: 0.5 s of speech that is 12 dB above the noise."""

CHANGE_SPEECH: Seconds = 1.0
"""Speech that another choice needs."""
CHANGE_RATIO, CHANGE_LEAD = 1.5, 50.0
"""Evidence that another choice needs: so many times that of the chosen channel, plus so much."""

PAUSE: Seconds = 0.7
"""The chosen channel is left after so long without speech: between turns, which end after 0.6 s."""
MAX_WAIT: Seconds = 8.0
"""A look at the channels that has taken so long does not wait for a pause."""
LOOK: Seconds = 1.0
"""Shortest look at the channels once one is chosen; a longer one follows where another leads."""


def _frames(seconds: Seconds) -> int:
    return round(seconds * SAMPLE_RATE_HZ / FRAME_LENGTH)


class ChannelChoice:
    """Chooses a channel in looks: spans of frames of which all channels are measured.

    The evidence for a channel is summed over its frames of speech in a look: the decibels by which
    each is more than `MARGIN_DB` above the channel's own noise, at most `MAX_DB`. The first look
    ends with the first choice. A later one is short unless another channel leads, and starts from
    zero.

    Args:
        channels: number of channels.

    Attributes:
        chosen: the chosen channel; None before the first choice.
    """

    def __init__(self, channels: int) -> None:
        self.chosen: int | None = None
        self._channels = channels
        self.look()

    def look(self) -> None:
        """Begin a look."""
        self._evidence = np.zeros(self._channels)
        self._level_sum_db = np.zeros(self._channels)
        self._speech_frames = np.zeros(self._channels, int)
        self._frames = 0
        self._pause_frames = 0  # since the last speech on the chosen channel

    @property
    def best(self) -> int:
        """The channel with the most evidence in this look; the first of equals."""
        return int(np.argmax(self._evidence))

    @property
    def done(self) -> bool:
        """Whether the look may end."""
        return self.chosen is not None and self._frames >= _frames(LOOK) and not self._other_leads

    def add(self, frame: FrameSpeech) -> bool:
        """Take the next frame into account; return whether another channel is chosen now."""
        counts = np.clip(frame.above_noise_db - MARGIN_DB, FAINT, MAX_DB)
        counts = np.where(frame.distorted, FAINT * counts, counts)
        self._evidence += np.where(frame.speech, counts, 0.0)
        self._level_sum_db += np.where(frame.speech, frame.above_noise_db, 0.0)
        self._speech_frames += frame.speech
        self._frames += 1
        if self.chosen is None:
            return self._choose() if self._is_clear else False
        self._pause_frames = 0 if frame.speech[self.chosen] else self._pause_frames + 1
        ripe = self._pause_frames >= _frames(PAUSE) or self._frames >= _frames(MAX_WAIT)
        if ripe and self._other_leads and self._speech_frames[self.best] >= _frames(CHANGE_SPEECH):
            return self._choose()
        return False

    def level_db(self, channel: int) -> Decibels | None:
        """Mean level of a channel's speech above its noise, in this look; None without speech."""
        n_frames = self._speech_frames[channel]
        return float(self._level_sum_db[channel] / n_frames) if n_frames else None

    @property
    def _is_clear(self) -> bool:
        """Whether the best channel may be chosen for the first time."""
        enough = self._speech_frames[self.best] >= _frames(FIRST_SPEECH)
        return bool(enough and self._evidence[self.best] >= FIRST_EVIDENCE)

    @property
    def _other_leads(self) -> bool:
        """Whether another channel is clearly better than the chosen one."""
        limit = CHANGE_RATIO * self._evidence[self.chosen] + CHANGE_LEAD
        return bool(self._evidence[self.best] >= limit)

    def _choose(self) -> bool:
        self.chosen = self.best
        return True
