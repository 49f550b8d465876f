"""Figures of a session, for reports: one per source, as PNG or as pages of a PDF."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ser_stream.colours import COLOURS
from ser_stream.evaluation.plots import heading, plain
from ser_stream.files import replacing
from ser_stream.sessions.page import end_s
from ser_stream.sessions.picture import FRAME_S, PEAK_S, peaks, spectrogram
from ser_stream.sessions.read import EstimateEvent, Session, SourcePart
from ser_stream.units import Seconds

WIDTH_INCHES = 11.0
MAX_TEXT = 60
"""Characters that are shown of a turn's words."""
MAX_LABELLED_TURNS = 24
"""More turns than that are shown by their colour alone."""


def figures(session: Session) -> list[Figure]:
    """Return a figure for each source: waveform, spectrogram, scores, valence and arousal, turns.

    Raises:
        InputError: the sound of one cannot be read.
    """
    return [_figure(session, part) for part in session.parts]


def write_png(drawn: list[Figure], path: Path) -> list[Path]:
    """Write PNG files, of which the second and later ones have a number in their names.

    Raises:
        OSError: one cannot be written.
    """
    paths = []
    for number, figure in enumerate(drawn, 1):
        name = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        with replacing(name, private=True) as file:
            figure.savefig(file, format="png", dpi=150)
        paths.append(name)
    return paths


def write_pdf(drawn: list[Figure], path: Path) -> None:
    """Write a PDF with a page for each figure.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path, private=True) as file, PdfPages(file) as pages:
        for figure in drawn:
            pages.savefig(figure)


def _figure(session: Session, part: SourcePart) -> Figure:
    samples = part.samples()
    figure = Figure((WIDTH_INCHES, 8.2), layout="constrained")
    axes = figure.subplots(5, 1, sharex=True, height_ratios=(1.1, 1.4, 1.7, 1.3, 0.7))
    figure.suptitle(heading(f"{part.name}, {session.about.model}", WIDTH_INCHES))
    start_s = part.audio_start_s
    _draw_sound(axes[0], axes[1], samples, start_s)
    _draw_scores(axes[2], part, session.about.labels)
    _draw_affect(axes[3], part)
    _draw_turns(axes[4], part)
    axes[4].set(xlim=(0, end_s(part, len(samples))), xlabel="time (s)")
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(
        f"recorded from {part.started:%Y-%m-%d %H:%M:%S} UTC", fontsize=8, color="0.35"
    )
    return figure


def _draw_sound(above: Axes, below: Axes, samples: np.ndarray, start_s: Seconds) -> None:
    above.set_ylabel("waveform")
    below.set_ylabel("log-mel\nband")
    if not len(samples):
        for axes in (above, below):
            axes.set_yticks([])
            axes.text(0.01, 0.5, "sound was not recorded", transform=axes.transAxes, va="center")
        return
    low, high = peaks(samples).T
    times = start_s + PEAK_S * np.arange(len(low))
    above.fill_between(times, low, high, color="0.25", linewidth=0)
    levels = spectrogram(samples).T
    extent = (start_s, start_s + FRAME_S * levels.shape[1], 0, len(levels))
    below.imshow(levels, origin="lower", aspect="auto", cmap="Blues", extent=extent, vmin=0, vmax=1)


def _draw_scores(axes: Axes, part: SourcePart, labels: tuple[str, ...]) -> None:
    left = _starts(part.intervals)
    widths = [estimate.end_s - start for estimate, start in zip(part.intervals, left, strict=True)]
    bottom = np.zeros(len(left))
    for label in labels:
        shares = np.array([estimate.scores.get(label, 0.0) for estimate in part.intervals])
        axes.bar(left, shares, widths, bottom, align="edge", color=COLOURS[label], linewidth=0)
        bottom += shares
    handles = [Patch(color=COLOURS[label], label=label) for label in labels]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes.set(ylabel="scores", ylim=(0, 1))


def _starts(estimates: list[EstimateEvent]) -> list[Seconds]:
    """Return where each estimate is drawn from: the end of the one before it in its turn."""
    starts = []
    for number, estimate in enumerate(estimates):
        before = estimates[number - 1] if number else None
        same = before is not None and before.turn == estimate.turn
        starts.append(before.end_s if same and before is not None else estimate.start_s)
    return starts


def _draw_affect(axes: Axes, part: SourcePart) -> None:
    turns = sorted({estimate.turn for estimate in part.intervals})
    for turn in turns:
        run = [estimate for estimate in part.intervals if estimate.turn == turn]
        times = [estimate.end_s for estimate in run]
        axes.plot(times, [e.valence for e in run], color=COLOURS["sad"], marker="o", markersize=3)
        axes.plot(times, [e.arousal for e in run], color=COLOURS["angry"], marker="^",
                  markersize=3, linestyle="--")  # fmt: skip
    axes.plot([], [], color=COLOURS["sad"], marker="o", label="valence")
    axes.plot([], [], color=COLOURS["angry"], marker="^", linestyle="--", label="arousal")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set(ylim=(-1, 1), ylabel="affect")


def _draw_turns(axes: Axes, part: SourcePart) -> None:
    for turn in part.turns:
        best = max(turn.scores, key=turn.scores.__getitem__, default="neutral")
        colour, length = COLOURS.get(best, "0.5"), turn.end_s - turn.start_s
        faint = 0.35 if turn.expression else 0.0
        axes.barh(0.7, length, 0.5, turn.start_s, color=to_rgba(colour, faint), edgecolor=colour)
        if len(part.turns) <= MAX_LABELLED_TURNS:
            reason = "too short" if turn.reason == "short" else turn.reason
            text = turn.expression or f"({best}?) {reason}"
            axes.text(turn.start_s + length / 2, 0.7, plain(text), ha="center", va="center",
                      fontsize=8, clip_on=True)  # fmt: skip
            words = textwrap.shorten(" ".join(word.text for word in turn.words), MAX_TEXT)
            axes.text(turn.start_s, 0.2, plain(words), va="center", fontsize=8, clip_on=True)
    axes.set(ylim=(0, 1), ylabel="turns\nand words")
    axes.set_yticks([])
