"""The terminal: a live view for people, or one plain line per estimate where it is no terminal."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ser_stream.asr.worker import STARTING
from ser_stream.audio.native_stderr import redirect_native_stderr
from ser_stream.emotion import AUDIO_TEXT, INTERVAL, UTTERANCE, EmotionEstimate
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech

COLOURS = {
    "neutral": "white",
    "calm": "cyan",
    "happy": "yellow",
    "excited": "bright_yellow",
    "sad": "blue",
    "angry": "red",
    "frustrated": "bright_red",
    "fear": "magenta",
    "disgust": "green",
    "surprise": "bright_cyan",
}
BAR_WIDTH = 32
HISTORY = 8
QUIETEST_DBFS = -60.0


class PlainView:
    """One line per estimate."""

    def __init__(self, console: Console):
        self._console = console

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_) -> None:
        pass

    def title(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def hear(self, speech: Speech) -> None:
        """Nothing: the line of a whole turn has its words."""

    def show(self, estimate: EmotionEstimate) -> None:
        self._console.print(estimate_line(estimate), soft_wrap=True)


class LiveView:
    """Level meter, voice activity, a bar per emotion, words, what was heard before, latency.

    Args:
        status: asked ten times a second.
        labels: of the model.
    """

    def __init__(
        self, console: Console, status: Callable[[], StreamStatus], labels: tuple[str, ...]
    ):
        self._status = status
        self._labels = labels
        self._title = ""
        self._latest: EmotionEstimate | None = None
        self._second: EmotionEstimate | None = None
        self._speech: Speech | None = None
        self._history: deque[Text] = deque(maxlen=HISTORY)
        self._resources = contextlib.ExitStack()
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=10, transient=True
        )

    def __enter__(self) -> LiveView:
        self._live.start()
        self._resources.enter_context(redirect_native_stderr(self._above))
        return self

    def __exit__(self, *_) -> None:
        self._resources.close()
        self._live.stop()
        for line in self._history:
            self._live.console.print(line)

    def _above(self, line: str) -> None:
        self._live.console.print(Text(line, style="dim"))

    def title(self, text: str) -> None:
        self._title = text
        self._latest = self._second = self._speech = None
        self._remember(Text(text, style="dim"))

    def hear(self, speech: Speech) -> None:
        self._speech = speech

    def show(self, estimate: EmotionEstimate) -> None:
        if estimate.modality == AUDIO_TEXT:  # its labels may be others
            self._second = estimate
        else:
            self._latest = estimate
        if estimate.trigger == UTTERANCE:
            self._remember(_cut(estimate_line(estimate)))

    def _remember(self, line: Text) -> None:
        if len(self._history) == HISTORY:  # what leaves the view stays in the scrollback
            self._live.console.print(self._history[0])
        self._history.append(line)

    def _render(self) -> Group:
        status = self._status()
        parts = [
            Text(self._title, style="bold"),
            _level_line(status),
            _scores_table(self._labels, self._latest),
            _facts_line(self._latest, status),
        ]
        if status.asr is not None:
            parts.append(_words_line(self._speech, status))
        if self._second is not None:
            parts.append(_cut(estimate_line(self._second)))
        return Group(*parts, *self._history)


def estimate_line(estimate: EmotionEstimate) -> Text:
    """One estimate on one line."""
    best = max(estimate.scores, key=estimate.scores.get)
    name = estimate.expression or f"({best}?)"
    style = COLOURS[best] if estimate.expression else "dim"
    line = Text(f"{estimate.start_s:7.2f} - {estimate.end_s:7.2f} s  ")
    kind = estimate.trigger + ("+" if estimate.modality == AUDIO_TEXT else "")  # with words
    line.append(f"{kind:10} ", style="dim")
    line.append(f"{name:12}", style=f"bold {style}" if estimate.expression else style)
    line.append(f"{estimate.confidence:4.0%}")
    line.append(
        f"  valence {estimate.valence:+.2f}  arousal {estimate.arousal:+.2f}",
        style="dim",
    )
    if estimate.clipped:
        line.append("  clipped", style="bold red")
    if estimate.words:
        line.append("  " + " ".join(word["text"] for word in estimate.words), style="italic")
    return line


def _cut(line: Text) -> Text:
    """The same, cut where the terminal ends: the view keeps its shape."""
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _level_line(status: StreamStatus) -> Text:
    share = min(1.0, max(0.0, 1.0 - status.level_dbfs / QUIETEST_DBFS))
    filled = round(share * BAR_WIDTH)
    line = Text("level    ")
    line.append("█" * filled, style="red" if status.level_dbfs > -3 else "green")
    line.append("░" * (BAR_WIDTH - filled), style="dim")
    line.append(f" {status.level_dbfs:6.1f} dBFS  ")
    line.append(
        "speaking" if status.speaking else "silence ", style="bold" if status.speaking else "dim"
    )
    line.append(f"  {status.position_s:7.1f} s", style="dim")
    if status.source:
        line.append(f"  {status.source}", style="bold red")
    return line


def _words_line(speech: Speech | None, status: StreamStatus) -> Text:
    """What was said last, of which some words may still change; or why there is nothing."""
    line = Text("words    ")
    if speech is not None:
        stable = speech.words[: speech.stable]
        line.append(" ".join(word.text for word in stable))
        line.append("".join(f" {word.text}" for word in speech.words[speech.stable :]), style="dim")
    trouble = status.text_error or status.asr.reason
    if trouble:
        line.append(f"  {status.asr.state}: {trouble}", style="bold red")
    elif status.asr.state == STARTING:
        line.append(f"  speech recognition is {STARTING}", style="dim")
    return line


def _scores_table(labels: tuple[str, ...], estimate: EmotionEstimate | None) -> Table:
    table = Table.grid(padding=(0, 1))
    for label in labels:
        score = estimate.scores[label] if estimate else 0.0
        chosen = estimate is not None and label == estimate.expression
        bar = Text("█" * round(score * BAR_WIDTH), style=COLOURS[label])
        bar.append("░" * (BAR_WIDTH - len(bar)), style="dim")
        percent = f"{score:4.0%}" if estimate else "    "
        table.add_row(Text(f"{label:8}", style="bold" if chosen else ""), bar, percent)
    return table


def _facts_line(estimate: EmotionEstimate | None, status: StreamStatus) -> Text:
    if estimate is None:
        return Text("waiting for someone to speak", style="dim")
    # A whole turn is judged after the pause that ended it, which is no work of ours.
    latency = f"latency {estimate.latency_ms:.1f} ms  " if estimate.trigger == INTERVAL else ""
    facts = f"{latency}estimates {status.windows}"
    if status.skipped:
        facts += f"  skipped {status.skipped}"
    if status.gaps:
        facts += f"  gaps {status.gaps} ({status.gap_s:.1f} s)"
    return Text(facts, style="dim")
