"""The live view on a terminal, which fits into the terminal's size, whatever that is."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import deque
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ser_stream.audio.native_stderr import redirect_native_stderr
from ser_stream.emotion import AUDIO_TEXT, INTERVAL, UTTERANCE, EmotionEstimate
from ser_stream.outputs import panels
from ser_stream.outputs.base import Output
from ser_stream.outputs.lines import cut, estimate_line
from ser_stream.standard_streams import ERRORS
from ser_stream.stream.status import StreamStatus
from ser_stream.text import one_line
from ser_stream.words import Speech

MAX_TURNS = 12
"""Turns that the view shows where there is room; earlier ones are above it, in the scrollback."""
MIN_TURNS = 4
"""Turns for which room is made by setting the bars side by side."""
WORDS_COLUMN = 9
"""Column of a turn's words in the scrollback, where the line of the turn has no room for them."""
HISTORY = 200
"""Interval estimates that are kept for the history of the scores."""


class LiveView(Output):
    """Shows level, voice activity, a bar per emotion, words, latency and the newest turns.

    A terminal of 100 columns or more also shows the history of the scores and, with `affect`, the
    valence-arousal plane.

    Args:
        labels: the model's, one bar each.
        affect: whether valence and arousal are an output of the model. Those that follow from the
            scores would say nothing more.
        recorded: what is recorded meanwhile, such as "sound"; "" for nothing.
    """

    def __init__(
        self,
        console: Console,
        labels: tuple[str, ...],
        affect: bool = False,
        recorded: str = "",
    ) -> None:
        self._status = StreamStatus()
        self._labels = labels
        self._affect = affect
        self._recorded = recorded
        self._title = ""
        self._latest: EmotionEstimate | None = None
        self._second: EmotionEstimate | None = None
        self._speech: Speech | None = None
        self._turns: deque[EmotionEstimate | str] = deque()
        self._history: deque[EmotionEstimate] = deque(maxlen=HISTORY)
        self._resources = contextlib.ExitStack()
        self._console = console
        self._live = Live(
            console=console, get_renderable=self.__rich__, refresh_per_second=10, transient=True
        )

    def __enter__(self) -> LiveView:
        self._live.start()
        self._resources.enter_context(redirect_native_stderr(self._print_above))
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        self._live.stop()
        while self._turns:
            self._print_turn(self._turns.popleft())

    def _print_above(self, line: str) -> None:
        self._console.print(Text(line, style="dim"), soft_wrap=True)

    def on_source(self, name: str) -> None:
        self._title = one_line(name)
        self._latest = self._second = self._speech = None
        self._history.clear()
        self._add_turn(self._title)

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        if estimate.modality == AUDIO_TEXT:  # its labels may differ from the model's
            self._second = estimate
        else:
            self._latest = estimate
            if estimate.trigger == INTERVAL:
                self._history.append(estimate)
        if estimate.trigger == UTTERANCE:
            self._add_turn(estimate)

    def on_speech(self, speech: Speech) -> None:
        self._speech = speech

    def on_status(self, status: StreamStatus) -> None:
        self._status = status

    def _add_turn(self, turn: EmotionEstimate | str) -> None:
        """Add a turn, or the name of a source; those that leave the view stay in the scrollback."""
        self._turns.append(turn)
        while len(self._turns) > self._turn_rows(len(self._rows_above())):
            self._print_turn(self._turns.popleft())

    def _print_turn(self, turn: EmotionEstimate | str) -> None:
        if isinstance(turn, str):
            self._console.print(Text(turn, style="dim"), soft_wrap=True)  # a name is in one piece
            return
        line = estimate_line(turn)
        if line.cell_len <= self._console.size.width:
            self._console.print(line)
            return
        self._console.print(self._estimate_line(dataclasses.replace(turn, words=())))
        if turn.words:
            words = one_line(" ".join(word["text"] for word in turn.words))
            self._console.print(Padding(Text(words, style="italic"), (0, 0, 0, WORDS_COLUMN)))

    def _turn_rows(self, above: int) -> int:
        """Return the number of turns that there is room for.

        Args:
            above: number of lines above them, without the bars.
        """
        room = self._console.size.height - above - self._score_rows(above)
        return min(MAX_TURNS, max(1, room))

    def _score_rows(self, above: int) -> int:
        """Return the number of lines that the bars take: 0 where the terminal is too low."""
        if self._is_wide(above):
            return self._wide_rows()
        room = self._console.size.height - above
        rows = -(-len(self._labels) // self._columns(above))
        return rows if rows < room else 0

    def _columns(self, above: int) -> int:
        """Return 1, or 2 where the bars need to be side by side to leave room for turns."""
        room = self._console.size.height - above - len(self._labels)
        return 1 if room >= MIN_TURNS else 2

    def _is_wide(self, above: int) -> bool:
        """Return whether there is room for the history of the scores, and for turns below it."""
        width, height = self._console.size
        return width >= panels.WIDE and height - above - self._wide_rows() >= MIN_TURNS

    def _wide_rows(self) -> int:
        """Return the number of lines of bars and plane; those of the plane are odd."""
        return max(5, len(self._labels) | 1) if self._affect else len(self._labels)

    def __rich__(self) -> Group:
        width, height = self._console.size
        above = self._rows_above()
        n = len(above)
        turns = list(self._turns)[-self._turn_rows(n) :]
        lines = [
            cut(Text(self._as_shown(turn), style="dim"), width)
            if isinstance(turn, str)
            else self._estimate_line(turn)
            for turn in turns
        ]
        if not self._score_rows(n):
            return Group(*above[: max(0, height - len(lines))], *lines)
        return Group(*above[:2], self._scores(n), *above[2:], *lines)

    def _rows_above(self) -> list[Text]:
        """Return the lines above the turns, without the bars: title and level come first."""
        width, status = self._console.size.width, self._status
        rows = [
            panels.title_line(self._as_shown(self._title), width, self._recorded),
            panels.level_line(status, width),
            panels.facts_line(self._latest, status, width),
            *panels.problem_lines(status, width),
        ]
        if status.asr is not None:
            text = self._as_shown(one_line(self._speech.text)) if self._speech else ""
            words = panels.words_line(self._speech, status.asr, status.text_error, text, width)
            rows.append(words)
        if self._second is not None:
            rows.append(self._estimate_line(self._second))
        return rows

    def _scores(self, above: int) -> RenderableType:
        """Return the bars; on a wide terminal, the history and the plane beside them."""
        width = self._console.size.width
        if not self._is_wide(above):
            return panels.scores_table(self._labels, self._latest, width, self._columns(above))
        history: Sequence[EmotionEstimate] = list(self._history)
        bars = panels.scores_table(self._labels, self._latest, panels.BARS_COLUMNS, 1)
        left = width - panels.BARS_COLUMNS - 2
        left -= panels.PLANE_COLUMNS + 2 if self._affect else 0
        cells = [bars, panels.history_lines(self._labels, history, left)]
        if self._affect:
            cells.append(panels.plane(history, self._wide_rows()))
        table = Table.grid(padding=(0, 2))
        table.add_row(*cells)
        return table

    def _estimate_line(self, estimate: EmotionEstimate) -> Text:
        words = tuple({"text": self._as_shown(word["text"])} for word in estimate.words)
        return estimate_line(dataclasses.replace(estimate, words=words), self._console.size.width)

    def _as_shown(self, text: str) -> str:
        """Return the text with the characters that the terminal's encoding lacks as escapes."""
        encoding = self._console.encoding
        return text.encode(encoding, ERRORS).decode(encoding)
