"""Output for people where it is redirected, or the terminal is dumb: one line per estimate."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ser_stream.emotion import EmotionEstimate
from ser_stream.outputs.base import Output
from ser_stream.outputs.lines import estimate_line
from ser_stream.text import one_line


class PlainView(Output):
    """Prints one line per estimate; the line of a whole turn holds its words."""

    def __init__(self, console: Console):
        self._console = console

    def on_source(self, name: str) -> None:
        self._console.print(Text(one_line(name)), soft_wrap=True)

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        self._console.print(estimate_line(estimate), soft_wrap=True)
