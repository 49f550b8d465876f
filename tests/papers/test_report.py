"""Reports of experiments, on a miniature of RAVDESS."""

import dataclasses
import json

import numpy as np
import pytest
import yaml

from experiments import CONTENT, VARIANTS
from ser_stream.cli import main
from ser_stream.evaluation.metrics import Scores
from ser_stream.papers.report import Report, ReportRow, show
from ser_stream.papers.summary import METRICS, Summary
from ser_stream.papers.tables import TABLES


def test_a_report_names_missing_corpora_and_writes_files(tmp_path, capsys):
    where = ["--corpora", str(tmp_path / "nowhere"), "--runs", str(tmp_path / "runs")]
    files = ["--markdown", str(tmp_path / "a.md"), "--json", str(tmp_path / "a.json")]
    assert main(["report", "lee-3", *where, *files]) == 0
    out = capsys.readouterr().out
    assert "57.9" in out and "Needs the corpus iemocap: aligned; equal." in out
    assert "| aligned | 57.9 | 48.7 | needs the corpus iemocap |" in (tmp_path / "a.md").read_text()
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["rows"][0]["ours"] is None and report["rows"][0]["paper"]["wa"] == 57.9
    assert main(["report", "lee-9", *where]) == 2
    assert "found 'lee-9'; accepted are sherman-2" in capsys.readouterr().err
    assert main(["report", "lee-3", *where, "--on", "mars"]) == 2
    assert "settings: found 'mars'; accepted are" in capsys.readouterr().err


def test_a_report_holds_the_metrics_of_the_runs(corpora, tmp_path, capsys, monkeypatch):
    """he-2's recipes with small networks, on the miniature."""
    over = tmp_path / "over.yaml"
    small = {key: CONTENT[key] for key in ("labels", "corpora", "protocol", "options")}
    small["optimisation"] = {**CONTENT["optimisation"], "patience": 0}
    over.write_text(yaml.safe_dump({**small, "merge": {}, "clip": {"frames": 0}}))
    rows = [row for row in TABLES["he-2"].rows if "lstm-transformer" not in row.recipe][:2]
    table = dataclasses.replace(TABLES["he-2"], rows=tuple(rows))
    monkeypatch.setitem(TABLES, "he-2", table)
    where = ["--corpora", str(corpora), "--runs", str(tmp_path / "runs"), "--on", str(over)]
    files = ["--json", str(tmp_path / "a.json"), "--figures", str(tmp_path / "figures")]
    assert main(["report", "he-2", *where, "--seeds", "0", "1", *files]) == 0
    report = json.loads((tmp_path / "a.json").read_text())
    for row in report["rows"]:
        ours = row["ours"]
        assert ours["seeds"] == [0, 1] and ours["deviation_over"] == "seeds"
        assert np.sum(ours["scores"]["confusion"]) == 32  # 16 recordings, each judged once a seed
        assert ours["mean"]["wa"] == pytest.approx(np.trace(ours["scores"]["confusion"]) / 32)
    assert len(list((tmp_path / "figures").glob("he-2-*-confusion-cat.png"))) == 1
    capsys.readouterr()
    assert main(["report", "he-2", *where, "--seeds", "2", "--no-train", *files[:2]]) == 0
    report = json.loads((tmp_path / "a.json").read_text())
    assert {row["missing"] for row in report["rows"]} == {"not run"}


@pytest.mark.parametrize(
    ("on", "shown"),
    [([], True), (["small-budget"], True), (["papers-habit"], True), (["ravdess-emobox"], False)],
)
def test_numbers_of_the_paper_are_beside_rows_of_the_same_corpus_and_test_part(
    tmp_path, capsys, on, shown
):
    where = ["--no-train", "--runs", str(tmp_path), "--json", str(tmp_path / "a.json")]
    assert main(["report", "sherman-3", *where, *(["--on", *on] if on else [])]) == 0
    rows = {row["recipe"]: row for row in json.loads((tmp_path / "a.json").read_text())["rows"]}
    assert rows["sherman-ravdess"]["paper"] == ({"wa": 80} if shown else {})
    if on:
        assert ("Training differs" in capsys.readouterr().out) == (on != ["papers-habit"])


def test_a_report_leaves_out_rows_that_need_word_times(corpora, tmp_path):
    """RAVDESS has the sentences but not the times of their words."""
    over, path = tmp_path / "over.yaml", tmp_path / "a.json"
    small = {key: CONTENT[key] for key in ("labels", "corpora", "protocol")}
    small["options"] = VARIANTS["words"]["options"]
    small["optimisation"] = {"epochs": 1, "patience": 0}
    over.write_text(yaml.safe_dump({**small, "merge": {}}))
    where = ["--corpora", str(corpora), "--runs", str(tmp_path / "runs"), "--on", str(over)]
    assert main(["report", "lee-3", *where, "--seeds", "0", "--json", str(path)]) == 0
    aligned, equal = json.loads(path.read_text())["rows"]
    assert aligned["ours"] is None and aligned["missing"] == "needs times of words"
    assert equal["ours"]["scores"]["n"] == 16


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
