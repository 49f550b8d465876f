"""The command `ser-stream train`, by a recipe of any kind or on own clips."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.commands.papers import train_experiment
from ser_stream.commands.parser import seed
from ser_stream.commands.shared import add_training, cache_of, device_of
from ser_stream.errors import InputError

if TYPE_CHECKING:
    from ser_stream.recipes.speech import Recipe
    from ser_stream.recipes.speech_text import SpeechTextRecipe
    from ser_stream.recipes.text import TextRecipe


def add(commands) -> None:
    """Add the command to those of `argparse`."""
    train = commands.add_parser(
        "train", help="train a model or a paper's experiment by a recipe, or on your own clips"
    )
    train.add_argument(
        "recipe", type=Path, metavar="RECIPE|CLIPS",
        help="YAML file, see config/recipes; or your own clips: a CSV file with the columns path, "
        "label and speaker, or a folder with such a labels.csv",
    )  # fmt: skip
    train.add_argument(
        "--model", metavar="NAME|DIR",
        help="model whose weights training starts from; default: none by a recipe, the model "
        "default on your own clips",
    )  # fmt: skip
    train.add_argument(
        "--seed", type=seed, metavar="N",
        help="random seed; default: 0 for a model, all seeds of the recipe for an experiment",
    )  # fmt: skip
    train.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder of a model's run; default: NAME-seedN in the folder of runs",
    )
    train.add_argument(
        "--teachers", nargs="+", type=Path, default=[], metavar="DIR",
        help="models to distil from, with the recipe of a streaming model",
    )  # fmt: skip
    add_training(train, corpora_needed=False)
    train.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    if arguments.recipe.suffix == ".csv" or arguments.recipe.is_dir():
        return _fine_tune(arguments)
    if arguments.corpora is None:
        raise InputError("--corpora: needed to train by a recipe; name the folder of the corpora")
    return _train_by_recipe(arguments)


def _train_by_recipe(arguments: argparse.Namespace) -> int:
    from ser_stream.recipes.experiment import Experiment
    from ser_stream.recipes.folders import read_overlays
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe
    from ser_stream.recipes.text import TextRecipe

    overlays = read_overlays(arguments.on)
    recipe = load_recipe(arguments.recipe, overlays=overlays)
    if not isinstance(recipe, Recipe) and (arguments.teachers or arguments.model):
        raise InputError(
            "--teachers, --model: go with own clips or the recipe of a streaming model"
        )
    if isinstance(recipe, Experiment):
        return train_experiment(arguments, recipe)
    if isinstance(recipe, Recipe):
        return _train_speech(arguments, recipe)
    if isinstance(recipe, TextRecipe):
        return _train_text(arguments, recipe)
    return _train_speech_text(arguments, recipe)


def _output(arguments: argparse.Namespace, name: str) -> Path:
    """Make the folder of a model's run, before any training.

    Raises:
        InputError: nothing can be written there.
    """
    from ser_stream.files import prepare_folder

    output = arguments.output or arguments.runs / f"{name}-seed{arguments.seed or 0}"
    prepare_folder(output)
    return output


def _train_speech(arguments: argparse.Namespace, recipe: Recipe) -> int:
    from ser_stream.distributed import is_first
    from ser_stream.training.speech import train

    output, cache = _output(arguments, recipe.name), cache_of(arguments)
    if recipe.folds is not None:
        return _train_folds(arguments, recipe, cache, output)
    train(
        recipe, arguments.corpora, cache, output, arguments.seed or 0, device_of(arguments),
        arguments.teachers, arguments.model, arguments.skip_bad,
    )  # fmt: skip
    if is_first():
        print(f"model written to {output / 'model'}")
    return 0


def _train_folds(arguments: argparse.Namespace, recipe: Recipe, cache: Path, output: Path) -> int:
    from ser_stream.training.cross_validation import print_folds, train_folds

    if arguments.teachers:
        raise InputError("--teachers: does not go with a recipe that has folds")
    report = train_folds(
        recipe, arguments.corpora, cache, output, arguments.seed or 0, device_of(arguments),
        arguments.model, arguments.skip_bad,
    )  # fmt: skip
    print_folds(report)
    return 0


def _fine_tune(arguments: argparse.Namespace) -> int:
    from ser_stream.files import prepare_folder
    from ser_stream.training.fine_tune import fine_tune, print_report

    if arguments.device not in (None, "cpu"):
        raise InputError("--device: training on own clips runs on the CPU; leave it out")
    model = arguments.model or "default"
    output = arguments.output or arguments.runs / f"{Path(model).name}-own"
    prepare_folder(output)
    report = fine_tune(
        model, arguments.recipe, output, arguments.seed or 0, skip_bad=arguments.skip_bad
    )
    print(f"model written to {output / 'model'}")
    print_report(report)
    return 0


def _train_text(arguments: argparse.Namespace, recipe: TextRecipe) -> int:
    from ser_stream.training.model_card import text_scores_table
    from ser_stream.training.text import train_on_texts

    output = _output(arguments, recipe.name)
    info = train_on_texts(
        recipe, arguments.corpora, output, arguments.seed or 0, device_of(arguments)
    )
    print("\n".join(text_scores_table(info.results)))
    print(f"model written to {output / 'model'}")
    return 0


def _train_speech_text(arguments: argparse.Namespace, recipe: SpeechTextRecipe) -> int:
    from ser_stream.evaluation.pair_scores import scores_table
    from ser_stream.training.speech_text import train_speech_text

    output = _output(arguments, recipe.voices.name)
    info = train_speech_text(
        recipe, arguments.corpora, cache_of(arguments), output, arguments.seed or 0,
        device_of(arguments), arguments.skip_bad,
    )  # fmt: skip
    print("\n".join(scores_table(info.results)))
    print(f"model written to {output / 'model'}")
    return 0
