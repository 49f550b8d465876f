"""Damaged and hand-edited copies of a model folder, for `fuzz_models.py`.

A mutation is of model.json or of a file of weights. Where it is stamped, the hashes in model.json
are computed again, so that nothing but the checks of the content itself can refuse it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from ser_stream.models.info import CHECKSUM, checksum

VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2.5, 1e308, -1e308, 1e-320, 10**19, 10**400, float("nan"),
    float("inf"), -float("inf"), "", "text", "\ud800", "\x1b[2J", "two\nlines", "é" * 100_000, [],
    [None], [[]], {}, {"\x00": []}, [1] * 100_000, {"kind": "samples"},
]  # fmt: skip
DEEP = "[" * 200_000


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A model folder that was changed.

    Attributes:
        kind: what was changed, for the table.
        engine: that runs the model.
        stamped: whether the hashes in model.json are those of the changed files.
    """

    kind: str
    engine: str
    stamped: bool


def mutate_description(source: Path, folder: Path, number: int) -> Mutation:
    """Write the model of `source` with another model.json into `folder`; numbers choose changes."""
    rng = random.Random(number)
    shutil.copytree(source, folder)
    path = folder / "model.json"
    kind = rng.choice(list(TEXT) + 4 * list(CONTENT))
    stamped = False
    if kind in TEXT:
        path.write_bytes(TEXT[kind](path.read_bytes(), rng))
    else:
        content = json.loads(path.read_text(encoding="utf-8"))
        CONTENT[kind](content, rng)
        stamped = rng.random() < 0.5
        if stamped:
            content[CHECKSUM] = checksum(content)
        path.write_text(json.dumps(content), encoding="utf-8")
    return Mutation(f"model.json: {kind}", rng.choice(["onnx", "torch"]), stamped)


def mutate_weights(source: Path, folder: Path, number: int) -> Mutation:
    """Write the model of `source` with another file of weights into `folder`."""
    rng = random.Random(-1 - number)
    shutil.copytree(source, folder)
    name = rng.choice(["model.safetensors", "model.safetensors", "steps.onnx", "head.onnx"])
    engine = "torch" if name == "model.safetensors" else "onnx"
    kinds = {**BYTES, **(TENSORS if engine == "torch" else GRAPHS)}
    kind = rng.choice(list(kinds))
    path = folder / name
    path.write_bytes(kinds[kind](path.read_bytes(), rng))
    stamped = rng.random() < 0.7
    if stamped:
        description = folder / "model.json"
        content = json.loads(description.read_text(encoding="utf-8"))
        hashes = content["weights"] if engine == "torch" else content["onnx"]["files"]
        hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        content[CHECKSUM] = checksum(content)
        description.write_text(json.dumps(content), encoding="utf-8")
    return Mutation(f"{'safetensors' if engine == 'torch' else 'ONNX'}: {kind}", engine, stamped)


def _place(content: dict, rng: random.Random) -> tuple[Any, Any]:
    """Return a list or object within the content, and an index or key of it."""
    place, key = content, rng.choice(list(content))
    while isinstance(place[key], dict | list) and place[key] and rng.random() < 0.7:
        place = place[key]
        key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
    return place, key


def _another_value(content: dict, rng: random.Random) -> None:
    place, key = _place(content, rng)
    place[key] = rng.choice(VALUES)


def _another_number(content: dict, rng: random.Random) -> None:
    for _ in range(1000):
        place, key = _place(content, rng)
        if type(place[key]) in (int, float):
            value = place[key]
            place[key] = rng.choice([-value, value + 1, 2 * value, value * 1e6, value * 1e-6])
            return


def _deleted(content: dict, rng: random.Random) -> None:
    place, key = _place(content, rng)
    del place[key]


def _renamed(content: dict, rng: random.Random) -> None:
    key = rng.choice(list(content))
    content[rng.choice([key.upper(), f"{key}s", "x" * 1000, ""])] = content.pop(key)


def _list_changed(content: dict, rng: random.Random) -> None:
    name = rng.choice(["labels", "mean", "std"])
    values = content[name]
    content[name] = rng.choice([values[1:], values[::-1], values * 2, values[:1], [values]])


def _framing(content: dict, rng: random.Random) -> None:
    name = rng.choice(list(content["onnx"]["framing"]))
    content["onnx"]["framing"][name] = rng.choice([0, 1, 7, 49, 501, 10**6, 10**12, None, -10])


def _options(content: dict, rng: random.Random) -> None:
    name = rng.choice(list(content["options"]))
    content["options"][name] = rng.choice(
        [0, 1, 10**4, 10**9, 0.5, -3, "a", [1], [10**9] * 4, [3] * 10**5, None]
    )


def _flip(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def _truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _overwrite(content: bytes, rng: random.Random) -> bytes:
    place, length = rng.randrange(len(content)), rng.randrange(1, 200)
    run = bytes([rng.choice([0, 255, 34, 91])]) * length
    return (content[:place] + run + content[place + length :])[: max(len(content), place)]


def _duplicate_key(content: bytes, rng: random.Random) -> bytes:
    name = rng.choice([b"labels", b"mean", b"calibration", b"name", b"onnx"])
    return content.replace(b"{", b'{"%s": 1,' % name, 1)


def _raw_number(content: bytes, rng: random.Random) -> bytes:
    number = rng.choice([b"NaN", b"-Infinity", b"1e999", b"1" * 5000, b"0x10", b"1e-999"])
    return content.replace(b'"smoothing": 0.0', b'"smoothing": ' + number, 1)


TEXT: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bit flipped": _flip,
    "truncated": _truncate,
    "bytes overwritten": _overwrite,
    "key twice": _duplicate_key,
    "nested deeply": lambda content, _: content.replace(b'"results": {', b'"results": {"a": %s, '
                                                        % DEEP.encode(), 1),
    "not UTF-8": lambda content, _: content.replace(b"e", b"\xff", 1),
    "number written otherwise": _raw_number,
    "longer than accepted": lambda content, _: content + b" " * (9 << 20),
    "empty": lambda content, _: b"",
}  # fmt: skip
CONTENT: dict[str, Callable[[dict, random.Random], None]] = {
    "another value": _another_value,
    "another number": _another_number,
    "field deleted": _deleted,
    "field renamed": _renamed,
    "list changed": _list_changed,
    "framing": _framing,
    "options": _options,
}
BYTES = {
    "bit flipped": _flip,
    "truncated": _truncate,
    "bytes overwritten": _overwrite,
    "bytes appended": lambda content, rng: content + bytes(rng.randrange(1, 5000)),
}


def _with_header(content: bytes, change: Callable[[dict], None]) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _header_length(content: bytes, rng: random.Random) -> bytes:
    length = rng.choice([0, 1, 2**20 + 1, 2**31, 2**62, 2**64 - 1, len(content)])
    return length.to_bytes(8, "little") + content[8:]


def _header_field(content: bytes, rng: random.Random) -> bytes:
    def change(header: dict) -> None:
        name = rng.choice(list(header))
        field = rng.choice(["shape", "dtype", "data_offsets", "name"])
        if field == "name":
            header[rng.choice([name + "x", "", "\u0000"])] = header.pop(name)
            return
        header[name][field] = {
            "shape": rng.choice([header[name]["shape"][::-1], [10**9, 10**9], [], "wide", [-1]]),
            "dtype": rng.choice(["F16", "I32", "F64", "I64", "float", 3]),
            "data_offsets": rng.choice([[0, 4], [0, 10**12], [8, 4], None]),
        }[field]

    return _with_header(content, change)


def _tensors_swapped(content: bytes, rng: random.Random) -> bytes:
    def change(header: dict) -> None:
        first, second = rng.sample([name for name in header if name != "__metadata__"], 2)
        header[first], header[second] = header[second], header[first]

    return _with_header(content, change)


def _not_finite(content: bytes, rng: random.Random) -> bytes:
    from safetensors.numpy import load, save

    tensors = load(content)
    name = rng.choice([n for n, values in tensors.items() if values.dtype == np.float32])
    values = tensors[name].copy()
    values.flat[rng.randrange(values.size)] = rng.choice([np.nan, np.inf, -np.inf, 3e38])
    return save({**tensors, name: values})


TENSORS = {
    "header length": _header_length,
    "field of the header": _header_field,
    "tensors swapped": _tensors_swapped,
    "NaN, infinite or huge": _not_finite,
}


def _graph_not_finite(content: bytes, rng: random.Random) -> bytes:
    model = onnx.load_model_from_string(content)
    arrays = [each for each in model.graph.initializer if each.data_type == onnx.TensorProto.FLOAT]
    chosen = rng.choice(arrays)
    values = onnx.numpy_helper.to_array(chosen).copy()
    values.flat[rng.randrange(max(1, values.size))] = rng.choice([np.nan, np.inf, -np.inf, 3e38])
    chosen.CopyFrom(onnx.numpy_helper.from_array(values, chosen.name))
    return model.SerializeToString()


def _graph_shape(content: bytes, rng: random.Random) -> bytes:
    model = onnx.load_model_from_string(content)
    dims = rng.choice([*model.graph.input, *model.graph.output]).type.tensor_type.shape.dim
    rng.choice(dims).dim_value = rng.choice([0, 1, 7, 10**9])
    return model.SerializeToString()


def _graph_labels(content: bytes, rng: random.Random) -> bytes:
    model = onnx.load_model_from_string(content)
    onnx.helper.set_model_props(model, {"labels": rng.choice(["", "sad,happy", "a" * 10**5])})
    return model.SerializeToString()


GRAPHS = {
    "NaN, infinite or huge": _graph_not_finite,
    "shape": _graph_shape,
    "labels": _graph_labels,
}
