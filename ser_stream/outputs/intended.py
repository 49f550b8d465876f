"""A table of the emotions that recordings were made with, and those recognised in them."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ser_stream.emotion import UTTERANCE, EmotionEstimate
from ser_stream.outputs.base import Output
from ser_stream.outputs.lines import expression_text


class IntendedTable(Output):
    """Collects the estimates of whole turns, and prints a line per recording in the end.

    Args:
        intended: name of the source -> the emotion that was intended.
    """

    def __init__(self, intended: Mapping[str, str]) -> None:
        self._intended = intended
        self._turns: dict[str, list[EmotionEstimate]] = {}
        self._source = ""

    def on_source(self, name: str) -> None:
        self._source = name
        self._turns[name] = []

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        if estimate.trigger == UTTERANCE:
            self._turns[self._source].append(estimate)

    def print(self, console: Console) -> None:
        """Print a line for each recording of which a turn has ended, and how many agree, if any."""
        heard = {name: turns for name, turns in self._turns.items() if turns}
        if not heard:
            return
        table = Table.grid(padding=(0, 3))
        table.add_row("intended", "recognised", style="bold")
        for name, turns in heard.items():
            answers = Text(", ").join(
                expression_text(turn).append(f" {turn.confidence:.0%}") for turn in turns
            )
            table.add_row(self._intended[name], answers)
        console.print(table)
        agree = sum(
            all(turn.expression == self._intended[name] for turn in turns)
            for name, turns in heard.items()
        )
        console.print(Text(f"{agree} of {len(heard)} recordings as intended."))
