"""JSON Lines: one object per estimate, nothing else."""

from __future__ import annotations

import json
from typing import TextIO

from ser_stream.emotion import EmotionEstimate
from ser_stream.words import Speech


class JsonLines:
    """Writes estimates as they come. Keys: the attributes of `EmotionEstimate`, in their order.

    Args:
        with_source: the first key is `source`, the name of what is heard.
    """

    def __init__(self, file: TextIO, with_source: bool = False):
        self._file = file
        self._with_source = with_source
        self._source = ""

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *_) -> None:
        pass

    def title(self, text: str) -> None:
        """Take the name of the source whose estimates follow."""
        self._source = text

    def hear(self, speech: Speech) -> None:
        """Nothing: estimates have the words that they are of."""

    def show(self, estimate: EmotionEstimate) -> None:
        # Flushed: whoever reads it wants it now.
        line = estimate.to_json()
        if self._with_source:
            line = json.dumps({"source": self._source, **json.loads(line)})
        print(line, file=self._file, flush=True)
