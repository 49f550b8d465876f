"""JSON Lines: one object per estimate, and nothing else."""

from __future__ import annotations

import json
from typing import TextIO

from ser_stream.emotion import EmotionEstimate
from ser_stream.outputs.base import Output
from ser_stream.text import json_line


class JsonLines(Output):
    """Writes estimates as they come. Keys: the attributes of `EmotionEstimate`, in their order.

    Args:
        with_source: whether the first key is `source`, the name of the source.
    """

    def __init__(self, file: TextIO, with_source: bool = False):
        self._file = file
        self._with_source = with_source
        self._source = ""

    def on_source(self, name: str) -> None:
        self._source = name

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        line = estimate.to_json()
        if self._with_source:
            line = json_line({"source": self._source, **json.loads(line)})
        print(line, file=self._file, flush=True)  # a reader at the other end of a pipe waits
