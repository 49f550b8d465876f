"""Tables that are written into pages of docs/."""

import pytest

from paths import ROOT
from results import IN_CONDITIONS, TABLES, model_tables, replace_table

SCORES = {
    "n": 480, "wa": 0.5625, "ua": 0.5692, "wa_ci95": [0.5178, 0.6062], "ua_ci95": [0.5, 0.61],
    "calibration_error": 0.123, "answered": 0.94, "wa_answered": None,
}  # fmt: skip


def test_a_model_has_a_row_per_corpus_with_intervals():
    entry = {"title": "RAVDESS", "speakers": ["a", "b"], "utterance": SCORES, "by_sex": {}}
    entry["utterance"] = {**SCORES, "wa_answered": 0.6}
    tables = model_tables([{"model": "default", "corpora": {"ravdess": entry}}])
    row = "| default | RAVDESS | 2 | 480 | 56.2 (51.8 to 60.6) | 56.9 (50.0 to 61.0) |  |"
    assert tables["models"].splitlines()[2] == row
    row = "| default | RAVDESS | 12.3 |  | 94.0 | 60.0 |  |  |  |  |"
    assert tables["confidence"].splitlines()[2] == row


@pytest.fixture
def docs(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results.md").write_text("# Results\n")
    page = "before\n<!-- make results: folds -->\nold\n<!-- end -->\nafter\n"
    (tmp_path / "results" / "folds.md").write_text(page)
    return tmp_path


def test_a_table_replaces_the_old_one_on_its_page(docs):
    page = replace_table(docs, "folds", "| new |")
    assert page == docs / "results" / "folds.md"
    assert page.read_text() == (
        "before\n<!-- make results: folds -->\n| new |\n<!-- end -->\nafter\n"
    )


def test_a_table_without_a_place_is_an_error(docs):
    with pytest.raises(SystemExit, match="found 0 places for the table windows"):
        replace_table(docs, "windows", "| new |")


def test_the_pages_have_a_place_for_each_table():
    pages = [ROOT / "docs" / "results.md", *(ROOT / "docs" / "results").glob("*.md")]
    content = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    of_conditions = [f"conditions of {model}" for model in IN_CONDITIONS]
    for name in [*of_conditions, *TABLES.keys() - {"conditions"}, "confidence"]:
        assert content.count(f"<!-- make results: {name} -->\n") == 1, name
