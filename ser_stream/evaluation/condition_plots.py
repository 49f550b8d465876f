"""Plot of the accuracy in noise and in rooms."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ser_stream.evaluation.plots import (
    MARKERS,
    add_caption,
    heading,
    percent_axis,
    plain,
    series_colours,
)
from ser_stream.evaluation.report import EstimateScores
from ser_stream.evaluation.robustness import corpus_title
from ser_stream.evaluation.streamed import IN_A_ROW

CLEAN = "clean"
NOISE, ROOM = re.compile(r"noise-(\d+)dB"), re.compile(r"room-([\d.]+)s")
MEAN = "mean"

Conditions = Mapping[str, Mapping[str, EstimateScores]]
"""Condition -> corpus -> its scores."""


def condition_curves(conditions: Conditions, title: str, caption: str = "") -> Figure:
    """Plot UA against the signal-to-noise ratio of noise, and against the RT60 of rooms.

    Lines are the corpora and, thick, their mean; the dashed line is the mean of recordings in a
    row, of models with a speaker memory. Conditions other than noise, rooms and clean recordings
    are not drawn.

    Args:
        conditions: those of a report of `evaluation.robustness`.
        caption: protocol of the evaluation, in small print below.
    """
    figure = Figure((9.0, 4.8), layout="constrained")
    figure.suptitle(heading(title, 9.0))
    noise, room = figure.subplots(1, 2, sharey=True)
    by_ratio = _ordered(conditions, NOISE, descending=True)
    by_rt60 = _ordered(conditions, ROOM, descending=False)
    for axes, names, unit in ((noise, by_ratio, "dB"), (room, by_rt60, "s")):
        _draw(axes, conditions, names)
        ticks = [CLEAN if value is None else f"{value:g} {unit}" for value in names.values()]
        axes.set_xticks(range(len(ticks)), ticks)
        axes.grid(alpha=0.3)
    noise.set(xlabel="signal-to-noise ratio", ylabel="UA")
    room.set(xlabel="reverberation of a simulated room (RT60)")
    percent_axis(noise)
    room.spines[["top", "right"]].set_visible(False)
    (noise if by_ratio else room).legend(loc="lower left", frameon=False, fontsize=9)
    add_caption(figure, caption)
    return figure


def _ordered(
    conditions: Conditions, kind: re.Pattern[str], descending: bool
) -> dict[str, float | None]:
    """Return clean recordings, whose value is None, then the conditions of a kind by value."""
    values = {name: float(found[1]) for name in conditions if (found := kind.fullmatch(name))}
    ordered = sorted(values.items(), key=lambda item: item[1], reverse=descending)
    return {name: None for name in conditions if name == CLEAN} | dict(ordered)


def _draw(axes: Axes, conditions: Conditions, names: Mapping[str, object]) -> None:
    chosen = [conditions[name] for name in names]
    corpora = list(chosen[0]) if chosen else []
    for colour, marker, corpus in zip(series_colours(len(corpora)), MARKERS, corpora, strict=False):
        label = plain(corpus_title(corpus))
        values = [scores[corpus]["ua"] for scores in chosen]
        axes.plot(values, color=colour, marker=marker, markersize=5, linewidth=1, label=label)
    if len(corpora) < 2:
        return
    means = [np.mean([each["ua"] for each in scores.values()]) for scores in chosen]
    axes.plot(means, color="black", linewidth=2.5, label=MEAN)
    if all(IN_A_ROW in each for scores in chosen for each in scores.values()):
        in_a_row = [np.mean([e[IN_A_ROW]["ua"] for e in scores.values()]) for scores in chosen]
        axes.plot(in_a_row, color="black", linestyle="--", label=f"{MEAN}, {IN_A_ROW}")
