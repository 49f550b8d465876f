"""Save and load models: model.safetensors holds the weights, model.json the rest; no pickle."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, cast, overload

import torch
from safetensors.torch import save

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.features.samples import SampleConfig
from ser_stream.files import write_bytes
from ser_stream.models.base import EmotionModel, NormalisingModel
from ser_stream.models.description import check_takes_sound, describe_model
from ser_stream.models.eight_bit import to_eight_bit
from ser_stream.models.folder import DESCRIPTION, WEIGHTS, model_file, replacing_model
from ser_stream.models.hugging_face import load_checkpoint
from ser_stream.models.info import FRAME_FEATURES, HUGGING_FACE, ModelInfo
from ser_stream.models.registry import ModelT, build_model
from ser_stream.models.weights import (
    expected_hash,
    read_weights,
    shapes_of,
    without_memory,
)

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
    with replacing_model(folder) as written:
        save_weights(written, model, info, eight_bit).write(written)


def save_weights(
    folder: Path, model: NormalisingModel, info: ModelInfo, eight_bit: bool = False
) -> ModelInfo:
    """Write model.safetensors; return the description with its SHA-256, and without ONNX files."""
    weights = model.state_dict()
    if eight_bit:
        weights = to_eight_bit(weights)
    content = save({name: tensor.cpu().contiguous() for name, tensor in weights.items()})
    write_bytes(folder / WEIGHTS, content)
    sha256 = hashlib.sha256(content).hexdigest()
    return dataclasses.replace(info, weights={WEIGHTS: sha256}, onnx=None)


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
    description = model_file(folder, DESCRIPTION)
    with without_memory():
        outline = _build(info, kind, description)
    weights = read_weights(
        model_file(folder, WEIGHTS),
        shapes_of(outline),
        info.architecture,
        expected_hash(info),
        outline.former_names,
    )
    model = _build(info, kind, description)
    model.load_state_dict(weights)
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
