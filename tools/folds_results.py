"""Tables of cross-validation over speakers and over corpora."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ser_stream.evaluation.streamed import IN_A_ROW
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech import Recipe
from ser_stream.training.cross_validation import train_folds

RECIPES = ("leave-one-corpus-out", "ravdess-folds", "cremad-folds")
SEEDS = (0, 1, 2)
RUNS = Path("runs")


def folds_table(recipes: Path, corpora: Path) -> tuple[str, dict]:
    """Return the tables of all recipes, and their reports by recipe and seed.

    Finished runs in `RUNS` are read, not trained again.
    """
    tables, reports = [], {}
    for name in RECIPES:
        of_seeds = [
            train_folds(
                load_recipe(recipes / f"{name}.yaml", Recipe), corpora, RUNS / "cache",
                RUNS / f"{name}-seed{seed}", seed,
            )
            for seed in SEEDS
        ]  # fmt: skip
        tables.append(f"`{name}`:\n\n" + "\n".join(_rows(of_seeds)))
        reports[name] = {f"seed {report['seed']}": report for report in of_seeds}
    return "\n\n".join(tables), reports


def _rows(reports: list[dict]) -> list[str]:
    lines = [
        "| held out | n | WA | UA | in a row: WA | UA | ECE | in a row |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for fold in sorted(reports[0]["folds"]):
        ways = [[way["folds"][fold] for way in _ways(report)] for report in reports]
        lines.append(_row(fold, ways, ("wa", "ua"), ("calibration_error",)))
    for name in reports[0]["pooled"]:
        ways = [[way["pooled"][name] for way in _ways(report)] for report in reports]
        lines.append(_row("together" if name == "all labels" else name, ways, ("wa", "ua"), ()))
    return lines


def _ways(report: dict) -> tuple[dict, dict]:
    return report, report[IN_A_ROW]


def _row(title: str, seeds: list[list[dict]], *groups: tuple[str, ...]) -> str:
    cells = [title, str(seeds[0][0]["n"])]
    for names in groups:
        for way in range(2):
            cells += [_mean([100 * seed[way][name] for seed in seeds]) for name in names]
    return f"| {' | '.join(cells + [''] * (8 - len(cells)))} |"


def _mean(values: list[float]) -> str:
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"
