"""Save and load models: model.safetensors holds the weights, model.json the rest; no pickle."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast, overload

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.features.samples import SampleConfig
from ser_stream.models.base import EmotionModel, NormalisingModel
from ser_stream.models.description import check_takes_sound, describe_model
from ser_stream.models.eight_bit import from_eight_bit, to_eight_bit
from ser_stream.models.hugging_face import load_checkpoint
from ser_stream.models.info import FRAME_FEATURES, HUGGING_FACE, ModelInfo
from ser_stream.models.registry import ModelT, build_model

OPTION_ERRORS = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError,
)  # fmt: skip
"""Exceptions of networks whose options have impossible values."""

MAX_REASON = 300
"""Characters of torch's own explanation that an error message repeats."""


def save_model(
    folder: Path, model: NormalisingModel, info: ModelInfo, eight_bit: bool = False
) -> None:
    """Write model.safetensors and model.json into a folder, replacing a model that is there.

    ONNX files of a model that was there are removed, and `info.onnx` is left out: they hold other
    weights.

    Args:
        eight_bit: round the weights to eight bits, see `to_eight_bit`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = model.state_dict()
    if eight_bit:
        weights = to_eight_bit(weights)
    weights = {name: tensor.cpu().contiguous() for name, tensor in weights.items()}
    for exported in folder.glob("*.onnx"):  # first: beside other weights they would be wrong
        exported.unlink()
    save_file(weights, folder / "model.safetensors")
    dataclasses.replace(info, onnx=None).write(folder)


@overload
def load_model(
    name_or_folder: str | Path, device: str = "cpu"
) -> tuple[EmotionModel, ModelInfo]: ...


@overload
def load_model(
    name_or_folder: str | Path, device: str, kind: type[ModelT]
) -> tuple[ModelT, ModelInfo]: ...


@overload
def load_model(name_or_folder: str | Path, *, kind: type[ModelT]) -> tuple[ModelT, ModelInfo]: ...


def load_model(
    name_or_folder: str | Path, device: str = "cpu", kind: type[Any] = EmotionModel
) -> tuple[Any, ModelInfo]:
    """Load a model for inference: a shipped one by its name, any other by its folder.

    The folder of a Hugging Face checkpoint and its name on the Hub are accepted too.

    Args:
        kind: `BimodalModel` for a network that takes sound and words.

    Raises:
        InputError: the model does not exist, is damaged, was not written by this package, or is of
            another kind.
    """
    folder, info = describe_model(name_or_folder)
    if info.architecture == HUGGING_FACE and issubclass(EmotionModel, kind):
        return load_checkpoint(folder, info).to(device), info
    if issubclass(kind, EmotionModel):
        check_takes_sound(name_or_folder, info)
    model = _build(info, kind, folder / "model.json")
    _load_weights(model, info.architecture, folder / "model.safetensors")
    model.set_normalisation(torch.tensor(info.mean), torch.tensor(info.std))
    model.has_speaker_memory = info.speaker_memory
    return model.to(device).eval(), info


def _build(info: ModelInfo, kind: type[ModelT], path: Path) -> ModelT:
    """Build the network that model.json describes, with fresh weights."""
    if isinstance(info.features, SampleConfig) and info.architecture != HUGGING_FACE:
        raise InputError(
            f"{path}: features.kind: found samples; accepted with the architecture "
            f"{info.architecture} are {', '.join(FRAME_FEATURES)}"
        )
    try:
        features = cast(LogMelConfig, info.features)
        return build_model(info.architecture, info.labels, features, info.options, kind)
    except OPTION_ERRORS as error:
        raise InputError(f"{path}: {' '.join(str(error).split())[:MAX_REASON]}") from error


def _load_weights(model: NormalisingModel, architecture: str, path: Path) -> None:
    """Load a safetensors file into a network.

    Raises:
        InputError: the file does not exist, is damaged, belongs to another network, or holds
            values that are not finite.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; a model folder holds it beside model.json")
    try:
        weights = from_eight_bit(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: damaged, or not a safetensors file: {error}") from error
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not the weights of {architecture} with the options of model.json: "
            f"{reason[:MAX_REASON]}"
        ) from error
    bad = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise InputError(f"{path}: {bad[0]} holds NaN or infinite values; train the model again")
