"""The commands `ser-stream devices` and `ser-stream models`."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_stream.errors import InputError

if TYPE_CHECKING:
    from ser_stream.models.info import ModelInfo

FIELD_WIDTH = 14
"""Width in columns of the field names in a model's description."""


def add(commands: Any) -> None:
    """Add the commands to the subparsers of `argparse`."""
    devices = commands.add_parser("devices", help="list microphones")
    devices.set_defaults(run=_devices)
    models = commands.add_parser("models", help="list the models that come with the package")
    models.set_defaults(run=_models)


def _devices(_arguments: argparse.Namespace) -> int:
    from ser_stream.audio.devices import NO_DEVICE, list_devices

    devices = list_devices()
    if not devices:
        raise InputError(NO_DEVICE)
    for device in devices:
        mark = "*" if device.is_default else " "
        print(
            f"{mark} {device.index:3}  {device.name}  ({device.host_api}, {device.channels} "
            f"channels, {device.default_rate_hz} Hz)"
        )
    print("* is the default; to use another: ser-stream listen --device NAME")
    return 0


def _models(_arguments: argparse.Namespace) -> int:
    from ser_stream.models.info import SHIPPED, read_info, shipped_models

    width = min(shutil.get_terminal_size().columns, 100)
    for name in shipped_models():
        print(name)
        for field, text in _about(name, read_info(SHIPPED / name), SHIPPED / name).items():
            if text:
                print(_wrapped(field, text, width))
        print()
    print("UA: unweighted average recall, the mean over the emotions. All results are in")
    print(f"each model's card, {SHIPPED.parent.name}/{SHIPPED.name}/NAME/README.md.")
    return 0


def _about(name: str, info: ModelInfo, folder: Path) -> dict[str, str]:
    """Return the description of a model: field -> text; "" for a field to leave out."""
    from ser_stream.features.segments import SegmentConfig
    from ser_stream.models.info import SHIPPED

    with_words = isinstance(info.features, SegmentConfig)
    option = f"--text-model {name} --asr BACKEND" if with_words else f"--model {name}"
    folders = [folder]
    if info.onnx is not None and info.onnx.shared_encoder:
        folders.append(SHIPPED / info.onnx.shared_encoder)
    networks = [path for each in folders for path in each.glob("*.onnx")]
    networks = [path for path in networks if ".int8" not in path.name]
    mib = sum(path.stat().st_size for path in networks) / 2**20
    return {
        "use": f"ser-stream listen {option}" + (" (or no option)" if name == "default" else ""),
        "licence": info.training_data.licence,
        "emotions": ", ".join(info.labels),
        "UA": _accuracies(info.results),
        "network": f"{info.architecture}, {mib:.1f} MiB",
        "trained on": ", ".join(info.training_data.corpora),
    }


def _wrapped(field: str, text: str, width: int) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=f"  {field}".ljust(FIELD_WIDTH),
        subsequent_indent=" " * FIELD_WIDTH,
    )


def _accuracies(results: dict[str, Any]) -> str:
    """Return the UA of utterances by test speakers, per corpus; "" where none was measured."""
    corpora = results.get("test", {}).get("corpora", {})
    uas = [f"{each['title']} {100 * each['utterance']['ua']:.1f}" for each in corpora.values()]
    return f"{', '.join(uas)} %, speakers not in training" if uas else ""
