"""Tables of evaluation reports on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.evaluation.report import EstimateScores, Report
from ser_stream.evaluation.streamed import ESTIMATE_TITLES

FILE_WIDTH = 160
"""Columns of tables that are written into a file or a pipe."""

COLUMNS = ("n", "WA\n95 % CI", "UA\n95 % CI", "macro\nF1", "ECE", "answered")


def narrow_table(title: str | None = None) -> Table:
    """Return an empty table with little space between columns, so that numbers are not cut off."""
    return Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0), show_edge=False)


def table_console() -> Console:
    """Return a console for tables: a file or a pipe has room for them, however wide they are."""
    console = Console()
    return console if console.is_terminal else Console(width=FILE_WIDTH)


def print_reports(reports: Sequence[Report], title: str) -> None:
    """Print all models in one table, and the confusion matrices if there is a single model."""
    console = table_console()
    console.print(comparison_table(reports, title))
    if len(reports) == 1:
        for entry in reports[0]["corpora"].values():
            console.print(confusion_table(entry["title"], entry[UTTERANCE]))


def comparison_table(reports: Sequence[Report], title: str) -> Table:
    """Return one table of all models.

    A single model has a row per corpus and kind of estimates. Several models have a section for
    each of these, with a row per model.
    """
    if len(reports) == 1:
        table = _empty_table(("corpus", "estimates"), f"{reports[0]['model']}, {title}, streamed")
        for entry in reports[0]["corpora"].values():
            for estimates in filter(entry.__contains__, ESTIMATE_TITLES):
                table.add_row(entry["title"], estimates, *_cells(entry[estimates]))
        return table
    table = _empty_table(("model",), f"{title}, streamed")
    for corpus in dict.fromkeys(corpus for report in reports for corpus in report["corpora"]):
        for estimates in ESTIMATE_TITLES:
            entries = {report["model"]: report["corpora"].get(corpus, {}) for report in reports}
            entries = {model: entry for model, entry in entries.items() if estimates in entry}
            for number, (model, entry) in enumerate(entries.items()):
                if number == 0:
                    table.add_section()
                    table.add_row(f"{entry['title']}, {estimates}:", style="bold")
                table.add_row(model, *_cells(entry[estimates]))
    return table


def _empty_table(names: Sequence[str], title: str) -> Table:
    table = narrow_table(title)
    for name in names:
        table.add_column(name, no_wrap=len(names) > 1, overflow="fold")
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _cells(scores: EstimateScores) -> list[str]:
    accuracies = [
        f"{scores[name]:.1%}" + _interval(scores.get(f"{name}_ci95")) for name in ("wa", "ua")
    ]
    shares = [f"{scores[name]:.1%}" for name in ("macro_f1", "calibration_error", "answered")]
    return [str(scores["n"]), *accuracies, *shares]


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"\n{100 * ends[0]:.1f}-{100 * ends[1]:.1f}"


def print_summary(reports: Sequence[Report]) -> None:
    """Print mean and standard deviation over several models of one recipe, such as seeds."""
    table = narrow_table(
        f"{len(reports)} models, {reports[0]['part']} speakers: mean ± standard deviation"
    )
    for column in ("corpus", "estimates", "WA", "UA", "macro-F1"):
        table.add_column(column)
    for corpus, entry in reports[0]["corpora"].items():
        for trigger in (UTTERANCE, INTERVAL):
            scores = [report["corpora"].get(corpus, {}).get(trigger) for report in reports]
            if None in scores:
                continue
            cells = []
            for name in ("wa", "ua", "macro_f1"):
                values = [100 * each[name] for each in scores]
                cells.append(f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}")
            table.add_row(entry["title"], trigger, *cells)
    table_console().print(table)


def confusion_table(title: str, scores: EstimateScores) -> Table:
    """Return the confusion matrix and recalls of utterance estimates, for labels that occur."""
    table = narrow_table(f"{title}: true label in rows, recognised in columns, utterances")
    for column in ("", *scores["labels"], "no_speech", "recall"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for i, (label, counts) in enumerate(zip(scores["labels"], scores["confusion"], strict=True)):
        no_speech = scores["no_speech"][i]
        n = sum(counts) + no_speech
        if n:
            recall = f"{counts[i] / n:.1%}"
            table.add_row(label, *map(str, counts), str(no_speech), recall)
    return table
