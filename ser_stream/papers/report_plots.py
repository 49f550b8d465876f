"""Plots of a report: bars of the table, and a confusion matrix of each measured row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ser_stream.errors import InputError
from ser_stream.evaluation.plots import SERIES, confusion, heading, plain, save
from ser_stream.papers.report import Report
from ser_stream.papers.summary import percent


def draw_report(report: Report, folder: Path) -> list[Path]:
    """Write PNG and SVG files into `folder` and return their paths.

    Raises:
        InputError: no row was measured yet, or a file cannot be written.
    """
    measured = [(row.row, row.summary) for row in report.rows if row.summary]
    if not measured:
        raise InputError(f"figures: nothing of {report.table.name} is measured yet")
    name = "-".join([report.table.name, *(Path(on).stem for on in report.on)])
    title = report.table.title + (f" ({', '.join(report.on)})" if report.on else "")
    paths: list[Path] = []
    for metric, label in (("wa", "WA"), ("ua", "UA")):
        paper = {row.title: _share(row.paper.get(metric)) for row, _ in measured}
        ours = {
            row.title: (summary.mean[metric], summary.deviation[metric])
            for row, summary in measured
        }
        bars = ablation_bars([row.title for row, _ in measured], ours, paper, label, title)
        paths += save(bars, folder / f"{name}-{metric}")
    for row, summary in measured:
        figure = confusion(summary.scores, row.title)
        paths += save(figure, folder / f"{name}-confusion-{row.recipe}")
    return paths


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def ablation_bars(
    rows: Sequence[str],
    ours: Mapping[str, tuple[float, float]],
    paper: Mapping[str, float | None],
    metric: str,
    title: str,
) -> Figure:
    """Plot a table's rows as bars, top to bottom: our mean and deviation, and the paper's value.

    Args:
        rows: names of all rows, in the table's order.
        ours: row -> mean and standard deviation over runs (0 for a single run), shares in [0, 1];
            rows without a measurement are missing.
        paper: row -> the paper's value, a share in [0, 1]; None or missing if it prints none.
        metric: name of the metric, "WA" or "UA".

    Raises:
        InputError: there is no value, or one of an unknown row or outside [0, 1].
    """
    printed = {row: share for row, share in paper.items() if share is not None}
    unknown = sorted((ours.keys() | paper.keys()) - set(rows))
    if unknown:
        raise InputError(f"ablation bars: found {unknown}; accepted are the rows {list(rows)}")
    _check_shares([share for pair in ours.values() for share in pair] + list(printed.values()))

    figure = Figure((8.5, 1.6 + 0.55 * len(rows)), layout="constrained")
    figure.suptitle(heading(title, 8.5))
    axes = figure.add_subplot()
    at = {row: y for y, row in enumerate(rows)}
    if ours:
        means, deviations = np.array(list(ours.values())).T
        axes.barh(
            [at[row] - 0.1 for row in ours], means, xerr=deviations, height=0.45, capsize=4,
            color=SERIES[4], ecolor="0.2", label="ours, mean and standard deviation",
        )  # fmt: skip
    if printed:
        # Below the middle, where it does not hide the error bar.
        axes.plot(
            list(printed.values()), [at[row] + 0.25 for row in printed], "D", color=SERIES[1],
            label="paper",
        )  # fmt: skip
    for row, y in at.items():
        text = _bar_text(ours.get(row), printed.get(row))
        axes.annotate(text, (1.02, y), xycoords=("axes fraction", "data"), va="center")
    axes.set_yticks(range(len(rows)), [plain(row) for row in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=plain(metric))
    axes.set_xlim(0, 1.05 * axes.dataLim.x1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _check_shares(shares: Sequence[float]) -> None:
    if not shares:
        raise InputError("ablation bars: found no value; accepted are 1 and more, ours or printed")
    for share in shares:
        if not 0 <= share <= 1:
            raise InputError(f"ablation bars: found {share}; accepted are shares in [0, 1]")


def _bar_text(ours: tuple[float, float] | None, paper: float | None) -> str:
    """Return our mean and deviation, and the paper's value, in percent; a line for each."""
    lines = [] if ours is None else [percent(*ours)]
    if paper is not None:
        lines.append(f"paper {100 * paper:.1f}")
    return "\n".join(lines)
