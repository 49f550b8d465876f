"""`ser-stream train`: by any kind of recipe, or on own clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser_stream.commands.papers import train_experiment
from ser_stream.commands.shared import add_training, device_of
from ser_stream.errors import InputError


def add(commands) -> None:
    """Add the command to those of `argparse`."""
    train = commands.add_parser(
        "train", help="train by a recipe: a model, or a paper's experiment; or on your own clips"
    )
    train.add_argument(
        "recipe", type=Path, metavar="RECIPE|CLIPS",
        help="YAML file, see config/recipes; or a CSV file of clips: path, label, speaker",
    )  # fmt: skip
    train.add_argument(
        "--model", metavar="NAME|DIR",
        help="whose weights are trained further; for your own clips: default, if none is named",
    )  # fmt: skip
    train.add_argument(
        "--seed", type=int, metavar="N", help="of a model, 0 by default; one of an experiment's"
    )
    train.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of a model's run; default NAME-seedN"
    )
    train.add_argument(
        "--teachers", nargs="+", type=Path, default=[], metavar="DIR",
        help="models whose opinion a model's recipe gives a share",
    )  # fmt: skip
    add_training(train, corpora_needed=False)
    train.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    from ser_stream.recipes.experiment import is_experiment
    from ser_stream.recipes.speech_text import is_speech_text_recipe
    from ser_stream.recipes.text import is_text_recipe

    if arguments.recipe.suffix == ".csv" or arguments.recipe.is_dir():
        return _fine_tune(arguments)
    if arguments.corpora is None:
        raise InputError("--corpora: needed to train by a recipe; name the folder of the corpora")
    if (arguments.teachers or arguments.model) and (
        is_experiment(arguments.recipe) or is_text_recipe(arguments.recipe)
        or is_speech_text_recipe(arguments.recipe)
    ):  # fmt: skip
        raise InputError("--teachers, --model: go with own clips or the recipe of a model of sound")
    if is_experiment(arguments.recipe):
        return train_experiment(arguments)
    if arguments.on:
        raise InputError("--on: goes with the recipe of an experiment")
    if is_text_recipe(arguments.recipe):
        return _train_on_texts(arguments)
    if is_speech_text_recipe(arguments.recipe):
        return _train_conversation(arguments)
    from ser_stream.distributed import is_first
    from ser_stream.recipes.speech import load_recipe
    from ser_stream.training.speech import train

    recipe, seed = load_recipe(arguments.recipe), arguments.seed or 0
    output = _output(arguments, f"{recipe.name}-seed{seed}")
    cache = arguments.cache or arguments.runs / "cache"
    if recipe.folds is not None:
        return _train_folds(arguments, recipe, cache, output)
    train(
        recipe, arguments.corpora, cache, output, seed, device_of(arguments), arguments.teachers,
        arguments.model,
    )  # fmt: skip
    if is_first():
        print(f"model written to {output / 'model'}")
    return 0


def _output(arguments: argparse.Namespace, name: str) -> Path:
    """Folder of a model's run, made. Raises InputError where it cannot be, before any training."""
    from ser_stream.files import check_folder

    output = arguments.output or arguments.runs / name
    check_folder(output)
    return output


def _train_folds(arguments: argparse.Namespace, recipe, cache: Path, output: Path) -> int:
    from ser_stream.training.cross_validation import print_folds, train_folds

    if arguments.teachers:
        raise InputError("--teachers: does not go with a recipe that has folds")
    report = train_folds(
        recipe, arguments.corpora, cache, output, arguments.seed or 0, device_of(arguments),
        arguments.model,
    )  # fmt: skip
    print_folds(report)
    return 0


def _fine_tune(arguments: argparse.Namespace) -> int:
    from ser_stream.training.fine_tune import fine_tune, print_report

    if arguments.device not in (None, "cpu"):
        raise InputError("--device: own clips are learned from on the CPU; leave it out")
    model = arguments.model or "default"
    output = _output(arguments, f"{Path(model).name}-own")
    report = fine_tune(model, arguments.recipe, output, arguments.seed or 0)
    print_report(report)
    print(f"model written to {output / 'model'}")
    return 0


def _train_on_texts(arguments: argparse.Namespace) -> int:
    from ser_stream.recipes.text import load_text_recipe
    from ser_stream.training.text import figures_table, train_on_texts

    recipe, seed = load_text_recipe(arguments.recipe), arguments.seed or 0
    output = _output(arguments, f"{recipe.name}-seed{seed}")
    info = train_on_texts(recipe, arguments.corpora, output, seed, device_of(arguments))
    print("\n".join(figures_table(info.results)))
    print(f"model written to {output / 'model'}")
    return 0


def _train_conversation(arguments: argparse.Namespace) -> int:
    from ser_stream.evaluation.pair_scores import figures_table
    from ser_stream.recipes.speech_text import load_speech_text_recipe
    from ser_stream.training.speech_text import train_speech_text

    recipe, seed = load_speech_text_recipe(arguments.recipe), arguments.seed or 0
    output = _output(arguments, f"{recipe.voices.name}-seed{seed}")
    cache = arguments.cache or arguments.runs / "cache"
    info = train_speech_text(recipe, arguments.corpora, cache, output, seed, device_of(arguments))
    print("\n".join(figures_table(info.results)))
    print(f"model written to {output / 'model'}")
    return 0
