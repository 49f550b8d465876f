"""A recipe fold by fold: a network for each, scored on the speakers that it never heard."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation.evaluate import score_stream
from ser_stream.evaluation.metrics import Scores
from ser_stream.evaluation.streamed import IN_A_ROW
from ser_stream.files import write_json
from ser_stream.models.checkpoint import load_model
from ser_stream.recipes.speech import Recipe
from ser_stream.training.speech import train

CALM = "calm"


def train_folds(
    recipe: Recipe,
    corpora: Path,
    cache: Path,
    output: Path,
    seed: int,
    device: str = "cpu",
    start: Path | None = None,
) -> dict:
    """Train a network for each fold of a recipe, and score it, streamed, on the fold's speakers.

    Folds that are finished are not trained again, and one that was stopped goes on.

    Args:
        output: folder for a folder per fold, and for folds.json, the figures.
        start: see `train`; it must not have heard any fold's speakers.

    Returns:
        recipe, protocol, seed, folds (name -> figures of one answer per recording) and pooled (wa,
        ua, of all folds' answers together; with a label calm also of calm as neutral); of a network
        that remembers voices, folds and pooled also under `IN_A_ROW`.

    Raises:
        InputError: see `train`, and a protocol may not fit the corpora.
    """
    utterances = read_corpora(corpora, list(recipe.corpora))
    figures: dict[str, dict[str, dict]] = {}
    for name, fold in fold_recipes(recipe, utterances).items():
        folder = output / name.replace(" ", "-")
        scores = folder / "scores.json"
        if not scores.is_file():
            train(fold, corpora, cache, folder, seed, device, start=start)
            network, info = load_model(folder / "model")
            held_out = fold.split(utterances)["test"]
            report = score_stream(network, info, held_out, network.has_speaker_memory)
            scores.write_text(json.dumps(report) + "\n", encoding="utf-8")
        scored = json.loads(scores.read_text(encoding="utf-8"))
        for way in (UTTERANCE, IN_A_ROW):
            if way in scored:
                figures.setdefault(way, {})[name] = scored[way]
    report = {
        "recipe": recipe.name,
        "protocol": str(recipe.folds),
        "seed": seed,
        "folds": figures[UTTERANCE],
        "pooled": pooled(list(figures[UTTERANCE].values())),
    }
    if IN_A_ROW in figures:
        report[IN_A_ROW] = {
            "folds": figures[IN_A_ROW],
            "pooled": pooled(list(figures[IN_A_ROW].values())),
        }
    write_json(output / "folds.json", report)
    return report


def fold_recipes(recipe: Recipe, utterances: list[Utterance]) -> dict[str, Recipe]:
    """The recipe of each fold, whose test speakers are the fold's.

    A corpus all of whose speakers are held out has no share in training.

    Raises:
        InputError: the protocol does not fit the corpora.
    """
    divided = [u for u in utterances if recipe.folds_of in (None, u.corpus)]
    recipes = {}
    for split in recipe.folds.splits(divided, seed=0):
        test = {(u.corpus, u.speaker) for u in split.test}
        validation = recipe.split(utterances)["validation"]
        watched = {(u.corpus, u.speaker) for u in validation} - test
        left = {u.corpus for u in utterances if (u.corpus, u.speaker) not in test | watched}
        shares = {name: share for name, share in recipe.mix.items() if name in left}
        recipes[split.name] = dataclasses.replace(
            recipe,
            speakers={"test": _by_corpus(test), "validation": _by_corpus(watched)},
            mix={name: share / sum(shares.values()) for name, share in shares.items()},
            folds=None,
            folds_of=None,
        )
    return recipes


def _by_corpus(speakers: set[tuple[str, str]]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for corpus, speaker in sorted(speakers):
        named.setdefault(corpus, []).append(speaker)
    return named


def pooled(figures: list[dict]) -> dict[str, dict[str, float]]:
    """WA and UA of several folds' answers together, and with calm as neutral."""
    labels = tuple(figures[0]["labels"])
    confusion = sum(np.array(each["confusion"]) for each in figures)
    unheard = sum(np.array(each["no_speech"]) for each in figures)
    found = {"all labels": Scores(labels, confusion, unheard)}
    if CALM in labels:
        found["calm as neutral"] = merged(found["all labels"], CALM, "neutral")
    return {
        name: {"n": scores.n, "wa": round(scores.wa, 4), "ua": round(scores.ua, 4)}
        for name, scores in found.items()
    }


def merged(scores: Scores, label: str, into: str) -> Scores:
    """The same answers, where one label counts as another."""
    labels = tuple(each for each in scores.labels if each != label)
    joins = np.array([
        [(into if old == label else old) == new for new in labels] for old in scores.labels
    ], np.int64)  # fmt: skip
    return Scores(labels, joins.T @ scores.confusion @ joins, joins.T @ scores.no_speech)


def print_folds(report: dict) -> None:
    """The figures on stdout."""
    print(f"{report['recipe']}, seed {report['seed']}: {report['protocol']}")
    table = Table()
    ways = [report] + ([report[IN_A_ROW]] if IN_A_ROW in report else [])
    for column in ("", "n", "WA", "UA", "in a row: WA", "UA")[: 2 + 2 * len(ways)]:
        table.add_column(column, justify="right" if column else "left")
    tables = [{**way["folds"], **way["pooled"]} for way in ways]
    for name, first in tables[0].items():
        scores = (f"{each[name][score]:.1%}" for each in tables for score in ("wa", "ua"))
        table.add_row(name, str(first["n"]), *scores)
    Console().print(table)
