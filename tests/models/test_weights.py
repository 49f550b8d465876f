"""Weight files that are not trusted."""

import json

import pytest
import torch
from safetensors.torch import save, save_file

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.registry import build_model
from ser_stream.models.weights import MAX_HEADER_BYTES, read_weights, shapes_of, without_memory

SHAPES = {"layer.weight": (3, 2), "layer.bias": (3,)}


@pytest.fixture
def weights():
    return {"layer.weight": torch.randn(3, 2), "layer.bias": torch.zeros(3)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def refused(path, message, **expected):
    with pytest.raises(InputError, match=message) as error:
        read_weights(path, {**SHAPES, **expected}, "a network")
    assert "\n" not in str(error.value)


def with_header(change, weights):
    content = save(weights)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def test_weights_are_read_as_they_were_saved(path, weights):
    save_file(weights, path)
    found = read_weights(path, SHAPES, "a network")
    assert all(torch.equal(found[name], tensor) for name, tensor in weights.items())


def test_other_names_and_shapes_are_named(path, weights):
    save_file({**weights, "surplus": torch.zeros(1)}, path)
    refused(path, r"surplus: found the shape \[1\]; needed is no tensor")
    save_file(weights, path)
    refused(path, r"scale: found no tensor; needed is the shape \[7\]", scale=(7,))
    refused(path, r"bias: found the shape \[3\]; needed is the shape \[4\]", **{"layer.bias": (4,)})


@pytest.mark.parametrize("length", [0, 1, MAX_HEADER_BYTES + 1, 2**62, 2**64 - 1])
def test_a_header_of_an_impossible_length_is_refused(path, weights, length):
    path.write_bytes(length.to_bytes(8, "little") + save(weights)[8:])
    refused(path, "damaged, or not a safetensors file: its header")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dtype", "I32"), ("dtype", "I64"), ("dtype", 3), ("data_offsets", [0, 10**12]),
        ("data_offsets", [4, 0]), ("shape", "wide"), ("shape", [10**9, 10**9]),
    ],
)  # fmt: skip
def test_a_changed_field_of_the_header_is_refused(path, weights, field, value):
    path.write_bytes(
        with_header(lambda header: header["layer.bias"].update({field: value}), weights)
    )
    refused(path, r"damaged, or not|not the weights of a network")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused(path, weights, value):
    weights["layer.bias"][1] = value
    save_file(weights, path)
    refused(path, r"layer.bias holds NaN or infinite values")


def test_scales_that_overflow_are_refused(path, weights):
    weights["layer.weight"] = torch.full((3, 2), 127, dtype=torch.int8)
    weights["layer.weight.scale"] = torch.full((3,), 3e38)
    save_file(weights, path)
    refused(path, r"layer.weight holds NaN or infinite values")


def test_scales_of_another_length_are_refused(path, weights):
    weights["layer.weight"] = torch.zeros((3, 2), dtype=torch.int8)
    weights["layer.weight.scale"] = torch.ones(2)
    save_file(weights, path)
    refused(path, r"layer.weight has the shape \(3, 2\), its scales \(2,\)")


def test_a_file_that_git_lfs_did_not_fetch_is_named_with_the_command(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    refused(path, r"model\.safetensors: stands for a file .*: git lfs pull")


def test_a_file_with_another_hash_is_refused(path, weights):
    save_file(weights, path)
    with pytest.raises(InputError, match=r"SHA-256 is \w{12}\.\.\., model.json has 000000000000"):
        read_weights(path, SHAPES, "a network", "0" * 64)


def test_a_network_is_outlined_without_memory():
    options = {"encoder_hidden": 8000, "encoder_layers": 8}
    with without_memory():
        outline = build_model("voice_lstm", ("sad", "happy"), LogMelConfig(n_mels=40), options)
    assert {tensor.device.type for tensor in outline.state_dict().values()} == {"meta"}
    assert shapes_of(outline)["encoder.layers.7.weight_hh_l0"] == (32_000, 8000)
