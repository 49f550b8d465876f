"""`ser-stream evaluate`, and `robustness`: what a model is worth."""

from __future__ import annotations

import argparse
import json

from ser_stream.commands.shared import add_clips, add_held_out, show_tables
from ser_stream.errors import InputError


def add(commands) -> None:
    """Add the commands to those of `argparse`."""
    _add_evaluate(commands)
    _add_robustness(commands)


def _add_evaluate(commands) -> None:
    evaluate = commands.add_parser("evaluate", help="score a model on speakers it never heard")
    evaluate.add_argument(
        "models", nargs="+", metavar="NAME|DIR", help="models; of several, also mean and deviation"
    )
    add_held_out(evaluate)
    evaluate.add_argument("--json", action="store_true", help="one JSON object per model")
    evaluate.add_argument(
        "--save", action="store_true", help="write the figures into model.json and model card"
    )
    evaluate.add_argument(
        "--first", metavar="NAME|DIR",
        help="of models that see words beside sound: streaming model that makes the first estimate",
    )  # fmt: skip
    evaluate.set_defaults(run=_evaluate)


def _add_robustness(commands) -> None:
    robustness = commands.add_parser(
        "robustness", help="score a model in noise, rooms and over bad lines"
    )
    _add_drawn(robustness)
    robustness.add_argument(
        "--conditions", nargs="+", metavar="NAME", help="such as clean noise-10dB; default: all"
    )
    robustness.add_argument("--json", action="store_true", help="all scores, as one JSON object")
    robustness.set_defaults(run=_robustness)


def _add_drawn(parser: argparse.ArgumentParser) -> None:
    """Add a model, and the held-out speakers of whose clips some or all are drawn."""
    parser.add_argument("model", metavar="NAME|DIR")
    add_held_out(parser)
    add_clips(parser)


def _evaluate(arguments: argparse.Namespace) -> int:
    from ser_stream.evaluation.evaluate import evaluate_model, print_report, print_summary
    from ser_stream.models.info import find_writable
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe
    from ser_stream.recipes.speech_text import SpeechTextRecipe
    from ser_stream.training.model_card import save_report

    if arguments.save:  # before hours of evaluation
        for model in arguments.models:
            find_writable(model)
    if isinstance(load_recipe(arguments.recipe), SpeechTextRecipe):
        return _evaluate_conversation(arguments)
    if arguments.first:
        raise InputError("--first: goes with the recipe of a model that sees words beside sound")
    recipe = load_recipe(arguments.recipe, Recipe)
    reports = []
    for model in arguments.models:
        report = evaluate_model(model, recipe, arguments.corpora, arguments.part)
        reports.append(report)
        if arguments.save:
            save_report(model, report)
        if arguments.json:
            print(json.dumps(report))
        else:
            print_report(report)
    if len(reports) > 1 and not arguments.json:
        print_summary(reports)
    return 0


def _evaluate_conversation(arguments: argparse.Namespace) -> int:
    from ser_stream.evaluation.pair_scores import figures_table
    from ser_stream.evaluation.speech_text import evaluate_speech_text
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech_text import SpeechTextRecipe
    from ser_stream.training.speech_text import save_pair_scores

    recipe, part = load_recipe(arguments.recipe, SpeechTextRecipe), arguments.part
    for model in arguments.models:
        report = evaluate_speech_text(model, recipe, arguments.corpora, part, arguments.first)
        if arguments.save:
            save_pair_scores(model, part, report)
        if arguments.json:
            print(json.dumps({"model": model, "part": part, "errors": report}))
        else:
            print("\n".join([f"{model}:", "", *figures_table({part: report})]))
    return 0


def _robustness(arguments: argparse.Namespace) -> int:
    from ser_stream.data.acoustics import CONDITIONS
    from ser_stream.evaluation.robustness import NO_SPEECH, conditions_table, evaluate_conditions
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe

    accepted = [*CONDITIONS, NO_SPEECH]
    names = arguments.conditions or accepted
    if unknown := [name for name in names if name not in accepted]:
        raise InputError(f"--conditions {unknown[0]}: accepted are {', '.join(accepted)}")
    report = evaluate_conditions(
        arguments.model, load_recipe(arguments.recipe, Recipe), arguments.corpora, arguments.part,
        names, arguments.clips,
    )  # fmt: skip
    if arguments.json:
        print(json.dumps(report))
    else:
        show_tables(conditions_table(report))
    return 0
