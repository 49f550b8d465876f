"""JSON Lines: one object per estimate, nothing else."""

from __future__ import annotations

from typing import TextIO

from ser_stream.emotion import EmotionEstimate
from ser_stream.words import Speech


class JsonLines:
    """Writes estimates as they come. Keys: the attributes of `EmotionEstimate`, in their order."""

    def __init__(self, file: TextIO):
        self._file = file

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *_) -> None:
        pass

    def title(self, text: str) -> None:
        """Nothing: only estimates are written."""

    def hear(self, speech: Speech) -> None:
        """Nothing: estimates have the words that they are of."""

    def show(self, estimate: EmotionEstimate) -> None:
        # Flushed: whoever reads it wants it now.
        print(estimate.to_json(), file=self._file, flush=True)
