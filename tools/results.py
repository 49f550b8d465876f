"""Measure the shipped models on the corpora and rewrite their tables in docs/results*.

    make results CORPORA=DIR                 tables of the shipped models, an hour on one core
    make results CORPORA=DIR ONLY=windows    one of them
    make results CORPORA=DIR ONLY=folds      networks trained for it, or found in runs/: 2.5 hours

A table stands between `<!-- make results: NAME -->` and `<!-- end -->` on a page. The papers'
experiments are not measured here: they need training, by the command above each of their tables.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import compare_windows
from folds_results import folds_table
from ser_stream.data.acoustics import CONDITIONS
from ser_stream.evaluation.draw import draw_conditions, draw_evaluation
from ser_stream.evaluation.evaluate import evaluate_model, held_out_clips
from ser_stream.evaluation.report import Report
from ser_stream.evaluation.robustness import NO_SPEECH, conditions_table, evaluate_conditions
from ser_stream.evaluation.streamed import IN_A_ROW
from ser_stream.files import write_json, write_text
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech import Recipe
from ser_stream.training.model_folder import save_report

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
RECIPES = ROOT / "config" / "recipes" / "streaming"
JSON = DOCS / "results"
MODELS = (
    "default", "small", "tiny", "open", "cnn-blstm-attention-streaming", "cat-streaming",
    "moma-streaming",
)  # fmt: skip
DRAWN = ("default", "small")
"""Models whose plots are drawn."""
IN_CONDITIONS = ("default", "small")
"""Models that the tables of conditions are of."""
STUDIED = "small"
"""The model that the table of windows is of."""
CLIPS = 40
"""Recordings of each corpus in the table of conditions; each is streamed once per condition."""

MODEL_COLUMNS = (
    "model", "corpus", "speakers", "n", "WA (95 %)", "UA (95 %)", "in a row: UA (95 %)",
)  # fmt: skip
CONFIDENCE_COLUMNS = (
    "model", "corpus", "ECE", "ECE in a row", "answered", "WA of the answered", "UA of women",
    "UA of men", "interval WA", "interval UA",
)  # fmt: skip


def recipe_of(model: str) -> Recipe:
    """Return the recipe of a shipped model."""
    return load_recipe(RECIPES / f"{model}.yaml", Recipe)


def models(corpora: Path) -> dict[str, str]:
    """Score each shipped model on its recipe's test speakers; also draw the plots of `DRAWN`."""
    reports = []
    for model in MODELS:
        report = evaluate_model(model, recipe_of(model), corpora, "test")
        save_report(model, report)
        if model in DRAWN:
            draw_evaluation(report, f"test speakers of recipe {model}", DOCS / "figures")
        reports.append(report)
    return model_tables(reports)


def model_tables(reports: Sequence[Report]) -> dict[str, str]:
    """Return the tables "models" and "confidence", a row per model and corpus."""
    entries = [(r["model"], entry) for r in reports for entry in r["corpora"].values()]
    return {
        "models": markdown(MODEL_COLUMNS, [_accuracies(*entry) for entry in entries]),
        "confidence": markdown(CONFIDENCE_COLUMNS, [_confidence(*entry) for entry in entries]),
    }


def _accuracies(model: str, entry: Report) -> Iterator[str]:
    yield from (model, entry["title"], str(len(entry["speakers"])), str(entry["utterance"]["n"]))
    for way, metric in (("utterance", "wa"), ("utterance", "ua"), (IN_A_ROW, "ua")):
        yield _with_interval(entry[way], metric) if way in entry else ""


def _with_interval(scores: Report, metric: str) -> str:
    low, high = scores[f"{metric}_ci95"]
    return f"{100 * scores[metric]:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _confidence(model: str, entry: Report) -> Iterator[str]:
    by_sex, alone = entry["by_sex"], entry["utterance"]
    yield from (model, entry["title"])
    for scores, name in (
        (alone, "calibration_error"), (entry.get(IN_A_ROW), "calibration_error"),
        (alone, "answered"), (alone, "wa_answered"),
        (by_sex.get("f"), "ua"), (by_sex.get("m"), "ua"),
        (entry.get("interval"), "wa"), (entry.get("interval"), "ua"),
    ):  # fmt: skip
        yield f"{100 * scores[name]:.1f}" if scores else ""


def markdown(columns: Sequence[str], rows: Sequence[Iterator[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def conditions(corpora: Path) -> dict[str, str]:
    """Score models in noise, in rooms and through poor transmission lines, and draw the plots."""
    tables = {}
    for model in IN_CONDITIONS:
        clips = held_out_clips(recipe_of(model), corpora, "test", CLIPS)
        report = evaluate_conditions(model, clips, corpora, [*CONDITIONS, NO_SPEECH])
        write_json(JSON / f"robustness-{model}.json", report)
        draw_conditions(report, clips.title, DOCS / "figures")
        tables[f"conditions of {model}"] = conditions_table(report)
    return tables


def windows(corpora: Path) -> dict[str, str]:
    """Score the model `STUDIED` by window, hop and smoothing."""
    report = compare_windows.compare(STUDIED, recipe_of(STUDIED), corpora, "test")
    write_json(JSON / f"windows-{STUDIED}.json", report)
    return {"windows": compare_windows.to_markdown(report)}


def folds(corpora: Path) -> dict[str, str]:
    """Score networks like the default's on speakers and corpora that they were not trained on."""
    table, reports = folds_table(RECIPES, corpora)
    write_json(JSON / "folds.json", reports)
    return {"folds": table}


TABLES: dict[str, Callable[[Path], dict[str, str]]] = {
    "models": models,
    "conditions": conditions,
    "windows": windows,
    "folds": folds,
}
OF_SHIPPED_MODELS = ("models", "conditions", "windows")


def replace_table(docs: Path, name: str, table: str) -> Path:
    """Replace the table of that name on the one page that has it, and return the page.

    Raises:
        SystemExit: no page has a place for the table, or several have.
    """
    block = re.compile(rf"(<!-- make results: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    pages = [docs / "results.md", *sorted((docs / "results").glob("*.md"))]
    found = [page for page in pages for _ in block.findall(page.read_text(encoding="utf-8"))]
    if len(found) != 1:
        raise SystemExit(
            f"{docs}: found {len(found)} places for the table {name}; one is needed, a line "
            f"'<!-- make results: {name} -->' and a line '<!-- end -->'"
        )
    content = found[0].read_text(encoding="utf-8")
    content = block.sub(lambda match: f"{match[1]}{table}\n{match[2]}", content)
    write_text(found[0], content)
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=OF_SHIPPED_MODELS)
    arguments = parser.parse_args()
    for name in arguments.only:
        for block, table in TABLES[name](arguments.corpora).items():
            print(f"{replace_table(DOCS, block, table)}: {block}")


if __name__ == "__main__":
    main()
