"""The protocol of everything that receives the results of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ser_stream.emotion import EmotionEstimate
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech

if TYPE_CHECKING:  # Python 3.11 has it in typing
    from typing_extensions import Self


class Output(Protocol):
    """Receives the results of one source after the other, in a `with` statement.

    A class that inherits from it ignores what it does not define.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the output."""
        return None

    def on_source(self, name: str) -> None:
        """Take the name of the source whose results follow."""
        return None

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        """Take the next estimate."""
        return None

    def on_speech(self, speech: Speech) -> None:
        """Take the words of a turn, so far or at its end, where speech recognition runs."""
        return None

    def on_status(self, status: StreamStatus) -> None:
        """Take the state of the stream, ten times a second. Called in a thread of its own."""
        return None
