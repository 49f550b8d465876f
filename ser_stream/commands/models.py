"""The commands `ser-stream calibrate`, `adapt`, `import-model` and `export`: they write models."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_stream.commands.shared import add_corpora, add_skip_bad
from ser_stream.errors import InputError
from ser_stream.text import json_line, shell_word

if TYPE_CHECKING:
    from ser_stream.models.calibration import Calibration

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
    calibrate.add_argument("--recipe", type=Path, help="recipe whose validation speakers are used")
    add_corpora(calibrate, needed=False)
    calibrate.add_argument(
        "--from", nargs="+", type=Path, metavar="RUN", dest="runs",
        help="instead of a recipe: finished runs of a recipe that leaves one corpus out, with the "
        "labels of the model; the confidence is then right for voices and corpora never heard",
    )  # fmt: skip
    calibrate.add_argument(
        "--right", type=_share, metavar="SHARE",
        help="with --from: the model abstains so often that this share of its answers to new "
        "voices is right; default: 0.5",
    )  # fmt: skip
    calibrate.add_argument(
        "--figures", type=Path, metavar="DIR",
        help="with --from: plot accuracy against coverage, and reliability",
    )  # fmt: skip
    calibrate.add_argument(
        "--json", action="store_true", help="with --from: print the report as one JSON object"
    )
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


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"found {text}; accepted is a number between 0 and 1")
    return value


def _calibrate(arguments: argparse.Namespace) -> int:
    by_recipe = arguments.recipe is not None and arguments.corpora is not None
    if (arguments.runs and (arguments.recipe or arguments.corpora)) or not (
        arguments.runs or by_recipe
    ):
        raise InputError("calibrate: name --recipe and --corpora, or runs by --from")
    if arguments.runs:
        return _calibrate_on_left_out(arguments)
    if arguments.right is not None or arguments.figures or arguments.json:
        raise InputError("--right, --figures, --json: go with --from")
    from ser_stream.recipes.load import load_recipe
    from ser_stream.recipes.speech import Recipe
    from ser_stream.training.calibrate import calibrate_model

    _print_calibration(
        calibrate_model(
            arguments.model, load_recipe(arguments.recipe, Recipe), arguments.corpora,
            arguments.skip_bad,
        )
    )  # fmt: skip
    return 0


def _calibrate_on_left_out(arguments: argparse.Namespace) -> int:
    from ser_stream.training.left_out import RIGHT_SHARE, calibrate_on_left_out, print_left_out

    right = RIGHT_SHARE if arguments.right is None else arguments.right
    fitted, report = calibrate_on_left_out(arguments.model, arguments.runs, right)
    if arguments.json:
        print(json_line(report))
    else:
        print_left_out(report)
        _print_calibration(fitted)
    if arguments.figures:
        from ser_stream.evaluation.left_out_plots import draw_left_out

        for path in draw_left_out(report, arguments.figures):
            print(path, file=sys.stderr)
    return 0


def _print_calibration(fitted: dict[str, Calibration]) -> None:
    for trigger, calibration in fitted.items():
        temperature = f"{calibration.temperature:g}"
        if calibration.new_voice_temperature is not None:
            temperature = f"{calibration.new_voice_temperature:g} for a new voice, {temperature}"
        print(f"{trigger}: temperature {temperature}, floor {calibration.floor:g}")


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
    from ser_stream.models.info import SHIPPED, find_model
    from ser_stream.training.export import export_model

    exported = export_model(arguments.model, arguments.int8).onnx
    assert exported is not None
    folder = find_model(arguments.model)
    for name, digest in exported.files.items():
        path = folder / name
        if not path.is_file():  # the front end, where models share it
            path = SHIPPED / exported.shared_encoder / name
        print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, SHA-256 {digest}")
    return 0
