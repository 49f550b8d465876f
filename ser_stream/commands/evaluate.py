"""The command `ser-stream evaluate`, on labelled clips or a recipe's held-out speakers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.commands.evaluate_options import (
    add_options,
    check_conditions,
    check_options,
    models_and_table,
    read_recipe,
)
from ser_stream.commands.shared import print_error, print_message, show_tables
from ser_stream.errors import InputError
from ser_stream.text import json_line

if TYPE_CHECKING:
    from ser_stream.evaluation.evaluate import LabelledClips
    from ser_stream.evaluation.report import Report
    from ser_stream.recipes.speech import Recipe
    from ser_stream.recipes.speech_text import SpeechTextRecipe

NOT_SCORED = "not scored, since"
MAX_LISTED = 20
"""Clips that are listed one by one on stderr; --json has all of them."""


def add(commands) -> None:
    """Add the command to those of `argparse`."""
    evaluate = commands.add_parser(
        "evaluate",
        help="score models on labelled clips, or on a recipe's held-out speakers",
        description="Score models, in one table, on labelled clips (a CSV file with the columns "
        "path, label and, if there are several, speaker; or a folder with such a labels.csv), or "
        "on the speakers that a recipe holds out.",
    )
    add_options(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from ser_stream.recipes.speech_text import SpeechTextRecipe

    models, table = models_and_table(arguments.models)
    check_options(arguments, models, table)
    if arguments.save:  # before hours of evaluation
        from ser_stream.models.info import find_writable

        for model in models:
            find_writable(model)
    recipe = read_recipe(arguments.recipe)
    if isinstance(recipe, SpeechTextRecipe):
        return _evaluate_speech_text(arguments, models, recipe)
    for option, given in (("--first", arguments.first), ("--asr", arguments.asr)):
        if given:
            raise InputError(
                f"{option}: goes with the recipe of a model that takes sound and words"
            )
    check_conditions(arguments)
    return _evaluate_speech(arguments, models, recipe, table)


def _evaluate_speech(
    arguments: argparse.Namespace, models: list[str], recipe: Recipe | None, table: Path | None
) -> int:
    """Score the models on own clips or held-out speakers, and return the exit code."""
    from ser_stream.evaluation.evaluate import held_out_clips, model_info, own_clips

    infos = {model: model_info(model) for model in models}
    label_sets = [info.labels for info in infos.values()]
    labels = _scored_labels(list(infos), label_sets, recipe, arguments.save)
    if recipe is not None:
        clips = held_out_clips(recipe, arguments.corpora, arguments.part, arguments.clips)
    else:
        assert table is not None
        clips = own_clips(table)
    names = {model: info.name for model, info in infos.items()}
    if len(set(names.values())) < len(names):  # such as seeds of one recipe
        names = {model: model for model in infos}
    evaluate = _conditions_report if arguments.conditions is not None else _report
    reports, failed = [], False
    for model, name in names.items():
        try:
            reports.append({**evaluate(arguments, model, name, clips, labels), "model": name})
        except InputError as error:
            print_error(error)
            failed = True
    if reports and not arguments.json:
        of_one_recipe = len({info.name for info in infos.values()}) == 1
        with_summary = recipe is not None and labels is None and of_one_recipe
        _print(arguments, reports, clips.title, with_summary)
    unreadable = _print_problems(reports)
    return 2 if failed or (unreadable and not arguments.skip_bad) else 0


def _print(
    arguments: argparse.Namespace, reports: Sequence[Report], title: str, with_summary: bool
) -> None:
    """Print the tables of all models."""
    from ser_stream.evaluation.robustness import conditions_table
    from ser_stream.evaluation.tables import print_reports, print_summary

    if arguments.conditions is not None:
        for report in reports:
            heading = f"{report['model']}:\n\n" if len(reports) > 1 else ""
            show_tables(heading + conditions_table(report))
        return
    print_reports(reports, title)
    if with_summary and len(reports) > 1:
        print_summary(reports)


def _scored_labels(
    models: Sequence[str],
    label_sets: Sequence[Sequence[str]],
    recipe: Recipe | None,
    save: bool,
) -> tuple[str, ...] | None:
    """Return the labels that all models are scored on; None: their own, which are the same."""
    from ser_stream.evaluation.evaluate import shared_labels

    if recipe is not None:
        if save:  # a model card has the results of all of the model's labels
            for model, labels in zip(models, label_sets, strict=True):
                recipe.require_labels(tuple(labels), model)
        label_sets = [recipe.labels, *label_sets]
    if len(set(map(frozenset, label_sets))) == 1:
        return None
    shared = shared_labels(label_sets)
    print_message(
        f"models{' and recipe' if recipe else ''} have different labels: scored are those that all "
        f"have, {', '.join(shared)}; a model's probabilities of others are dropped"
    )
    return shared


def _report(
    arguments: argparse.Namespace,
    model: str,
    name: str,
    clips: LabelledClips,
    labels: tuple[str, ...] | None,
) -> Report:
    """Evaluate a model; save, print and plot its report as the options say."""
    from ser_stream.evaluation.evaluate import evaluate_clips
    from ser_stream.training.model_folder import save_report

    report = evaluate_clips(model, clips, labels, arguments.engine)
    if arguments.save:
        save_report(model, report)
    if arguments.json:
        print(json_line(report))
    if arguments.figures:
        from ser_stream.evaluation.draw import draw_evaluation

        for path in draw_evaluation({**report, "model": name}, clips.title, arguments.figures):
            print(path, file=sys.stderr)
    return report


def _conditions_report(
    arguments: argparse.Namespace,
    model: str,
    name: str,
    clips: LabelledClips,
    labels: tuple[str, ...] | None,
) -> Report:
    """Evaluate a model under the named conditions, or all; print JSON as the options say."""
    from ser_stream.data.acoustics import CONDITIONS
    from ser_stream.evaluation.robustness import NO_SPEECH, evaluate_conditions

    conditions = arguments.conditions or [*CONDITIONS, NO_SPEECH]
    report = evaluate_conditions(
        model, clips, arguments.corpora, conditions, labels, arguments.engine
    )
    if arguments.recipe:
        report["clips"] = arguments.clips
    if arguments.json:
        print(json_line(report))
    if arguments.figures:
        from ser_stream.evaluation.draw import draw_conditions

        for path in draw_conditions({**report, "model": name}, clips.title, arguments.figures):
            print(path, file=sys.stderr)
    return report


def _print_problems(reports: Sequence[Report]) -> bool:
    """List clips that were not scored on stderr; return whether some could not be read."""
    for key, one, several in (
        ("left_out", "left out for its label", "left out for their labels"),
        (
            "unreadable",
            "not scored, since it cannot be read",
            "not scored, since they cannot be read",
        ),
    ):
        messages = list(dict.fromkeys(m for report in reports for m in report.get(key, ())))
        if messages:
            n = len(messages)
            print_message(f"1 clip was {one}:" if n == 1 else f"{n} clips were {several}:")
        for message in messages[:MAX_LISTED]:
            print_message(f"  {message}")
        if len(messages) > MAX_LISTED:
            print_message(f"  and {len(messages) - MAX_LISTED} more; --json lists all")
    return any(report.get("unreadable") for report in reports)


def _evaluate_speech_text(
    arguments: argparse.Namespace, models: Sequence[str], recipe: SpeechTextRecipe
) -> int:
    from ser_stream.evaluation.pair_scores import scores_table
    from ser_stream.evaluation.speech_text import evaluate_speech_text
    from ser_stream.training.model_folder import save_pair_scores

    if arguments.figures or arguments.conditions is not None:
        raise InputError("--figures, --conditions: do not go with a recipe of sound and words")
    if arguments.asr:
        return _evaluate_recognised_words(arguments, models, recipe)
    if arguments.clips:
        raise InputError("--clips: goes with a recipe of sound and words only with --asr")
    part = arguments.part
    for model in models:
        report, skipped = evaluate_speech_text(
            model, recipe, arguments.corpora, part, arguments.first, arguments.skip_bad
        )
        if arguments.save:
            save_pair_scores(model, part, report)
        if arguments.json:
            unreadable = {"unreadable": skipped} if skipped else {}
            print(json_line({"model": model, "part": part, "errors": report, **unreadable}))
        else:
            print("\n".join([f"{model}:", "", *scores_table({part: report})]))
    return 0


def _evaluate_recognised_words(
    arguments: argparse.Namespace, models: Sequence[str], recipe: SpeechTextRecipe
) -> int:
    """Score the models on clips with the words of a speech recogniser; return the exit code."""
    from ser_stream.asr.base import FASTER_WHISPER, AsrSettings
    from ser_stream.commands.transcribe import WHISPER
    from ser_stream.evaluation.pair_scores import scores_table
    from ser_stream.evaluation.recognised_words import LANGUAGE, evaluate_recognised_words

    default = WHISPER if arguments.asr == FASTER_WHISPER else ""
    asr = AsrSettings(arguments.asr, arguments.asr_model or default, LANGUAGE)
    for model in models:
        report = evaluate_recognised_words(
            model, recipe, arguments.corpora, arguments.part, asr, arguments.clips,
            arguments.first, arguments.skip_bad,
        )  # fmt: skip
        if arguments.json:
            unreadable = {"unreadable": report.skipped} if report.skipped else {}
            print(json_line({
                "model": model, "part": arguments.part, "errors": report.scores,
                "word_error_rates": report.word_error_rates,
                "without_words": report.without_words, **unreadable,
            }))  # fmt: skip
            continue
        rates = ", ".join(f"{kind} {rate:.1%}" for kind, rate in report.word_error_rates.items())
        print("\n".join([f"{model}:", "", *scores_table({arguments.part: report.scores}), ""]))
        print(f"wrong words of {arguments.asr}: {rates}; clips without words: "
              f"{report.without_words}")  # fmt: skip
    return 0
