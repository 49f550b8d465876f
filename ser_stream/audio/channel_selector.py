"""Selection of the channel with the clearest speech in a stream with several channels."""

from __future__ import annotations

import logging
from collections import deque

import numpy as np
from numpy.typing import NDArray

from ser_stream.audio.channel_choice import ChannelChoice
from ser_stream.audio.channel_speech import ChannelSpeech
from ser_stream.units import Seconds

log = logging.getLogger("ser_stream.audio")

HELD_S: Seconds = 1.5
"""Sound that is held back until the first choice, so that the first words come from the channel
that they choose."""

CHUNK_S: Seconds = 0.032
"""Samples are analysed in chunks of this length. It makes the choice independent of blocks."""

LOOK_EVERY_S: Seconds = 4.0
"""How often the channels are looked at once one is chosen."""


class ChannelSelector:
    """Reduces blocks of several channels to one channel, which it chooses by its speech.

    Before the first choice, the last `HELD_S` of sound are held back. What is older is passed on
    from the best channel so far, the first while there is none. After the choice nothing is held
    back, and all channels are analysed for one of `LOOK_EVERY_S` seconds. Another channel is chosen
    between turns, where it is clearly better. Each choice is logged.

    The result depends on the samples alone, not on how they are divided into blocks.

    Args:
        name: of the source, for the log.

    Attributes:
        muted: whether the sound is the robot's own, which is not analysed, nor held back.
        held: number of samples that are held back.
        passed_on: channel of the newest sample that was passed on; None before the first.
    """

    def __init__(self, name: str = "audio") -> None:
        self.muted = False
        self.held = 0
        self.passed_on: int | None = None
        self._name = name
        self._channels = self._rate_hz = 0
        self._held: deque[NDArray[np.float32]] = deque()
        self._start(1, 1)

    @property
    def channel(self) -> int | None:
        """The chosen channel; None before the first choice."""
        return self._choice.chosen

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """Take the next samples (n, channels) and return those (m, 1) that are ready."""
        channels = samples.shape[1]
        ready: list[NDArray[np.float32]] = []
        if (channels, rate_hz) != (self._channels, self._rate_hz):
            ready += self._release(keep=0)
            self._start(channels, rate_hz)
        if channels == 1:
            ready.append(samples)
        while channels > 1 and len(samples):
            part, samples = samples[: self._missing], samples[self._missing :]
            ready += self._take(part)
        return _joined(ready)

    def flush(self) -> NDArray[np.float32]:
        """Return the samples (m, 1) that are held back."""
        return _joined(self._release(keep=0))

    def _start(self, channels: int, rate_hz: int) -> None:
        """Begin with another format. The choice stays where the channels do."""
        if channels != self._channels:
            self._choice = ChannelChoice(channels)
        self._channels, self._rate_hz = channels, rate_hz
        self._chunk_length = max(1, round(CHUNK_S * rate_hz))
        self._speech = ChannelSpeech(channels, rate_hz)
        self._chunk: list[NDArray[np.float32]] = []  # parts of the chunk that is not complete
        self._missing = self._chunk_length
        self._looking = True
        self._unseen = 0  # samples since the last look began

    def _take(self, part: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take samples up to the end of a chunk at most; return those (m, 1) that are ready."""
        self._held.append(part)
        self.held += len(part)
        ready = self._release(self._keep)
        self._chunk.append(part)
        self._missing -= len(part)
        if self._missing:
            return ready
        chunk = self._chunk[0] if len(self._chunk) == 1 else np.concatenate(self._chunk)
        self._chunk, self._missing = [], self._chunk_length
        self._analyse(chunk)  # a change of the channel applies to the samples behind the chunk
        return ready + self._release(self._keep)

    @property
    def _keep(self) -> int:
        """Number of samples that may be held back now."""
        if self.muted or self.channel is not None:
            return 0
        return round(HELD_S * self._rate_hz)

    def _analyse(self, chunk: NDArray[np.float32]) -> None:
        """Measure a chunk if the channels are looked at, and choose."""
        if self.muted:
            self._speech.restart()
            return
        self._unseen += len(chunk)
        if not self._looking:
            if self._unseen < LOOK_EVERY_S * self._rate_hz:
                return
            self._looking, self._unseen = True, 0
            self._speech.restart()
            self._choice.look()
        before = self.channel
        for frame in self._speech.push(chunk):
            if self._choice.add(frame):
                self._log(before)
                self._choice.look()
        self._looking = not self._choice.done

    def _release(self, keep: int) -> list[NDArray[np.float32]]:
        """Return the oldest of the held samples, as (m, 1), so that at most `keep` stay."""
        channel = self._choice.best if self.channel is None else self.channel
        parts = []
        while self.held > keep:
            part = self._held.popleft()
            excess = self.held - keep
            if len(part) > excess:
                self._held.appendleft(part[excess:])
                part = part[:excess]
            self.held -= len(part)
            self.passed_on = channel
            parts.append(part[:, channel, np.newaxis])
        return parts

    def _log(self, before: int | None) -> None:
        instead = "" if before is None else f" instead of channel {before}"
        levels = {
            channel: level
            for channel in range(self._channels)
            if channel != self.channel and (level := self._choice.level_db(channel)) is not None
        }
        others = ", ".join(f"{channel}: {level:.0f} dB" for channel, level in levels.items())
        log.info(
            "%s: channel %d of %d selected%s: its speech is %.0f dB above its noise%s",
            self._name, self.channel, self._channels, instead,
            self._choice.level_db(self.channel or 0) or 0.0,
            f" (speech on others: {others})" if others else "",
        )  # fmt: skip


def _joined(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return arrays (n, 1) as one."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
