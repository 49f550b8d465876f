"""Reading of safetensors files that are not trusted: sizes, shapes and hashes before values."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ser_stream.errors import InputError
from ser_stream.file_checks import advice_on_content, require_sha256
from ser_stream.files import read_limited, sha256_of
from ser_stream.models.eight_bit import SCALE, from_eight_bit
from ser_stream.models.folder import WEIGHTS, model_file
from ser_stream.models.info import ModelInfo

logger = logging.getLogger("ser_stream")

MAX_BYTES = 2**30
"""Size of the largest file that is read; the largest shipped one has 14 MiB."""
MAX_HEADER_BYTES = 2**20
"""Size of the largest header, which names the tensors; that of the shipped ones is below 20 KiB."""
LENGTH_BYTES = 8
COUNTER = "num_batches_tracked"
"""Name of batch normalisation's counter, the only tensor of whole numbers."""
FLOAT_TYPES, COUNTER_TYPES, EIGHT_BIT_TYPES = ("F64", "F32", "F16", "BF16"), ("I64",), ("I8",)
"""Types in safetensors files: of weights, of the counter, and of tensors with scales."""

Shapes = Mapping[str, tuple[int, ...]]


def read_weights(
    path: Path,
    expected: Shapes,
    network: str,
    sha256: str | None = None,
    former_names: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file as floats.

    Its names and shapes are compared before memory is allocated for the tensors.

    Args:
        expected: name -> shape.
        network: whose weights they should be, for error messages.
        sha256: the file's, where model.json has it.
        former_names: see `NormalisingModel`.

    Raises:
        InputError: the file is missing, too large, damaged, another one than that of model.json, or
            of another network; or a value is not finite.
    """
    content = _read(path)
    if advice := advice_on_content(content):
        raise InputError(f"{path}: {advice}")
    if sha256 is not None:
        require_sha256(path, hashlib.sha256(content).hexdigest(), sha256, "model.json", _ANEW)
    _check_shapes(path, _shapes(path, content, former_names), expected, network)
    try:
        weights = from_eight_bit(load(content))
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    bad = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise InputError(f"{path}: {bad[0]} holds NaN or infinite values; train the model again")
    return weights


def check_files(folder: Path, info: ModelInfo) -> None:
    """Compare the SHA-256 of a Hugging Face checkpoint's weights with those of model.json.

    Raises:
        InputError: a file is missing or another one.
    """
    for name, sha256 in info.weights.items():
        path = model_file(folder, name)
        if not path.is_file():
            raise InputError(f"{path}: no such file; model.json names it{_ANEW}")
        require_sha256(path, sha256_of(path), sha256, "model.json", _ANEW)


def expected_hash(info: ModelInfo) -> str | None:
    """Return the SHA-256 that model.json has of the weights; None, which is logged, without one."""
    sha256 = info.weights.get(WEIGHTS)
    if sha256 is None:
        logger.warning(
            "model %s: model.json has no SHA-256 of %s, which is therefore not checked; "
            "ser-stream export DIR adds it", info.name, WEIGHTS,
        )  # fmt: skip
    return sha256


@contextlib.contextmanager
def without_memory() -> Iterator[None]:
    """Build networks without values: their tensors have shapes only, on torch's device meta."""
    with torch.device("meta"), _WithoutInitialisation():
        yield


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each weight of a network."""
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


class _WithoutInitialisation(TorchFunctionMode):
    """Skips functions that fill tensors: on meta they do nothing, yet some import all of dynamo."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        filled = args[0] if args else kwargs.get("tensor")
        name = getattr(func, "__name__", "")
        if name.endswith("_") and not name.startswith("_") and isinstance(filled, Tensor):
            return filled
        return func(*args, **kwargs)


_ANEW = ". Copy the whole folder again, or train the model again"


def _read(path: Path) -> bytes:
    try:
        return read_limited(path, MAX_BYTES)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; a model folder holds it beside model.json. Of a shipped model, "
            "only an editable installation has it: pip install -e"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _shapes(
    path: Path, content: bytes, former_names: Mapping[str, str]
) -> dict[str, tuple[int, ...]]:
    """Read names and shapes from the header of a safetensors file.

    The shapes are those of the floats that eight-bit tensors stand for.
    """
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    if not 0 < length <= min(MAX_HEADER_BYTES, len(content) - LENGTH_BYTES):
        raise _damaged(path, f"its header has {length} bytes")
    try:
        header = json.loads(content[LENGTH_BYTES : LENGTH_BYTES + length])
        header.pop("__metadata__", None)
        shapes = {
            former_names.get(name, name): tuple(map(int, entry["shape"]))
            for name, entry in header.items()
        }
        types = {former_names.get(name, name): entry["dtype"] for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"its header cannot be read: {error}") from error
    scaled = {name.removesuffix(SCALE) for name in shapes if name.endswith(SCALE)}
    for name in scaled & shapes.keys():
        rows = shapes.pop(name + SCALE)
        if rows != shapes[name][:1]:
            raise _damaged(path, f"{name} has the shape {shapes[name]}, its scales {rows}")
    for name in shapes:
        counter = name.rpartition(".")[2] == COUNTER
        accepted = EIGHT_BIT_TYPES if name in scaled else COUNTER_TYPES if counter else FLOAT_TYPES
        if types[name] not in accepted:
            raise _damaged(path, f"{name} has values of the type {str(types[name])[:20]}")
    return shapes


def _check_shapes(path: Path, found: Shapes, expected: Shapes, network: str) -> None:
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            here, needed = (
                "no tensor" if name not in shapes else f"the shape {list(shapes[name])}"
                for shapes in (found, expected)
            )
            raise InputError(
                f"{path}: not the weights of {network} with the options of model.json: {name[:80]}:"
                f" found {here}; needed is {needed}"
            )


def _damaged(path: Path, reason: object) -> InputError:
    text = " ".join(str(reason).split())[:300]
    return InputError(f"{path}: damaged, or not a safetensors file: {text}")
