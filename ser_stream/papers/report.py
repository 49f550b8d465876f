"""A table of a paper, measured here: on the terminal, as Markdown and as JSON.

The paper's own numbers are shown where the corpus, the labels and the test part follow the paper.
"""

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
"""Settings that make the protocol that of the paper."""


@dataclasses.dataclass(frozen=True)
class ReportRow:
    """A row with its result.

    Attributes:
        row: the row of the table; without the paper's numbers where corpus, labels or test part
            differ.
        summary: the result; None where there is none.
        missing: why there is no result.
    """

    row: Row
    summary: Summary | None
    missing: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """A table with its results.

    Attributes:
        on: names of the settings that are laid over those of the recipes.
        seeds: random seeds; (): those of the recipes.
    """

    table: Table
    on: tuple[str, ...]
    rows: tuple[ReportRow, ...]
    seeds: tuple[int, ...] = ()

    @property
    def command(self) -> str:
        """Command that makes this report."""
        on = f" --on {' '.join(self.on)}" if self.on else ""
        seeds = f" --seeds {' '.join(map(str, self.seeds))}" if self.seeds else ""
        return f"ser-stream report {self.table.name}{on}{seeds} --corpora DIR"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON."""
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
    """Train and evaluate the experiments of a table.

    Args:
        on: settings that are laid over those of the recipes, see `read_overlays`.
        seeds: random seeds; empty: those of the recipes.
        train: train what has no result yet; False: only read existing results.

    Raises:
        InputError: the table or the settings are unknown, or the settings do not fit a recipe.
    """
    table = get_table(name)
    overlays = read_overlays(list(on))
    if seeds:
        overlays.append({"seeds": list(seeds)})
    rows = []
    for row in table.rows:
        own = load_recipe(experiment_path(row.recipe), Experiment)
        experiment = load_recipe(experiment_path(row.recipe), Experiment, overlays=overlays)
        if not _has_same_test(experiment, own):
            row = dataclasses.replace(row, paper={})
        rows.append(_measure(row, experiment, folders, train, device))
    return Report(table, tuple(on), tuple(rows), tuple(seeds))


def _has_same_test(experiment: Experiment, own: Experiment) -> bool:
    """Return whether the experiment is evaluated as in the paper; `own` is the recipe as it is."""

    def test_of(settings: Experiment) -> tuple[object, ...]:
        protocol = dataclasses.replace(settings.protocol, validation=0)
        return settings.corpora, settings.labels, settings.merge, settings.exclude, protocol

    return test_of(experiment) == test_of(own)


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
    metrics = [percent(summary.mean[m], summary.deviation[m]) for m in ("wa", "ua", "macro_f1")]
    runs = f"{len(summary.seeds)} x {summary.n_folds}"
    return [row.row.title, *paper, *metrics, str(summary.scores.n), runs, summary.epochs]


def notes(report: Report) -> list[str]:
    """Return notes that explain the numbers: protocol, deviations, how the paper measured."""
    lines = []
    measured = [row.summary for row in report.rows if row.summary]
    for protocol in dict.fromkeys(summary.protocol for summary in measured):
        lines.append(f"Protocol: {protocol}.")
    over = dict.fromkeys(summary.deviation_over for summary in measured)
    for what in filter(None, over):
        pooled = "; means are those of the answers of all folds together"
        lines.append(f"±: standard deviation over {what}{pooled if what == 'folds' else ''}.")
    if changed := [name for name in report.on if name != AS_IN_PAPERS]:
        lines.append(
            f"Settings laid over the recipes: {', '.join(changed)}. Training differs from the "
            "paper's; its numbers are left out where corpus, labels or test part differ too."
        )
    if report.table.note:
        lines.append(f"About the paper: {report.table.note}.")
    if report.table.name.startswith("jalal"):
        for row in report.rows:
            if row.summary:
                accuracy, recalls = row.summary.scores.one_against_rest
                lines.append(
                    f"By the paper's eq. 10, {row.row.title}: UA {accuracy:.1%}, WA {recalls:.1%}."
                )
    return lines


def to_markdown(report: Report) -> str:
    """Format a report as Markdown: a heading, the command, the table and notes."""
    lines = [f"### {report.table.title}", "", f"`{report.command}`", ""]
    lines += [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    lines += [f"| {' | '.join(_cells(row))} |" for row in report.rows]
    return "\n".join([*lines, "", *(f"* {note}" for note in notes(report))]) + "\n"


def show(report: Report) -> None:
    """Print a report on the terminal."""
    table = narrow_table(report.table.title)
    table.add_column(HEAD[0], min_width=16, overflow="fold")
    for name in HEAD[1:]:  # headers may wrap, numbers may not
        table.add_column(name.replace(" ", "\n").replace("-", "\n"), justify="right", no_wrap=True)
    # Reasons are listed below the table, where they do not widen the column of WA.
    absent: dict[str, list[str]] = {}
    for row in report.rows:
        system, *cells = _cells(row)
        if row.missing:
            absent.setdefault(row.missing, []).append(system)
        # Two lines per cell, or the last column would not fit into 80 columns.
        cells = [cell.replace(" ± ", "\n± ").replace(" of ", "\nof ") for cell in cells]
        table.add_row(system, *(cells[:2] if row.missing else cells))
    console = Console()
    console.print(table)
    for why, systems in absent.items():
        console.print(f"{why[0].upper()}{why[1:]}: {'; '.join(systems)}.", highlight=False)
    for note in notes(report):
        console.print(note, highlight=False)
