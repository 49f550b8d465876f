"""Output for people: a live view on a terminal, one line per estimate where it is redirected."""

from __future__ import annotations

import contextlib
from collections import deque

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ser_stream.asr.worker import STARTING, AsrStatus
from ser_stream.audio.native_stderr import redirect_native_stderr
from ser_stream.emotion import AUDIO_TEXT, INTERVAL, UTTERANCE, EmotionEstimate
from ser_stream.outputs.base import Output
from ser_stream.stream.status import StreamStatus
from ser_stream.text import one_line
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


class PlainView(Output):
    """Prints one line per estimate; the line of a whole turn holds its words."""

    def __init__(self, console: Console):
        self._console = console

    def on_source(self, name: str) -> None:
        self._console.print(Text(one_line(name)), soft_wrap=True)

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        self._console.print(estimate_line(estimate), soft_wrap=True)


class LiveView(Output):
    """Shows level, voice activity, a bar per emotion, words, latency and the latest turns.

    Args:
        labels: the model's, one bar each.
    """

    def __init__(self, console: Console, labels: tuple[str, ...]):
        self._status = StreamStatus()
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
        self._resources.enter_context(redirect_native_stderr(self._print_above))
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        self._live.stop()
        for line in self._history:
            self._live.console.print(line)

    def _print_above(self, line: str) -> None:
        self._live.console.print(Text(line, style="dim"))

    def on_source(self, name: str) -> None:
        self._title = name = one_line(name)
        self._latest = self._second = self._speech = None
        self._add_to_history(Text(name, style="dim"))

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        if estimate.modality == AUDIO_TEXT:  # its labels may differ from the model's
            self._second = estimate
        else:
            self._latest = estimate
        if estimate.trigger == UTTERANCE:
            self._add_to_history(_cut(estimate_line(estimate)))

    def on_speech(self, speech: Speech) -> None:
        self._speech = speech

    def on_status(self, status: StreamStatus) -> None:
        self._status = status

    def _add_to_history(self, line: Text) -> None:
        if len(self._history) == HISTORY:  # a line that leaves the view stays in the scrollback
            self._live.console.print(self._history[0])
        self._history.append(line)

    def _render(self) -> Group:
        status = self._status
        parts: list[RenderableType] = [
            Text(self._title, style="bold"),
            _level_line(status),
            _scores_table(self._labels, self._latest),
            _facts_line(self._latest, status),
        ]
        if status.asr is not None:
            parts.append(_words_line(self._speech, status.asr, status.text_error))
        if self._second is not None:
            parts.append(_cut(estimate_line(self._second)))
        return Group(*parts, *self._history)


def estimate_line(estimate: EmotionEstimate) -> Text:
    """Return an estimate as one line; the best label of one that abstains is in brackets."""
    expression = expression_text(estimate)
    line = Text(f"{estimate.start_s:7.2f} - {estimate.end_s:7.2f} s  ")
    kind = estimate.trigger + ("+" if estimate.modality == AUDIO_TEXT else "")  # with words
    line.append(f"{kind:10} ", style="dim")
    expression.align("left", 12)
    line.append_text(expression)
    line.append(f"{estimate.confidence:4.0%}")
    line.append(
        f"  valence {estimate.valence:+.2f}  arousal {estimate.arousal:+.2f}",
        style="dim",
    )
    if estimate.clipped:
        line.append("  clipped", style="bold red")
    if estimate.words:
        words = " ".join(word["text"] for word in estimate.words)
        line.append(f"  {one_line(words)}", style="italic")
    return line


def expression_text(estimate: EmotionEstimate) -> Text:
    """Return the expression of an estimate; the best label of one that abstains is in brackets."""
    if estimate.expression:
        return Text(estimate.expression, style=f"bold {COLOURS[estimate.expression]}")
    best = max(estimate.scores, key=estimate.scores.__getitem__)
    return Text(f"({best}?)", style="dim")


def _cut(line: Text) -> Text:
    """Let the terminal cut the line at its width, so that the view keeps its number of lines."""
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
    elif status.sound:
        line.append(f"  {status.sound}", style="bold red" if status.no_signal else "yellow")
    return line


def _words_line(speech: Speech | None, asr: AsrStatus, text_error: str) -> Text:
    """Return the newest words, dimmed where they may still change, and any problem."""
    line = Text("words    ")
    if speech is not None:
        stable = speech.words[: speech.stable]
        line.append(" ".join(word.text for word in stable))
        line.append("".join(f" {word.text}" for word in speech.words[speech.stable :]), style="dim")
    problem = text_error or asr.reason
    if problem:
        line.append(f"  {asr.state}: {problem}", style="bold red")
    elif asr.state == STARTING:
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
        return _with_problem(Text("waiting for someone to speak", style="dim"), status)
    # The latency of a whole turn includes the pause that ended it, and is no measure of load.
    latency = f"latency {estimate.latency_ms:.1f} ms  " if estimate.trigger == INTERVAL else ""
    facts = f"{latency}estimates {status.windows}"
    if status.skipped:
        facts += f"  skipped {status.skipped}"
    if status.dropped_turns:
        facts += f"  dropped turns {status.dropped_turns}"
    if status.failed_windows:
        facts += f"  failed {status.failed_windows}"
    if status.gaps:
        facts += f"  gaps {status.gaps} ({status.gap_s:.1f} s)"
    return _with_problem(Text(facts, style="dim"), status)


def _with_problem(line: Text, status: StreamStatus) -> Text:
    """Append what is wrong with inference."""
    if status.inference:
        line.append(f"  inference: {status.inference}", style="bold red")
    return _cut(line)
