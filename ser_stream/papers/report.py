"""A paper's table with our figures beside the paper's: on the terminal, as Markdown, as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from ser_stream.data.word_segments import WordsWithoutTimesError
from ser_stream.evaluation.tables import narrow_table
from ser_stream.papers.run import Folders, read_results, run_experiment
from ser_stream.papers.summary import Summary, percent
from ser_stream.papers.tables import Row, Table, get_table
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.folders import experiment_path, read_overlays
from ser_stream.recipes.load import load_recipe

NOT_RUN = "not run"
NO_TIMES = "needs times of words"
AS_IN_PAPERS = "papers-habit"
"""Settings with which the protocol is the paper's own."""


@dataclasses.dataclass(frozen=True)
class ReportRow:
    """A row, and what was measured; where nothing was, why."""

    row: Row
    summary: Summary | None
    missing: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """A table, measured.

    Attributes:
        on: names of settings that went over the recipes'; with any, the paper's numbers are of
            another protocol.
        seeds: instead of the recipes', if any.
    """

    table: Table
    on: tuple[str, ...]
    rows: tuple[ReportRow, ...]
    seeds: tuple[int, ...] = ()

    @property
    def command(self) -> str:
        on = f" --on {' '.join(self.on)}" if self.on else ""
        seeds = f" --seeds {' '.join(map(str, self.seeds))}" if self.seeds else ""
        return f"ser-stream report {self.table.name}{on}{seeds} --corpora DIR"

    def to_dict(self) -> dict[str, Any]:
        return {
            "table": self.table.name,
            "title": self.table.title,
            "note": self.table.note,
            "on": list(self.on),
            "command": self.command,
            "rows": [
                {
                    "title": row.row.title,
                    "recipe": row.row.recipe,
                    "paper": row.row.paper,
                    "ours": row.summary and row.summary.to_dict(),
                    "missing": row.missing,
                }
                for row in self.rows
            ],
        }


def make_report(
    name: str, on: Sequence[str], seeds: Sequence[int], folders: Folders, train: bool, device: str
) -> Report:
    """Measure a table.

    Args:
        on: settings over the recipes', see `read_overlays`.
        seeds: instead of the recipes'; none: those.
        train: what has no result yet; False: only show what is there.

    Raises:
        InputError: the table or the settings are not known, or a recipe does not fit them.
    """
    table = get_table(name)
    over = read_overlays(list(on))
    if seeds:
        over.append({"seeds": list(seeds)})
    rows = []
    for row in table.rows:
        experiment = load_recipe(experiment_path(row.recipe), Experiment, overlays=over)
        rows.append(_measure(row, experiment, folders, train, device))
    return Report(table, tuple(on), tuple(rows), tuple(seeds))


def _measure(
    row: Row, experiment: Experiment, folders: Folders, train: bool, device: str
) -> ReportRow:
    results = read_results(experiment, folders)
    absent = [name for name in experiment.corpora if not (folders.corpora / name).is_dir()]
    if train and not absent:
        try:
            results = run_experiment(experiment, folders, device)
        except WordsWithoutTimesError:
            return ReportRow(row, None, NO_TIMES)
    if not results:
        missing = f"needs the corpus {', '.join(absent)}" if absent else NOT_RUN
        return ReportRow(row, None, missing)
    return ReportRow(row, Summary.of(experiment, results))


HEAD = ("system", "paper WA", "paper UA", "WA", "UA", "macro-F1", "n", "seeds x folds", "epochs")


def _cells(row: ReportRow) -> list[str]:
    paper = [f"{row.row.paper[m]:g}" if m in row.row.paper else "" for m in ("wa", "ua")]
    summary = row.summary
    if summary is None:
        return [row.row.title, *paper, row.missing, "", "", "", "", ""]
    figures = [percent(summary.mean[m], summary.deviation[m]) for m in ("wa", "ua", "macro_f1")]
    runs = f"{len(summary.seeds)} x {summary.n_folds}"
    return [row.row.title, *paper, *figures, str(summary.scores.n), runs, summary.epochs]


def notes(report: Report) -> list[str]:
    """What has to be known to read the figures: protocol, deviations, the paper's own habits."""
    lines = []
    measured = [row.summary for row in report.rows if row.summary]
    for protocol in dict.fromkeys(summary.protocol for summary in measured):
        lines.append(f"Protocol: {protocol}.")
    over = dict.fromkeys(summary.deviation_over for summary in measured)
    for what in filter(None, over):
        pooled = ", each by itself; means are of all folds' answers together"
        lines.append(f"±: standard deviation over {what}{pooled if what == 'folds' else ''}.")
    if set(report.on) - {AS_IN_PAPERS}:
        lines.append(
            f"With the settings {', '.join(report.on)} over the recipes': the paper's numbers are "
            "not of the same protocol."
        )
    if report.table.note:
        lines.append(f"Of the paper: {report.table.note}.")
    if report.table.name.startswith("jalal"):
        for row in report.rows:
            if row.summary:
                accuracy, recalls = row.summary.scores.one_against_rest
                lines.append(
                    f"By eq. 10, {row.row.title}: UA {accuracy:.1%}, WA {recalls:.1%}, the paper's "
                    "names."
                )
    return lines


def to_markdown(report: Report) -> str:
    """A heading, the command, the table, and notes."""
    lines = [f"### {report.table.title}", "", f"`{report.command}`", ""]
    lines += [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    lines += [f"| {' | '.join(_cells(row))} |" for row in report.rows]
    return "\n".join([*lines, "", *(f"* {note}" for note in notes(report))]) + "\n"


def show(report: Report) -> None:
    """The same on the terminal."""
    table = narrow_table(report.table.title)
    table.add_column(HEAD[0], min_width=22)
    for name in HEAD[1:]:  # a header may be broken, a figure not
        table.add_column(name.replace(" ", "\n").replace("-", "\n"), justify="right", no_wrap=True)
    absent: dict[str, list[str]] = {}  # below: in the table they would make WA's column too wide
    for row in report.rows:
        system, *cells = _cells(row)
        if row.missing:
            absent.setdefault(row.missing, []).append(system)
        table.add_row(system, *(cells[:2] if row.missing else cells))
    console = Console()
    console.print(table)
    for why, systems in absent.items():
        console.print(f"{why[0].upper()}{why[1:]}: {'; '.join(systems)}.", highlight=False)
    for note in notes(report):
        console.print(note, highlight=False)
