"""Figures of a report: bars of the table, and a confusion matrix for each row that was measured."""

from __future__ import annotations

from pathlib import Path

from ser_stream.errors import InputError
from ser_stream.evaluation.plots import ablation_bars, confusion, save
from ser_stream.papers.report import Report


def draw_report(report: Report, folder: Path) -> list[Path]:
    """Write PNG and SVG files into `folder`; returns their paths.

    Raises:
        InputError: nothing was measured, or a file cannot be written.
    """
    measured = [row for row in report.rows if row.summary]
    if not measured:
        raise InputError(f"figures: nothing of {report.table.name} is measured yet")
    name = "-".join([report.table.name, *(Path(on).stem for on in report.on)])
    title = report.table.title + (f" ({', '.join(report.on)})" if report.on else "")
    paths = []
    for metric, label in (("wa", "WA"), ("ua", "UA")):
        paper = {r.row.title: _share(r.row.paper.get(metric)) for r in measured}
        ours = {
            r.row.title: (r.summary.mean[metric], r.summary.deviation[metric]) for r in measured
        }
        bars = ablation_bars([r.row.title for r in measured], ours, paper, label, title)
        paths += save(bars, folder / f"{name}-{metric}")
    for row in measured:
        figure = confusion(row.summary.scores, row.row.title)
        paths += save(figure, folder / f"{name}-confusion-{row.row.recipe}")
    return paths


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
