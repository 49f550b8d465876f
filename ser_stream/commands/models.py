"""`ser-stream calibrate`, `adapt` and `import-model`: models made from models."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ser_stream.commands.shared import add_corpora
from ser_stream.errors import InputError


def add(commands) -> None:
    """Add the commands to those of `argparse`."""
    _add_calibrate(commands)
    _add_adapt(commands)
    _add_import_model(commands)


def _add_calibrate(commands) -> None:
    calibrate = commands.add_parser(
        "calibrate", help="fit a model's confidence to speakers it never heard"
    )
    calibrate.add_argument("model", metavar="DIR", help="its model.json is written to")
    calibrate.add_argument(
        "--recipe", type=Path, required=True, help="whose validation speakers are used"
    )
    add_corpora(calibrate)
    calibrate.set_defaults(run=_calibrate)


def _add_adapt(commands) -> None:
    adapt = commands.add_parser(
        "adapt", help="fit a model to one person by a minute of their neutral speech"
    )
    adapt.add_argument("model", metavar="NAME|DIR")
    adapt.add_argument("recordings", nargs="*", type=Path, metavar="FILE", help="neutral speech")
    adapt.add_argument("--output", type=Path, metavar="DIR", help="folder of the person's model")
    adapt.add_argument(
        "--recipe", type=Path, help="instead of recordings: what it is worth on held-out speakers"
    )
    add_corpora(adapt, needed=False)
    adapt.add_argument("--part", choices=("validation", "test"), default="test")
    adapt.add_argument("--json", action="store_true", help="of what it is worth, one JSON object")
    adapt.set_defaults(run=_adapt)


def _add_import_model(commands) -> None:
    imported = commands.add_parser(
        "import-model", help="make a model folder of a Hugging Face audio classifier"
    )
    imported.add_argument(
        "checkpoint", metavar="DIR|OWNER/NAME", help="folder, or name on the Hugging Face Hub"
    )
    imported.add_argument("--output", type=Path, required=True, metavar="DIR")
    imported.add_argument(
        "--labels",
        nargs="+",
        default=[],
        metavar="NAME=EMOTION",
        help="emotions of labels whose names do not say it; EMOTION may be drop",
    )
    imported.add_argument("--window", type=float, default=5.0, metavar="S", help="default 5")
    imported.add_argument("--hop", type=float, default=0.5, metavar="S", help="default 0.5")
    imported.set_defaults(run=_import_model)


def _calibrate(arguments: argparse.Namespace) -> int:
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe
    from ser_stream.training.calibrate import calibrate_model

    fitted = calibrate_model(
        arguments.model, load_recipe(arguments.recipe, Recipe), arguments.corpora
    )
    for trigger, calibration in fitted.items():
        print(f"{trigger}: temperature {calibration.temperature:g}, floor {calibration.floor:g}")
    return 0


def _adapt(arguments: argparse.Namespace) -> int:
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe
    from ser_stream.training.speaker_adaptation import adapt, measure, print_measured

    if bool(arguments.recordings) != bool(arguments.output) or (
        bool(arguments.recipe) != bool(arguments.corpora)
    ):
        raise InputError("adapt: recordings go with --output, and --recipe goes with --corpora")
    if bool(arguments.recordings) == bool(arguments.recipe):
        raise InputError("adapt: name recordings of one person, or --recipe and --corpora")
    if arguments.recordings:
        speech_s = adapt(arguments.model, arguments.recordings, arguments.output)
        print(f"{speech_s:.0f} s of speech heard; model written to {arguments.output}")
        print("It is one person's, and remembers no voices: see README, Your own clips")
        return 0
    recipe = load_recipe(arguments.recipe, Recipe)
    report = measure(arguments.model, recipe, arguments.corpora, arguments.part)
    if arguments.json:
        print(json.dumps(report))
    else:
        print_measured(report)
    return 0


def _import_model(arguments: argparse.Namespace) -> int:
    from ser_stream.training.import_model import import_model, parse_emotions

    info = import_model(
        arguments.checkpoint, arguments.output, parse_emotions(arguments.labels),
        arguments.window, arguments.hop,
    )  # fmt: skip
    print(f"model written to {arguments.output}: {', '.join(info.labels)}")
    print(f"model {info.name}: {info.training_data.licence}", file=sys.stderr)
    return 0
