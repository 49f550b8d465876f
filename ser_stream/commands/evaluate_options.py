"""The options of `ser-stream evaluate`, and the checks before hours of evaluation begin."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_stream.commands.shared import add_clips, add_corpora, add_engine, add_part
from ser_stream.errors import InputError
from ser_stream.extras import require_extra

if TYPE_CHECKING:
    from ser_stream.recipes.speech import Recipe
    from ser_stream.recipes.speech_text import SpeechTextRecipe


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add all options of the command."""
    parser.add_argument(
        "models", nargs="+", metavar="MODEL | CLIPS.csv",
        help="models: shipped names, model folders, Hugging Face checkpoints (folders or names); "
        "and the labelled clips, unless --recipe is given",
    )  # fmt: skip
    parser.add_argument(
        "--recipe", type=Path, help="evaluate on the speakers that this recipe holds out"
    )
    add_corpora(parser, needed=False)
    add_part(parser)
    add_clips(parser)
    parser.add_argument(
        "--conditions", nargs="*", metavar="NAME",
        help="evaluate with added noise, in simulated rooms and through bad channels, such as "
        "clean noise-10dB; without names: under all conditions",
    )  # fmt: skip
    parser.add_argument(
        "--figures", type=Path, metavar="DIR",
        help="write plots (PNG): confusion matrices, coverage, reliability, accuracy by language "
        "and sex; with --conditions: accuracy in noise and rooms",
    )  # fmt: skip
    add_engine(parser)
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="exit with code 0 where recordings cannot be read: they are named, and the others "
        "scored; default: exit with code 2",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per model")
    parser.add_argument(
        "--save", action="store_true",
        help="write the results into model.json and model card; needs --recipe",
    )  # fmt: skip
    parser.add_argument(
        "--first", metavar="NAME|DIR",
        help="for models of sound and words: the streaming model of the first estimates",
    )  # fmt: skip
    parser.add_argument(
        "--asr", choices=("faster_whisper", "pocketsphinx"),
        help="for models of sound and words: score the clips with their own words, as this "
        "speech recogniser hears them, instead of with texts of other corpora",
    )  # fmt: skip
    parser.add_argument(
        "--asr-model", default="", metavar="NAME|DIR",
        help="with --asr faster_whisper: its model; default: base",
    )  # fmt: skip


def models_and_table(names: Sequence[str]) -> tuple[list[str], Path | None]:
    """Separate the table of clips from the models among the positional arguments.

    Raises:
        InputError: there are several tables, or there is no model.
    """
    from ser_stream.corpora.own import TABLE

    tables = [
        name for name in names if name.lower().endswith(".csv") or (Path(name) / TABLE).is_file()
    ]
    if len(tables) > 1:
        raise InputError(
            f"evaluate: found {len(tables)} tables of clips, {', '.join(tables)}; accepted is one"
        )
    models = [name for name in names if name not in tables]
    if not models:
        raise InputError(
            f"evaluate: found no model beside the clips {tables[0]}; name one first: "
            f"ser-stream evaluate default {tables[0]}"
        )
    return models, Path(tables[0]) if tables else None


def check_options(arguments: argparse.Namespace, models: Sequence[str], table: Path | None) -> None:
    """Check that the options go together.

    Raises:
        InputError: an option is missing, or does not go with another one; or --figures is given,
            and there is no matplotlib.
    """
    if arguments.figures:
        require_extra("evaluate --figures", "matplotlib")
    if table and arguments.recipe:
        raise InputError(f"evaluate: found both --recipe and the clips {table}; accepted is one")
    if not table and not arguments.recipe:
        raise InputError(
            "evaluate: found neither clips nor a recipe; name labelled clips (a .csv file, or a "
            f"folder with labels.csv), as in: ser-stream evaluate {models[0]} CLIPS.csv, or "
            "--recipe and --corpora"
        )
    if arguments.recipe and not arguments.corpora:
        raise InputError("evaluate: --recipe needs --corpora DIR, the folder of its corpora")
    for option, given in (("--save", arguments.save), ("--clips", arguments.clips)):
        if given and table:
            raise InputError(f"{option}: goes with --recipe, not with the clips {table}")
    if arguments.asr_model and not arguments.asr:
        raise InputError("--asr-model: goes with --asr")
    if arguments.save and arguments.asr:
        raise InputError("--save: does not go with --asr")
    if arguments.save and arguments.clips:
        raise InputError("--save: goes with all clips, not with --clips")


def check_conditions(arguments: argparse.Namespace) -> None:
    """Check --conditions: their names, and that the options go together.

    Raises:
        InputError: a name is unknown, an option is missing or does not go with them, or rooms are
            among them, and there is no pyroomacoustics.
    """
    if arguments.conditions is None:
        return
    from ser_stream.data.acoustics import CONDITIONS
    from ser_stream.evaluation.robustness import NO_SPEECH

    accepted = [*CONDITIONS, NO_SPEECH]
    if unknown := [name for name in arguments.conditions if name not in accepted]:
        raise InputError(f"--conditions {unknown[0]}: accepted are {', '.join(accepted)}")
    if arguments.save:
        raise InputError("--conditions: does not go with --save")
    if any(name.startswith(("room-", "far-")) for name in arguments.conditions or accepted):
        require_extra("evaluate --conditions", "pyroomacoustics")
    if not arguments.corpora:
        raise InputError(
            "--conditions: needs --corpora DIR, a folder that holds esc10/, whose sounds are the "
            "noise"
        )


def read_recipe(path: Path | None) -> Recipe | SpeechTextRecipe | None:
    """Read a recipe of sound, or of sound and words; None without a path.

    Raises:
        InputError: see `load_recipe`.
    """
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe
    from ser_stream.recipes.speech_text import SpeechTextRecipe

    if path is None:
        return None
    recipe = load_recipe(path)
    return recipe if isinstance(recipe, SpeechTextRecipe) else load_recipe(path, Recipe)
