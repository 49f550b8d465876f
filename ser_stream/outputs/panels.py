"""The parts of the live view: level, scores, the valence-arousal plane, words, and problems."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ser_stream.asr.worker import STARTING, AsrStatus
from ser_stream.emotion import INTERVAL, EmotionEstimate
from ser_stream.outputs.lines import COLOURS, GOOD, PROBLEM, WARNING, Part, cut, fitted
from ser_stream.stream.status import StreamStatus
from ser_stream.text import one_line
from ser_stream.words import Speech

HOW_TO_END = "Ctrl-C ends"
MAX_BAR = 32
QUIETEST_DBFS, LOUD_DBFS = -60.0, -3.0
LABEL_WIDTH, PERCENT_WIDTH = 10, 5
PROBLEM_LINES = 2
"""Lines that the description of a problem takes at most."""

WIDE = 100
"""Columns from which on the history of the scores is shown, and the plane."""
BARS_COLUMNS, PLANE_COLUMNS = 40, 27
"""Columns of the bars and of the plane there; the history has the rest."""
STEPS = " ▁▂▃▄▅▆▇█"
"""Characters of rising height, for scores from 0 to 1."""
TRAIL = 8
"""Estimates that the plane shows, the newest one as a larger point."""


def title_line(name: str, width: int, recorded: str = "") -> Text:
    """Return the name of the source, of which the end is shown, and how to end the program.

    Args:
        recorded: what is recorded meanwhile; "" for nothing.
    """
    right = Text(f"● recording {recorded}  " if recorded else "", style=PROBLEM)
    right.append(HOW_TO_END, style="not bold dim")
    shown = Text(name, style="bold")
    place = width - right.cell_len - 2
    if shown.cell_len > place:
        while name and Text(name).cell_len > place - 1:
            name = name[1:]
        shown = Text(f"…{name}", style="bold")
    shown.pad_right(max(0, place - shown.cell_len) + 2)
    return cut(Text().append_text(shown).append_text(right), width)


def level_line(status: StreamStatus, width: int) -> Text:
    """Return a meter of the level, whether someone speaks, and the time."""
    share = min(1.0, max(0.0, 1.0 - status.level_dbfs / QUIETEST_DBFS))
    n = min(MAX_BAR, max(4, width - 42))
    meter = Text("level    ")
    meter.append_text(_bar(share, n, PROBLEM if status.level_dbfs > LOUD_DBFS else GOOD))
    speaking = ("  speaking", "bold") if status.speaking else ("  silence ", "dim")
    parts = [
        Part(meter, 0),
        Part(Text(f" {status.level_dbfs:6.1f} dBFS"), 2),
        Part(Text(*speaking), 1),
        Part(Text(f" {status.position_s:7.1f} s", style="dim"), 3),
    ]
    return fitted(parts, width)


def problem_lines(status: StreamStatus, width: int) -> list[Text]:
    """Return what is wrong with the source, the sound and inference, in lines of that width."""
    sound_style = PROBLEM if status.no_signal else WARNING
    inference = f"inference: {status.inference}" if status.inference else ""
    lines: list[Text] = []
    for text, style in (
        (status.source, PROBLEM),
        (status.sound, sound_style),
        (inference, PROBLEM),
    ):
        if text:
            lines += _wrapped(Text(one_line(text), style=style), width)
    return lines


def _wrapped(text: Text, width: int) -> list[Text]:
    """Return the text in lines of that width, the last of which is cut."""
    words, lines = text.plain.split(" "), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if Text(longer).cell_len > width and lines[-1] and len(lines) < PROBLEM_LINES:
            lines.append(word)
        else:
            lines[-1] = longer
    return [cut(Text(line, style=text.style), width) for line in lines]


def scores_table(
    labels: Sequence[str], estimate: EmotionEstimate | None, width: int, columns: int
) -> RenderableType:
    """Return a bar for each label.

    Args:
        estimate: the newest; None before the first one.
        columns: the bars are in that many columns, side by side.
    """
    n = min(MAX_BAR, width // columns - LABEL_WIDTH - PERCENT_WIDTH - (columns - 1))
    table = Table.grid(padding=(0, 2))
    rows = -(-len(labels) // columns)
    for row in range(rows):
        table.add_row(
            *(_score_line(label, estimate, max(2, n)) for label in labels[row::rows]),
        )
    return table


def _score_line(label: str, estimate: EmotionEstimate | None, n: int) -> Text:
    score = estimate.scores.get(label, 0.0) if estimate else 0.0
    chosen = estimate is not None and label == estimate.expression
    line = Text(f"{label:{LABEL_WIDTH}}", style="bold" if chosen else "", no_wrap=True)
    line = Text().append_text(line).append_text(_bar(score, n, COLOURS[label]))
    return line.append(f"{score:{PERCENT_WIDTH}.0%}" if estimate else " " * PERCENT_WIDTH)


def history_lines(labels: Sequence[str], history: Sequence[EmotionEstimate], n: int) -> Text:
    """Return a line for each label: its scores in the last `n` interval estimates."""
    lines = []
    for label in labels:
        scores = [estimate.scores.get(label, 0.0) for estimate in history[-n:]]
        steps = (STEPS[min(8, round(8 * score))] for score in scores)
        lines.append(Text("".join(steps).rjust(n), style=COLOURS[label]))
    return Text("\n").join(lines)


def plane(history: Sequence[EmotionEstimate], rows: int) -> Text:
    """Return the valence-arousal plane with the newest interval estimates.

    Valence grows to the right, arousal upwards, both from -1 to 1.

    Args:
        rows: number of lines, odd.
    """
    middle, centre = rows // 2, PLANE_COLUMNS // 2
    cells = [[" "] * PLANE_COLUMNS for _ in range(rows)]
    for row in cells:
        row[centre] = "│"
    cells[middle] = ["─"] * PLANE_COLUMNS
    cells[middle][centre] = "┼"
    cells[0][centre + 2 : centre + 9] = "arousal"
    cells[middle][-7:] = "valence"
    newest = None
    for estimate in history[-TRAIL:]:
        column = centre + round(centre * min(1.0, max(-1.0, estimate.valence)))
        row_number = middle - round(middle * min(1.0, max(-1.0, estimate.arousal)))
        newest = row_number, column
        cells[row_number][column] = "·"
    text = Text("\n".join("".join(row) for row in cells), style="dim")
    if newest is not None:
        row_number, column = newest
        at = row_number * (PLANE_COLUMNS + 1) + column
        text = text[:at].append("●", style=f"not dim {PROBLEM}").append_text(text[at + 1 :])
    return text


def words_line(
    speech: Speech | None, asr: AsrStatus, text_error: str, text: str, width: int
) -> Text:
    """Return the newest words, dimmed where they may still change, and any problem.

    Args:
        text: the words as the terminal can show them.
    """
    line = Text("words    ")
    stable = len(" ".join(word.text for word in speech.words[: speech.stable])) if speech else 0
    line.append(text[:stable]).append(text[stable:], style="dim")
    problem = text_error or asr.reason
    if problem:
        line.append(f"  {asr.state}: {one_line(problem)}", style=PROBLEM)
    elif asr.state == STARTING:
        line.append(f"  speech recognition is {STARTING}", style="dim")
    return cut(line, width)


def facts_line(estimate: EmotionEstimate | None, status: StreamStatus, width: int) -> Text:
    """Return latency, number of estimates, and what was lost."""
    if estimate is None:
        return cut(Text("waiting for someone to speak", style="dim"), width)
    losses = {
        "skipped": status.skipped,
        "dropped turns": status.dropped_turns,
        "failed": status.failed_windows,
        "gaps": status.gaps,
    }
    # The latency of a whole turn includes the pause that ended it, and is no measure of load.
    latency = f"latency {estimate.latency_ms:.1f} ms  " if estimate.trigger == INTERVAL else ""
    texts = [latency, f"estimates {status.windows}"]
    texts += [f"  {what} {n}" for what, n in losses.items() if n]
    if status.gaps:
        texts.append(f" ({status.gap_s:.1f} s)")
    parts = [Part(Text(text, style="dim"), number) for number, text in enumerate(texts)]
    return fitted(parts, width)


def _bar(share: float, n: int, style: str) -> Text:
    """Return a bar of `n` characters, of which a share is filled."""
    filled = round(share * n)
    return Text("█" * filled, style=style).append("░" * (n - filled), style="dim")
