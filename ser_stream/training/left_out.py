"""Calibration on corpora that were left out of training, and what it is worth on another one.

A temperature that is fitted to other speakers of the training corpora is too low for a corpus that
was never heard. Here it is fitted to the predictions of networks that were each trained without the
corpus that they predict. What is reported for a corpus comes from a calibration that was fitted to
the other corpora only.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.errors import InputError, shown
from ser_stream.evaluation.confidence import confidence_scores
from ser_stream.evaluation.predictions import Predictions
from ser_stream.evaluation.stored_predictions import (
    CONDITIONS,
    PREDICTIONS_FILE,
    StoredPredictions,
    read_predictions,
)
from ser_stream.evaluation.tables import narrow_table, table_console
from ser_stream.models.calibration import Calibration
from ser_stream.models.info import ModelInfo, find_writable, read_info
from ser_stream.training.fit_calibration import fit_calibration, fit_floor, fit_label_sets
from ser_stream.training.model_folder import replace_description

RIGHT_SHARE = 0.5
"""Share of the answers that is to be right, even for a new voice in a corpus never heard."""

LeftOut = Mapping[str, Sequence[StoredPredictions]]
"""Corpus -> predictions of networks that were trained without it."""

FOLDS_FILE = "folds.json"


def read_left_out(runs: Sequence[Path]) -> dict[str, list[StoredPredictions]]:
    """Read the predictions of runs by a recipe that leaves one corpus out.

    Args:
        runs: folders of `train_folds`, such as those of several seeds.

    Raises:
        InputError: a folder is not such a run, there are fewer than two corpora, or the labels of
            runs differ.
    """
    found: dict[str, list[StoredPredictions]] = {}
    for run in runs:
        for corpus in _corpora_of(run):
            found.setdefault(corpus, []).append(read_predictions(run / corpus / PREDICTIONS_FILE))
    if len(found) < 2:
        raise InputError(
            f"{', '.join(map(str, runs))}: found the corpora {', '.join(found)}; needed are two or "
            "more: each is scored by a calibration that is fitted to the others"
        )
    label_sets = {frozenset(each.labels) for members in found.values() for each in members}
    if len(label_sets) > 1:
        raise InputError(
            f"{', '.join(map(str, runs))}: found runs with different labels; accepted are runs of "
            "one recipe"
        )
    return found


def _corpora_of(run: Path) -> list[str]:
    """Return the corpora that a run leaves out in turn.

    Raises:
        InputError: the folder is not a finished run, or leaves out something else.
    """
    try:
        report = json.loads((run / FOLDS_FILE).read_text(encoding="utf-8"))
        protocol, folds = str(report["protocol"]), list(report["folds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{run}: found no readable {FOLDS_FILE}; accepted are folders of finished runs of a "
            "recipe that leaves corpora out, such as runs/leave-one-corpus-out-seed0"
        ) from error
    if not protocol.startswith("leave one corpus out"):
        raise InputError(
            f"{run}: found a run by the protocol {shown(protocol)}; accepted is one that leaves "
            "one corpus out"
        )
    return folds


def fit_left_out(corpora: LeftOut, right: float = RIGHT_SHARE) -> dict[str, Calibration]:
    """Fit a calibration for each trigger to all predictions; each corpus has the same weight.

    Args:
        right: share of the answers to new voices that is to be right, see `fit_floor`.
    """
    return {trigger: _fit(corpora, trigger, right) for trigger in (INTERVAL, UTTERANCE)}


def _fit(corpora: LeftOut, trigger: str, right: float) -> Calibration:
    stored = [each.by_trigger[trigger] for members in corpora.values() for each in members]
    groups = [predictions for conditions in stored for predictions in conditions.values()]
    alone = [next(iter(conditions.values())) for conditions in stored]
    fitted = fit_calibration(groups)
    return dataclasses.replace(
        fitted,
        floor=fit_floor(alone, fitted, right),
        label_sets=fit_label_sets(groups, fitted),
    )


def score_left_out(corpora: LeftOut, right: float = RIGHT_SHARE) -> dict[str, Any]:
    """Score the confidence on each corpus by a calibration that is fitted to the others.

    Returns:
        corpus -> trigger -> temperature, new_voice_temperature, floor, and conditions: "alone" and
        "in a row" -> n, wa, calibration_error, answered, wa_answered, coverage, reliability and
        histogram (see `evaluation.report`), label_set_coverage and label_set_size (mean number of
        labels).
    """
    report: dict[str, Any] = {}
    for corpus, members in corpora.items():
        fitted = fit_left_out({name: m for name, m in corpora.items() if name != corpus}, right)
        report[corpus] = {
            trigger: {
                "temperature": calibration.temperature,
                "new_voice_temperature": calibration.new_voice_temperature,
                "floor": calibration.floor,
                "conditions": _scores(members, trigger, calibration),
            }
            for trigger, calibration in fitted.items()
        }
    return report


def _scores(
    members: Sequence[StoredPredictions], trigger: str, calibration: Calibration
) -> dict[str, Any]:
    """Return condition -> scores of all networks' predictions together."""
    return {
        condition: _confidence(
            [each.by_trigger[trigger][condition] for each in members], calibration
        )
        for condition in members[0].by_trigger[trigger]
    }


def _confidence(networks: Sequence[Predictions], calibration: Calibration) -> dict[str, Any]:
    probabilities = np.concatenate([each.probabilities(calibration) for each in networks])
    targets = np.concatenate([each.targets for each in networks])
    known_s = np.concatenate([each.voice_known_s for each in networks])
    right = probabilities.argmax(axis=1) == targets
    assert calibration.label_sets is not None
    chosen = calibration.label_sets.chosen(probabilities, known_s)
    return {
        "n": len(targets),
        "wa": round(float(right.mean()), 4),
        **confidence_scores(probabilities.max(axis=1), right, calibration.floor),
        "label_set_coverage": round(float(chosen[np.arange(len(targets)), targets].mean()), 4),
        "label_set_size": round(float(chosen.sum(axis=1).mean()), 2),
    }


def calibrate_on_left_out(
    model: str | Path, runs: Sequence[Path], right: float = RIGHT_SHARE
) -> tuple[dict[str, Calibration], dict[str, Any]]:
    """Calibrate a model by runs of its recipe's network that leave one corpus out.

    The calibration is written to model.json and the card of the model.

    Returns:
        The calibration, and the report of `score_left_out`.

    Raises:
        InputError: the model has no model.json; the runs cannot be used, see `read_left_out`; or
            they have other labels than the model.
    """
    folder = find_writable(model)
    info = read_info(folder)
    corpora = read_left_out(runs)
    _require_labels(info, corpora)
    fitted = {
        trigger: dataclasses.replace(
            calibration,
            neutral=info.calibration[trigger].neutral,
            offset=info.calibration[trigger].offset,
        )
        for trigger, calibration in fit_left_out(corpora, right).items()
    }
    report = score_left_out(corpora, right)
    replace_description(folder, dataclasses.replace(info, calibration=fitted))
    return fitted, report


def _require_labels(info: ModelInfo, corpora: LeftOut) -> None:
    labels = next(iter(corpora.values()))[0].labels
    if set(labels) != set(info.labels):
        raise InputError(
            f"--from: found runs with the labels {', '.join(labels)}, but model {info.name} has "
            f"{', '.join(info.labels)}; they must be the same: confidence depends on the number of "
            "labels. Train the runs by a recipe with the labels of the model"
        )


def print_left_out(report: Mapping[str, Any]) -> None:
    """Print how far the confidence may be believed on each corpus, see `score_left_out`."""
    table = narrow_table("confidence on each corpus, calibrated on the others")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right")
    for trigger in (UTTERANCE, INTERVAL):
        for condition in CONDITIONS:
            table.add_section()
            for corpus, triggers in report.items():
                scores = triggers[trigger]["conditions"].get(condition)
                if scores is not None:
                    table.add_row(corpus, f"{trigger}, {condition}", *_cells(scores))
    table_console().print(table)


COLUMNS = (
    "corpus", "estimates", "n", "WA", "ECE", "answered", "WA of the\nanswered",
    "in the set\nof labels", "labels in\nthe set",
)  # fmt: skip


def _cells(scores: Mapping[str, Any]) -> Iterator[str]:
    yield str(scores["n"])
    for name in ("wa", "calibration_error", "answered", "wa_answered", "label_set_coverage"):
        yield "" if scores[name] is None else f"{scores[name]:.1%}"
    yield f"{scores['label_set_size']:.1f}"
