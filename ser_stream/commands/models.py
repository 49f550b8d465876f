"""The commands `ser-stream calibrate`, `adapt`, `import-model` and `export`: they write models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ser_stream.commands.shared import add_corpora, add_skip_bad
from ser_stream.errors import InputError
from ser_stream.text import json_line, shell_word

Commands = Any
"""The subparsers of `argparse`, whose type is private."""


def add(commands: Commands) -> None:
    """Add the commands to the subparsers of `argparse`."""
    _add_calibrate(commands)
    _add_adapt(commands)
    _add_import_model(commands)
    _add_export(commands)


def _add_calibrate(commands: Commands) -> None:
    calibrate = commands.add_parser(
        "calibrate", help="calibrate a model's confidence on speakers held out from training"
    )
    calibrate.add_argument(
        "model", metavar="DIR", help="model folder; its model.json and card are rewritten"
    )
    calibrate.add_argument(
        "--recipe", type=Path, required=True, help="recipe whose validation speakers are used"
    )
    add_corpora(calibrate)
    add_skip_bad(calibrate)
    calibrate.set_defaults(run=_calibrate)


def _add_adapt(commands: Commands) -> None:
    adapt = commands.add_parser(
        "adapt", help="adapt a model to one person with a minute of their neutral speech"
    )
    adapt.add_argument("model", metavar="NAME|DIR", help="shipped model or model folder")
    adapt.add_argument("recordings", nargs="*", type=Path, metavar="FILE", help="neutral speech")
    adapt.add_argument("--output", type=Path, metavar="DIR", help="folder of the adapted model")
    adapt.add_argument(
        "--recipe",
        type=Path,
        help="instead of recordings: measure the gain on the speakers that this recipe holds out",
    )
    add_corpora(adapt, needed=False)
    add_skip_bad(adapt)
    adapt.add_argument(
        "--part", choices=("validation", "test"), default="test",
        help="with --recipe: which of its held-out speakers; default: test",
    )  # fmt: skip
    adapt.add_argument(
        "--json", action="store_true", help="print the measured gain as one JSON object"
    )
    adapt.set_defaults(run=_adapt)


def _add_import_model(commands: Commands) -> None:
    imported = commands.add_parser(
        "import-model", help="make a model folder of a Hugging Face audio classifier"
    )
    imported.add_argument(
        "checkpoint",
        metavar="DIR|OWNER/NAME@COMMIT",
        help="folder, or name and revision on the Hugging Face Hub",
    )
    imported.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder of the new model"
    )
    imported.add_argument(
        "--labels",
        nargs="+",
        default=[],
        metavar="NAME=EMOTION",
        help="emotions of the checkpoint's labels, where they are not known by name; "
        "drop as EMOTION leaves a label out",
    )
    imported.add_argument(
        "--window",
        type=float,
        default=5.0,
        metavar="S",
        help="window length in seconds; default: 5",
    )
    imported.add_argument(
        "--hop",
        type=float,
        default=0.5,
        metavar="S",
        help="seconds between estimates; default: 0.5",
    )
    imported.set_defaults(run=_import_model)


def _add_export(commands: Commands) -> None:
    export = commands.add_parser(
        "export", help="write a model's ONNX files, so that it runs without torch"
    )
    export.add_argument(
        "model", metavar="NAME|DIR", help="model folder; ONNX files are written into it"
    )
    export.add_argument(
        "--int8",
        action="store_true",
        help="also write the network with weights in eight bits, for the engine onnx-int8",
    )
    export.set_defaults(run=_export)


def _calibrate(arguments: argparse.Namespace) -> int:
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe
    from ser_stream.training.calibrate import calibrate_model

    fitted = calibrate_model(
        arguments.model, load_recipe(arguments.recipe, Recipe), arguments.corpora,
        arguments.skip_bad,
    )  # fmt: skip
    for trigger, calibration in fitted.items():
        print(f"{trigger}: temperature {calibration.temperature:g}, floor {calibration.floor:g}")
    return 0


def _adapt(arguments: argparse.Namespace) -> int:
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe
    from ser_stream.training.speaker_adaptation import adapt, measure_gain, print_gain

    if bool(arguments.recordings) != bool(arguments.output) or (
        bool(arguments.recipe) != bool(arguments.corpora)
    ):
        raise InputError("adapt: recordings need --output, and --recipe needs --corpora")
    if bool(arguments.recordings) == bool(arguments.recipe):
        raise InputError("adapt: name recordings of one person, or --recipe and --corpora")
    if arguments.recordings:
        speech_s = adapt(arguments.model, arguments.recordings, arguments.output)
        print(f"adapted to {speech_s:.0f} s of speech; model written to {arguments.output}")
        print("the model is for this person alone, and has no speaker memory")
        print(f"listen with it: ser-stream listen --model {shell_word(str(arguments.output))}")
        return 0
    recipe = load_recipe(arguments.recipe, Recipe)
    report = measure_gain(
        arguments.model, recipe, arguments.corpora, arguments.part, arguments.skip_bad
    )
    if arguments.json:
        print(json_line(report))
    else:
        print_gain(report)
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


def _export(arguments: argparse.Namespace) -> int:
    from ser_stream.models.info import find_model
    from ser_stream.training.export import export_model

    exported = export_model(arguments.model, arguments.int8).onnx
    assert exported is not None
    folder = find_model(arguments.model)
    for name, digest in exported.files.items():
        mib = (folder / name).stat().st_size / 2**20
        print(f"{folder / name}: {mib:.1f} MiB, SHA-256 {digest}")
    return 0
