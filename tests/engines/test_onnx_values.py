"""Weights of ONNX files that are not finite."""

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from ser_stream.engines.onnx_values import not_finite
from ser_stream.models.info import SHIPPED

FILES = sorted(SHIPPED.glob("*/*.onnx"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_shipped_files_hold_finite_weights(path):
    assert not_finite(memoryview(path.read_bytes())) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["steps.onnx", "head.onnx"])
def test_a_value_that_is_not_finite_is_found_in_any_weights(name, value):
    """In each tensor of floats, as the package onnx finds them."""
    content = (SHIPPED / "tiny" / name).read_bytes()
    tensors = onnx.load_model_from_string(content).graph.initializer
    found = 0
    for number, tensor in enumerate(tensors):
        values = onnx.numpy_helper.to_array(tensor).copy()
        if values.dtype != np.float32 or values.size < 2:
            continue
        values.flat[-1] = value
        model = onnx.load_model_from_string(content)
        model.graph.initializer[number].CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        assert not_finite(memoryview(model.SerializeToString())) == tensor.name
        found += 1
    assert found > 3


@pytest.mark.parametrize("field", ["raw", "floats"])
def test_constants_of_a_node_are_searched_too(field):
    values = np.array([1, np.nan], np.float32)
    tensor = onnx.numpy_helper.from_array(values, "mask")
    if field == "floats":
        tensor = onnx.helper.make_tensor("mask", onnx.TensorProto.FLOAT, [2], values.tolist())
    node = onnx.helper.make_node("Constant", [], ["mask"], value=tensor)
    graph = onnx.helper.make_graph([node], "graph", [], [])
    content = onnx.helper.make_model(graph).SerializeToString()
    assert not_finite(memoryview(content)) == "mask"


def test_a_single_infinite_constant_masks_padding():
    tensor = onnx.numpy_helper.from_array(np.array(-np.inf, np.float32), "mask")
    node = onnx.helper.make_node("Constant", [], ["mask"], value=tensor)
    graph = onnx.helper.make_graph([node], "graph", [], [])
    assert not_finite(memoryview(onnx.helper.make_model(graph).SerializeToString())) is None


@pytest.mark.parametrize("content", [b"\xff" * 20, b"\x3a\xff\x01", b"\x0b"])
def test_what_is_no_protocol_buffer_is_an_error(content):
    with pytest.raises(ValueError, match="not a protocol buffer"):
        not_finite(memoryview(content))
