"""Reports on the terminal."""

import numpy as np

from ser_stream.evaluation.metrics import Scores
from ser_stream.papers.report import Report, ReportRow, show
from ser_stream.papers.summary import METRICS, Summary
from ser_stream.papers.tables import TABLES


def summary():
    return Summary(
        name="moma", protocol="ravdess: leave one speaker out; last epoch",
        mean=dict.fromkeys(METRICS, 0.613), deviation=dict.fromkeys(METRICS, 0.12),
        deviation_over="seeds", seeds=(0, 1, 2, 3, 4), n_folds=10,
        scores=Scores(("sad", "happy"), np.full((2, 2), 1000), np.zeros(2, int)),
        parameters=1, epochs="102 to 131 of 150", hours=1.0,
    )  # fmt: skip


def test_all_columns_of_a_report_fit_into_80_characters(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    table = TABLES["he-2"]
    show(Report(table, (), tuple(ReportRow(row, summary()) for row in table.rows)))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for content in ("epochs", "102 to 131", "of 150", "± 12.0", "5 x 10", "66.91", "4000"):
        assert content in out
