"""Rewrites the network of Silero VAD so that it runs several times faster for many streams.

    pip download --no-deps silero-vad==6.2.3; unzip silero_vad-6.2.3-py3-none-any.whl
    python tools/rewrite_silero_vad.py silero_vad/data/silero_vad_16k_op15.onnx

Writes `ser_stream/weights/silero-vad/silero_vad_16k.onnx` with the same weights. The convolutions
have four positions at most, for which ONNX Runtime's kernels are slow, and take one stream after
the other; here they are products of matrices whose rows are the positions of all streams. Needs
the package onnx.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ser_stream.files import write_bytes

OUT = Path(__file__).parents[1] / "ser_stream" / "weights" / "silero-vad" / "silero_vad_16k.onnx"


class Graph:
    """Nodes and constants of a network, written one after the other."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def add(self, op: str, *inputs: str, outputs: int = 1, name: str = "", **attributes):
        """Append a node; return the name of its output, or a list of names."""
        name = name or f"{op.lower()}_{len(self.nodes)}"
        names = [name] if outputs == 1 else [f"{name}_{n}" for n in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """Return x (..., in) @ weight (in, out) + bias (out,)."""
        return self.add("Add", self.add("MatMul", x, self.constant(weight)), self.constant(bias))

    def rows(self, x: str, first: int, end: int, step: int = 1) -> str:
        """Return x[:, first:end:step]."""
        borders = (self.integers(value) for value in (first, end, 1, step))
        return self.add("Slice", x, *borders)


def weights_of(path: Path) -> dict[str, np.ndarray]:
    """Return name -> values, without the prefix that all names have."""
    tensors = onnx.load(path).graph.initializer
    return {t.name.removeprefix("model."): numpy_helper.to_array(t) for t in tensors}


def taps(weights: dict[str, np.ndarray], layer: int, *which: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the taps of a convolution as a matrix (taps * in, out), and its bias (out,)."""
    weight = weights[f"encoder.{layer}.reparam_conv.weight"]  # (out, in, 3)
    matrix = np.concatenate([weight[:, :, tap].T for tap in which])
    return matrix, weights[f"encoder.{layer}.reparam_conv.bias"]


def encoder(graph: Graph, weights: dict[str, np.ndarray]) -> str:
    """Append the nodes from the input (batch, 576) to the returned output (batch, 128)."""
    padded = graph.add("Pad", "input", graph.integers(0, 0, 0, 64), mode="reflect")
    halves = graph.add("Reshape", padded, graph.integers(-1, 5, 128))
    frames = graph.add("Concat", graph.rows(halves, 0, 4), graph.rows(halves, 1, 5), axis=2)
    basis = weights["stft.forward_basis_buffer"][:, 0].T  # (256, 2 * 129)
    spectrum = graph.add("MatMul", frames, graph.constant(basis))
    real, imaginary = graph.add("Split", spectrum, outputs=2, axis=2)
    power = graph.add("Add", graph.add("Mul", real, real), graph.add("Mul", imaginary, imaginary))
    x = graph.add("Sqrt", power)  # (batch, 4, 129)
    # Each row beside its neighbours is a convolution of length 3.
    x = graph.add("Pad", x, graph.integers(0, 1, 0, 0, 1, 0))
    x = graph.add("Concat", *(graph.rows(x, tap, tap + 4) for tap in range(3)), axis=2)
    x = graph.add("Relu", graph.linear(x, *taps(weights, 0, 0, 1, 2)))  # (batch, 4, 128)
    x = graph.add("Pad", x, graph.integers(0, 1, 0, 0, 0, 0))
    x = graph.add("Concat", *(graph.rows(x, tap, tap + 3, 2) for tap in range(3)), axis=2)
    x = graph.add("Relu", graph.linear(x, *taps(weights, 1, 0, 1, 2)))  # (batch, 2, 64)
    x = graph.add("Reshape", x, graph.integers(-1, 128))
    x = graph.add("Relu", graph.linear(x, *taps(weights, 2, 1, 2)))  # the other tap is padding
    return graph.add("Relu", graph.linear(x, *taps(weights, 3, 1)))


def decoder(graph: Graph, weights: dict[str, np.ndarray], x: str) -> None:
    """Append the nodes from x (batch, 128) and the state to the probability and the next state."""
    parts = graph.add("Split", "state", outputs=2, axis=0)
    hidden, cell = (graph.add("Squeeze", part, graph.integers(0)) for part in parts)
    matrix = np.concatenate(
        [weights["decoder.rnn.weight_ih"].T, weights["decoder.rnn.weight_hh"].T]
    )
    bias = weights["decoder.rnn.bias_ih"] + weights["decoder.rnn.bias_hh"]
    gates = graph.linear(graph.add("Concat", x, hidden, axis=1), matrix, bias)
    enter, forget, new, leave = graph.add("Split", gates, outputs=4, axis=1)
    kept = graph.add("Mul", graph.add("Sigmoid", forget), cell)
    added = graph.add("Mul", graph.add("Sigmoid", enter), graph.add("Tanh", new))
    cell = graph.add("Add", kept, added)
    hidden = graph.add("Mul", graph.add("Sigmoid", leave), graph.add("Tanh", cell))
    after = (graph.add("Unsqueeze", part, graph.integers(0)) for part in (hidden, cell))
    graph.add("Concat", *after, axis=0, name="stateN")
    logit = graph.linear(
        graph.add("Relu", hidden),
        weights["decoder.decoder.2.weight"][:, :, 0].T,
        weights["decoder.decoder.2.bias"],
    )
    graph.add("Sigmoid", logit, name="output")


def main(source: str) -> None:
    """Rewrite the network in the file `source`."""
    weights = weights_of(Path(source))
    graph = Graph()
    decoder(graph, weights, encoder(graph, weights))
    inputs = [("input", ["batch", 576]), ("state", [2, "batch", 128])]
    outputs = [("output", ["batch", 1]), ("stateN", [2, "batch", 128])]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, "silero_vad",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 15)],
        ir_version=8,
    )  # fmt: skip
    onnx.checker.check_model(model)
    write_bytes(OUT, model.SerializeToString(deterministic=True))
    print(f"{OUT}: SHA-256: {hashlib.sha256(OUT.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
