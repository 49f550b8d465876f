"""Estimates as lines of text, for people, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text

from ser_stream.emotion import AUDIO_TEXT, SHORT, EmotionEstimate
from ser_stream.text import one_line

COLOURS = {
    "neutral": "default",
    "calm": "color(30)",
    "happy": "color(100)",
    "excited": "color(166)",
    "sad": "color(32)",
    "angry": "color(160)",
    "frustrated": "color(131)",
    "fear": "color(98)",
    "disgust": "color(28)",
    "surprise": "color(163)",
}
"""Emotion -> its colour of xterm's 256, each with a contrast of 3.5 to black and to white. Where a
terminal has 16, rich takes the nearest, and the terminal's theme makes it readable."""

GOOD, PROBLEM, WARNING = "color(28)", "bold color(160)", "color(130)"
"""Colours of what is as it should be, of what keeps recognition from working, and of the rest."""

REASONS = {SHORT: "too short"}
"""Reason to abstain -> how it is shown, where that is not its own name."""

WORDS_WIDTH = 24
"""Columns that words take before less important parts of a line."""


class Part(NamedTuple):
    """A part of a line.

    Attributes:
        priority: parts of a higher number are left out first.
    """

    text: Text
    priority: int


def fitted(parts: Sequence[Part], width: int | None) -> Text:
    """Return the most important of the parts that fit the width, in their order.

    Args:
        width: columns; None where nothing has to be left out. Parts of priority 0 are always there,
            and cut where they do not fit.
    """
    left = width
    chosen = set()
    for number in sorted(range(len(parts)), key=lambda number: parts[number].priority):
        text, priority = parts[number]
        if left is None or priority == 0 or text.cell_len <= left:
            chosen.add(number)
            left = left if left is None else left - text.cell_len
    line = Text().join(part.text for number, part in enumerate(parts) if number in chosen)
    return line if width is None else cut(line, width)


def cut(line: Text, width: int) -> Text:
    """Return the line, which ends with an ellipsis where it was longer than the width."""
    line = line.copy()
    line.truncate(max(1, width), overflow="ellipsis")
    line.no_wrap = True
    return line


def estimate_line(estimate: EmotionEstimate, width: int | None = None) -> Text:
    """Return an estimate as one line; the best label of one that abstains is in brackets.

    Args:
        width: columns; where it is less than the line needs, parts are left out. None: no limit.
    """
    kind = estimate.trigger + ("+" if estimate.modality == AUDIO_TEXT else "")  # with words
    expression = expression_text(estimate)
    expression.align("left", 12)
    affect = f"  valence {estimate.valence:+.2f}  arousal {estimate.arousal:+.2f}"
    parts = [
        Part(Text(f"{estimate.start_s:7.2f} - {estimate.end_s:7.2f} s  "), 0),
        Part(Text(f"{kind:10} ", style="dim"), 3),
        Part(expression, 0),
        Part(Text(f"{estimate.confidence:4.0%}"), 1),
        Part(reason_text(estimate), 1),
        Part(Text("  clipped" if estimate.clipped else "", style=PROBLEM), 2),
        Part(Text(affect, style="dim"), 5),
    ]
    words = one_line(" ".join(word["text"] for word in estimate.words))
    if not words:
        return fitted(parts, width)
    spoken = Text(f"  {words}", style="italic")
    if width is None:
        return fitted([*parts, Part(spoken, 4)], None)
    place = Text(" " * min(spoken.cell_len, WORDS_WIDTH))
    line = fitted([*parts, Part(place, 4)], width)
    line.rstrip()
    return cut(line.append_text(spoken), width)


def expression_text(estimate: EmotionEstimate) -> Text:
    """Return the expression of an estimate; the best label of one that abstains is in brackets."""
    if estimate.expression:
        return Text(estimate.expression, style=f"bold {COLOURS[estimate.expression]}")
    best = max(estimate.scores, key=estimate.scores.__getitem__)
    return Text(f"({best}?)", style="dim")


def reason_text(estimate: EmotionEstimate) -> Text:
    """Return why an estimate abstains, after two spaces; "" for one that does not."""
    reason = REASONS.get(estimate.reason, estimate.reason)
    return Text(f"  {reason}" if reason else "", style="dim")
