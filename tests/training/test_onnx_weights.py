import numpy as np
import onnx
import onnxruntime
import pytest

from ser_stream.training.onnx_weights import pack

RNG = np.random.default_rng(0)


def file_with(path, weights):
    """An ONNX file that multiplies its input by the weights (n, m)."""
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, weights.shape[0]])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, weights.shape[1]])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def product(path, x):
    return onnxruntime.InferenceSession(str(path)).run(None, {"x": x})[0]


def eight_bit():
    """Rows of eight-bit numbers, each with a scale of its own, whose largest number is 127."""
    numbers = RNG.integers(-126, 127, (64, 64))
    numbers[:, 0] = 127
    return (numbers * RNG.uniform(0.001, 1.0, (64, 1))).astype(np.float32)


@pytest.mark.parametrize(
    "weights, bytes_per_weight",
    [
        (eight_bit(), 1.2),
        (eight_bit().T.copy(), 1.2),
        (RNG.normal(size=(64, 64)).astype(np.float16).astype(np.float32), 2.2),
        (RNG.normal(size=(64, 64)).astype(np.float32), 4.2),
    ],
    ids=["rows of eight bits", "columns of eight bits", "halves", "floats"],
)
def test_weights_take_fewer_bytes_and_keep_their_values(tmp_path, weights, bytes_per_weight):
    path = file_with(tmp_path / "file.onnx", weights)
    x = RNG.normal(size=(1, 64)).astype(np.float32)
    before = product(path, x)
    pack(path)
    np.testing.assert_allclose(product(path, x), before, rtol=1e-5, atol=1e-5)
    assert path.stat().st_size < bytes_per_weight * weights.size
