"""Cross-validation: a network for each fold of a recipe, scored on the fold's test speakers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.reading import check_recordings
from ser_stream.distributed import is_first
from ser_stream.emotion import UTTERANCE, merge_label
from ser_stream.engines.choose import open_network
from ser_stream.errors import InputError
from ser_stream.evaluation.evaluate import shared_labels
from ser_stream.evaluation.metrics import Scores, pool
from ser_stream.evaluation.score_stream import predict_stream, report_of
from ser_stream.evaluation.stored_predictions import (
    PREDICTIONS_FILE,
    read_predictions,
    save_predictions,
)
from ser_stream.evaluation.streamed import IN_A_ROW
from ser_stream.evaluation.tables import table_console
from ser_stream.files import write_json, write_text
from ser_stream.progress import Steps
from ser_stream.recipes.speech import Recipe
from ser_stream.training.left_out import print_left_out, score_left_out
from ser_stream.training.model_folder import check_same_run
from ser_stream.training.speech import train

CALM = "calm"
CONFIDENCE = "confidence"
"""Report key of how far the confidence may be believed on corpora that were left out."""


def train_folds(
    recipe: Recipe,
    corpora: Path,
    cache: Path,
    output: Path,
    seed: int,
    device: str = "cpu",
    start: Path | None = None,
    skip_bad: bool = False,
) -> dict[str, Any]:
    """Train a network for each fold of a recipe, and score it, streamed, on the test speakers.

    Finished folds are not trained again, and an interrupted fold resumes.

    Args:
        output: folder that gets a folder per fold, and the returned report as folds.json.
        start: see `train`; it must not have been trained on the test speakers of any fold.
        skip_bad: leave out recordings that cannot be read.

    Returns:
        recipe, protocol, seed, folds (name -> scores of one answer per recording) and pooled (wa,
        ua, of all folds' answers together; with a label calm also with calm as neutral); for a
        network with speaker memory, folds and pooled also under `IN_A_ROW`; where corpora are left
        out, the report of `score_left_out` under `CONFIDENCE`; skipped (one message for each
        recording that was left out, if any).

    Raises:
        InputError: see `train`; the protocol does not fit the corpora; or the output has folds of a
            run with other settings.
    """
    checked = check_recordings(read_corpora(corpora, list(recipe.corpora)), cache, skip_bad)
    utterances = checked.utterances
    recipes = fold_recipes(recipe, utterances)
    steps = Steps(len(recipes), "fold", alike=True, show=is_first())
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    for name, fold in recipes.items():
        folder = output / _folder_name(name)
        steps.start(name)
        if (folder / "scores.json").is_file():
            check_same_run(folder, {"recipe": fold, "seed": seed})
        else:
            train(fold, corpora, cache, folder, seed, device, start=start, skip_bad=skip_bad)
            _score_fold(fold, utterances, folder)
        scored = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        for condition in (UTTERANCE, IN_A_ROW):
            if condition in scored:
                scores.setdefault(condition, {})[name] = scored[condition]
    report = {
        "recipe": recipe.name,
        "protocol": str(recipe.folds),
        "seed": seed,
        **_with_pooled(scores[UTTERANCE]),
    }
    if IN_A_ROW in scores:
        report[IN_A_ROW] = _with_pooled(scores[IN_A_ROW])
    if checked.skipped:
        report["skipped"] = checked.skipped
    if recipe.folds is not None and recipe.folds.name == "leave_one_corpus_out":
        report |= _left_out_confidence(recipes, output)
    write_json(output / "folds.json", report)
    return report


def _score_fold(fold: Recipe, utterances: list[Utterance], folder: Path) -> None:
    """Score the model of a fold on its test speakers; write predictions.npz and scores.json.

    Scored are those labels of the model that the corpora of the test speakers have: for a corpus
    without fear, the probability of fear is dropped and the others are scaled up.
    """
    network, info = open_network(folder / "model")
    held_out = fold.split(utterances)["test"]
    corpora = {utterance.corpus for utterance in held_out}
    present = {merge_label(u.label, info.labels) for u in utterances if u.corpus in corpora}
    labels = shared_labels([info.labels, [label for label in present if label]])
    conditions = predict_stream(network, info, held_out, network.has_speaker_memory, labels)
    save_predictions(folder / PREDICTIONS_FILE, info.labels, conditions)
    write_text(folder / "scores.json", json.dumps(report_of(conditions)) + "\n")


def _left_out_confidence(folds: Iterable[str], output: Path) -> dict[str, Any]:
    """Return "confidence": the report of `score_left_out`.

    Nothing for a single corpus, or where an earlier version has scored a fold.
    """
    files = {name: output / _folder_name(name) / PREDICTIONS_FILE for name in folds}
    if len(files) < 2 or not all(file.is_file() for file in files.values()):
        return {}
    left_out = {name: [read_predictions(file)] for name, file in files.items()}
    return {CONFIDENCE: score_left_out(left_out)}


def _folder_name(fold: str) -> str:
    return fold.replace(" ", "-")


def _with_pooled(folds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"folds": folds, "pooled": pooled(list(folds.values()))}


def fold_recipes(recipe: Recipe, utterances: list[Utterance]) -> dict[str, Recipe]:
    """Return fold name -> the recipe of the fold, with the fold's test speakers.

    The share of a corpus that is held out completely is divided among the others.

    Raises:
        InputError: the recipe has no folds, or its protocol does not fit the corpora.
    """
    if recipe.folds is None:
        raise InputError(f"recipe {recipe.name}: folds: not set; needed for cross-validation")
    divided = [u for u in utterances if recipe.folds_of in (None, u.corpus)]
    recipes = {}
    for split in recipe.folds.splits(divided, seed=0):
        test = {(u.corpus, u.speaker) for u in split.test}
        validation = {(u.corpus, u.speaker) for u in recipe.split(utterances)["validation"]} - test
        train_corpora = {
            u.corpus for u in utterances if (u.corpus, u.speaker) not in test | validation
        }
        shares = {name: share for name, share in recipe.mix.items() if name in train_corpora}
        recipes[split.name] = dataclasses.replace(
            recipe,
            speakers={"test": _by_corpus(test), "validation": _by_corpus(validation)},
            mix={name: share / sum(shares.values()) for name, share in shares.items()},
            folds=None,
            folds_of=None,
        )
    return recipes


def _by_corpus(speakers: set[tuple[str, str]]) -> dict[str, list]:
    named: dict[str, list] = {}
    for corpus, speaker in sorted(speakers):
        named.setdefault(corpus, []).append(speaker)
    return named


def pooled(folds: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return WA and UA over the answers of several folds; where there is calm, also as neutral.

    A fold that was scored on fewer labels adds its answers to those.
    """
    scores = [Scores.from_dict(fold) for fold in folds]
    labels = tuple(dict.fromkeys(label for each in scores for label in each.labels))
    pools = {"all labels": pool([with_labels_added(each, labels) for each in scores])}
    if CALM in pools["all labels"].labels:
        pools["calm as neutral"] = merge_labels(pools["all labels"], CALM, "neutral")
    return {
        name: {"n": scores.n, "wa": round(scores.wa, 4), "ua": round(scores.ua, 4)}
        for name, scores in pools.items()
    }


def with_labels_added(scores: Scores, labels: Sequence[str]) -> Scores:
    """Return the scores with these labels, in this order; those added have no utterances."""
    places = [labels.index(label) for label in scores.labels]
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    confusion[np.ix_(places, places)] = scores.confusion
    no_speech = np.zeros(len(labels), np.int64)
    no_speech[places] = scores.no_speech
    return Scores(tuple(labels), confusion, no_speech)


def merge_labels(scores: Scores, label: str, into: str) -> Scores:
    """Return the scores with one label counted as another."""
    labels = tuple(each for each in scores.labels if each != label)
    joins = np.array([
        [(into if old == label else old) == new for new in labels] for old in scores.labels
    ], np.int64)  # fmt: skip
    return Scores(labels, joins.T @ scores.confusion @ joins, joins.T @ scores.no_speech)


def print_folds(report: dict[str, Any]) -> None:
    """Print WA and UA of each fold, and of the answers of all folds together."""
    print(f"{report['recipe']}, seed {report['seed']}: {report['protocol']}")
    table = Table()
    conditions = [report] + ([report[IN_A_ROW]] if IN_A_ROW in report else [])
    for column in ("", "n", "WA", "UA", "in a row: WA", "UA")[: 2 + 2 * len(conditions)]:
        table.add_column(column, justify="right" if column else "left")
    rows = [{**condition["folds"], **condition["pooled"]} for condition in conditions]
    for name, first in rows[0].items():
        cells = (f"{each[name][metric]:.1%}" for each in rows for metric in ("wa", "ua"))
        table.add_row(name, str(first["n"]), *cells)
    table_console().print(table)
    if CONFIDENCE in report:
        print_left_out(report[CONFIDENCE])
