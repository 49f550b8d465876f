"""The test of a network when it is opened."""

import hashlib
import shutil

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from faulty import FaultyNetwork
from ser_stream.engines.choose import open_network, open_utterance_network
from ser_stream.engines.self_test import check_network
from ser_stream.errors import InputError
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import SHIPPED, read_info, shipped_models


@pytest.mark.parametrize("engine", ["onnx", "torch"])
@pytest.mark.parametrize("model", [name for name in shipped_models() if name != "can-english"])
def test_shipped_models_pass(model, engine):
    check_network(open_network(model, engine)[0], model, "train it again")


@pytest.mark.parametrize("faults", [{"encodes": lambda n: n == 1}, {"scores": lambda n: n == 0}])
def test_a_network_without_finite_answers_is_refused(faults):
    faulty = FaultyNetwork(open_network("tiny", "onnx")[0], **faults)
    with pytest.raises(InputError, match=r"model m: (steps|logits): found NaN .*; copy it again"):
        check_network(faulty, "m", "copy it again")


def test_onnx_weights_with_nan_and_the_right_hash_are_refused(tmp_path):
    import dataclasses

    folder = shutil.copytree(SHIPPED / "default", tmp_path / "model")
    model = onnx.load(folder / "head.onnx")
    bias = next(i for i in model.graph.initializer if i.name.endswith("output.bias"))
    values = np.full(list(bias.dims), np.nan, np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    onnx.save(model, folder / "head.onnx")
    info = read_info(folder)
    digest = hashlib.sha256((folder / "head.onnx").read_bytes()).hexdigest()
    files = {**info.onnx.files, "head.onnx": digest}
    dataclasses.replace(info, onnx=dataclasses.replace(info.onnx, files=files)).write(folder)
    with pytest.raises(InputError, match=r"head.onnx: .*output.bias holds NaN .*; write it anew: "):
        open_network(folder, "onnx")


def test_finite_weights_whose_answers_overflow_are_refused(tiny_model, tmp_path):
    network, info = load_model(tiny_model)
    for block in network.blocks:
        block.norm.weight.data.fill_(1e30)
    save_model(tmp_path / "model", network, info)
    with pytest.raises(InputError, match=r"found NaN or infinite values in the answer"):
        open_network(tmp_path / "model", "torch")


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_network_of_words_passes(engine):
    open_utterance_network("can-english", engine)
