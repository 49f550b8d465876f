"""Log lines about the sound of a source: its sample rate and channels, which arrive with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from ser_stream.audio.block import AudioBlock, AudioSource
from ser_stream.ros.audio_messages import ANNOUNCED, AudioFormat
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream.ros")


def format_text(sample_rate_hz: int, channels: int) -> str:
    """Return a sample rate and a number of channels in words.

    >>> format_text(16_000, 1)
    '16000 Hz, 1 channel'
    """
    return f"{sample_rate_hz} Hz, {channels} channel{'' if channels == 1 else 's'}"


def announced_text(audio_type: str, audio_format: AudioFormat) -> str:
    """Return what is known of the sound of a topic before its first message."""
    if audio_type not in ANNOUNCED:
        return "rate and channels as in its messages"
    known = format_text(audio_format.sample_rate_hz, audio_format.channels)
    return f"{known}, {audio_format.sample_format} until audio_info announces another format"


class FormatLog:
    """Logs the sample rate and the channels of a source when they are first known or change.

    Args:
        name: of the source.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._logged = ""

    def add(self, block: AudioBlock) -> None:
        """Take a block of the source into account."""
        found = format_text(block.sample_rate_hz, block.samples.shape[1])
        if found != self._logged:
            self._logged = found
            logger.info("%s: sound arrives: %s", self._name, found)


class LoggedSource:
    """An `AudioSource` that is another one whose format is logged."""

    def __init__(self, source: AudioSource) -> None:
        self._source = source
        self._log = FormatLog(source.name)

    def blocks(self) -> Iterator[AudioBlock | None]:
        """See the protocol."""
        for block in self._source.blocks():
            if block is not None:
                self._log.add(block)
            yield block

    def close(self) -> None:
        """See the protocol."""
        self._source.close()

    @property
    def live(self) -> bool:
        """See the protocol."""
        return self._source.live

    @property
    def settle_s(self) -> Seconds:
        """See the protocol."""
        return self._source.settle_s

    @property
    def name(self) -> str:
        """See the protocol."""
        return self._source.name

    @property
    def waits(self) -> bool:
        """See the protocol."""
        return self._source.waits

    @property
    def connected(self) -> bool:
        """See the protocol."""
        return self._source.connected

    @property
    def last_error(self) -> str:
        """See the protocol."""
        return self._source.last_error

    def __getattr__(self, name: str) -> Any:
        """Return what only some sources have, such as the counts of `SourceLosses`."""
        return getattr(self._source, name)
