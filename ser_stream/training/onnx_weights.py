"""Storage of the weights in ONNX files: fewer bytes for the same numbers, and eight-bit layers."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from ser_stream.files import write_bytes

QUANTISED = ["LSTM", "GRU", "MatMul", "Gemm"]
"""Operators whose weights become eight-bit. Convolutions stay: ONNX Runtime has no fast kernel for
dynamically quantised ones on every CPU."""

MIN_PACKED = 1024
"""Smaller arrays of weights stay floats."""


def quantise(path: Path, quantised: Path, takes_features: bool) -> bool:
    """Write a network with weights in eight bits; return whether it has such layers.

    Args:
        takes_features: the first layer stays in floats, because inputs are rounded too: the power
            of mel bands spans more than eight bits (a third of the answers would change).
    """
    graph = onnx.load(path).graph
    layers = [node.name for node in graph.node if node.op_type in QUANTISED]
    first = layers[: int(takes_features)]
    if len(layers) == len(first):
        return False
    with _without_advice():
        quantize_dynamic(
            path, quantised, op_types_to_quantize=QUANTISED, weight_type=QuantType.QInt8,
            per_channel=True, nodes_to_exclude=first,
        )  # fmt: skip
    return True


def pack(path: Path) -> None:
    """Store the weights of a file in fewer bytes where that changes no value.

    Float weights that are halves (float16) or multiples of eight-bit numbers are stored as such.
    ONNX Runtime computes the floats again when it loads the file; it computes with floats.
    """
    content = onnx.load(path)
    graph = content.graph
    _name_constants(graph)
    for initializer in list(graph.initializer):
        weights = onnx.numpy_helper.to_array(initializer)
        if weights.dtype != np.float32 or weights.ndim < 2 or weights.size < MIN_PACKED:
            continue
        parts = _as_eight_bit(weights) or _as_halves(weights)
        if parts is None:
            continue
        graph.initializer.remove(initializer)
        for node in reversed(_unpacking(graph, initializer.name, *parts)):
            graph.node.insert(0, node)
    write_bytes(path, content.SerializeToString())


def _name_constants(graph: onnx.GraphProto) -> None:
    """Turn constants into initializers: the exporter writes weights that no state dict has so."""
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        values = [attribute.t for attribute in node.attribute if attribute.name == "value"]
        if values and len(values[0].dims) >= 2:
            values[0].name = node.output[0]
            graph.initializer.append(values[0])
            graph.node.remove(node)


def _as_eight_bit(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return int8 numbers and the scales of their rows, columns or filters; None where inexact."""
    for axis in (weights.ndim - 1, weights.ndim - 2, tuple(range(1, weights.ndim))):
        scale = np.abs(weights).max(axis=axis, keepdims=True).clip(min=1e-12) / 127
        packed = np.rint(weights / scale)
        if np.abs(packed * scale - weights).max() <= 1e-6 * np.abs(weights).max():
            return packed.astype(np.int8), scale
    return None


def _as_halves(weights: np.ndarray) -> tuple[np.ndarray] | None:
    """Return the weights as float16; None where they are not exactly such numbers."""
    halves = weights.astype(np.float16)
    return (halves,) if np.array_equal(halves.astype(np.float32), weights) else None


def _unpacking(
    graph: onnx.GraphProto, name: str, packed: np.ndarray, scale: np.ndarray | None = None
) -> list[onnx.NodeProto]:
    """Add packed weights to a graph, and return the nodes that compute the weights `name`."""
    graph.initializer.append(onnx.numpy_helper.from_array(packed, f"{name}_packed"))
    as_float = name if scale is None else f"{name}_unscaled"
    cast = onnx.helper.make_node("Cast", [f"{name}_packed"], [as_float], to=onnx.TensorProto.FLOAT)
    if scale is None:
        return [cast]
    graph.initializer.append(onnx.numpy_helper.from_array(scale, f"{name}_scale"))
    return [cast, onnx.helper.make_node("Mul", [as_float, f"{name}_scale"], [name])]


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Quantise without the log lines that recommend shape inference, which is not needed here."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
