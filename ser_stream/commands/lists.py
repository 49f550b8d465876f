"""`ser-stream devices` and `models`."""

from __future__ import annotations

import argparse
import shutil
import textwrap

from ser_stream.errors import InputError


def add(commands) -> None:
    """Add the commands to those of `argparse`."""
    _add_devices(commands)
    _add_models(commands)


def _add_devices(commands) -> None:
    devices = commands.add_parser("devices", help="list microphones")
    devices.set_defaults(run=_devices)


def _add_models(commands) -> None:
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
    print("* is what is taken without --device; another: ser-stream listen --device NAME")
    return 0


def _models(_arguments: argparse.Namespace) -> int:
    from ser_stream.features.segments import SegmentConfig
    from ser_stream.models.info import SHIPPED, read_info, shipped_models

    width = shutil.get_terminal_size().columns
    for name in shipped_models():
        info = read_info(SHIPPED / name)
        data = info.training_data
        option = "--text-model" if isinstance(info.features, SegmentConfig) else "--model"
        mib = (SHIPPED / name / "model.safetensors").stat().st_size / 2**20
        about = [
            f"{option} {name}: {info.architecture}, {mib:.1f} MiB; {', '.join(info.labels)}",
            _figures(info.results),
            f"trained on {', '.join(data.corpora)}",
            data.licence,
        ]
        print(name)
        for line in filter(None, about):
            print(textwrap.fill(line, width, initial_indent="    ", subsequent_indent="      "))
    return 0


def _figures(results: dict) -> str:
    """UA of utterances of speakers that a model never heard; "" where there is none."""
    corpora = results.get("test", {}).get("corpora", {})
    uas = [f"{each['title']} {100 * each['utterance']['ua']:.1f}" for each in corpora.values()]
    return f"UA, speakers never heard: {', '.join(uas)}" if uas else ""
