"""Measures the shipped models on the corpora and rewrites their tables in docs/results.md.

    make results CORPORA=DIR                 their tables, three quarters of an hour on one core
    make results CORPORA=DIR ONLY=windows    one of them
    make results CORPORA=DIR ONLY=folds      trained for it, or in runs/: two and a half hours

What the papers' systems gave is not measured again: that means training them, by the command that
stands above each table.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import compare_windows
from folds_results import folds_table
from ser_stream.data.acoustics import CONDITIONS
from ser_stream.evaluation.evaluate import evaluate_model
from ser_stream.evaluation.robustness import NO_SPEECH, conditions_table, evaluate_conditions
from ser_stream.evaluation.streamed import IN_A_ROW
from ser_stream.files import write_json
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech import Recipe
from ser_stream.training.model_card import save_report

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "results.md"
RECIPES = ROOT / "config" / "recipes" / "streaming"
JSON = ROOT / "docs" / "results"
MODELS = (
    "default", "tiny", "open", "cnn-blstm-attention-streaming", "cat-streaming", "moma-streaming",
)  # fmt: skip
COLUMNS = (
    "model", "corpus", "speakers", "n", "WA", "UA", "in a row, UA", "women, UA", "men, UA", "ECE",
    "answered", "WA of these",
)  # fmt: skip
CLIPS = 40
"""Of each corpus, for the table of conditions: fifteen of them are streamed."""


def recipe_of(model: str) -> Recipe:
    return load_recipe(RECIPES / f"{model}.yaml", Recipe)


def models(corpora: Path) -> str:
    """Each shipped model on the speakers that it never heard."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for model in MODELS:
        report = evaluate_model(model, recipe_of(model), corpora, "test")
        save_report(model, report)
        lines += rows(report)
    return "\n".join(lines)


def rows(report: dict) -> Iterator[str]:
    """A model's rows: one for each corpus."""
    for entry in report["corpora"].values():
        figures, by_sex = entry["utterance"], entry["by_sex"]
        parts = [entry.get(IN_A_ROW), by_sex.get("f"), by_sex.get("m")]
        uas = (f"{100 * part['ua']:.1f}" if part else "" for part in parts)
        shares = ("wa", "ua"), ("calibration_error", "answered", "wa_answered")
        first, last = ([f"{100 * figures[name]:.1f}" for name in names] for names in shares)
        cells = (
            report["model"], entry["title"], str(len(entry["speakers"])), str(figures["n"]),
            *first, *uas, *last,
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def conditions(corpora: Path) -> str:
    """The default model through a robot's ear."""
    names = [*CONDITIONS, NO_SPEECH]
    report = evaluate_conditions("default", recipe_of("default"), corpora, "test", names, CLIPS)
    _keep("robustness-default", report)
    return conditions_table(report)


def streaming(corpora: Path) -> str:
    """The default model by window, hop and smoothing."""
    report = compare_windows.compare("default", recipe_of("default"), corpora, "test")
    _keep("windows-default", report)
    return compare_windows.to_markdown(report)


def folds(corpora: Path) -> str:
    """Networks like the default's that never heard the speakers that they are scored on."""
    table, reports = folds_table(RECIPES, corpora)
    _keep("folds", reports)
    return table


TABLES: dict[str, Callable[[Path], str]] = {
    "models": models,
    "conditions": conditions,
    "windows": streaming,
    "folds": folds,
}
OF_SHIPPED = ("models", "conditions", "windows")


def _keep(name: str, report: dict) -> None:
    write_json(JSON / f"{name}.json", report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=OF_SHIPPED)
    arguments = parser.parse_args()
    for name in arguments.only:
        table = TABLES[name](arguments.corpora)
        page = PAGE.read_text(encoding="utf-8")
        block = re.compile(rf"(<!-- make results: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page, n = block.subn(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", page)
        if n != 1:
            raise SystemExit(f"{PAGE}: found {n} places for the table {name}; one is needed")
        PAGE.write_text(page, encoding="utf-8")
        print(f"{PAGE}: {name}")


if __name__ == "__main__":
    main()
