import json
import shutil

import pytest
import torch

from ser_stream.errors import InputError
from ser_stream.models.base import NormalisingModel
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import SHIPPED, read_info, shipped_models


@pytest.fixture
def folder(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "model")


def change(folder, **changes):
    path = folder / "model.json"
    content = json.loads(path.read_text())
    for name, value in changes.items():
        if value is None:
            del content[name]
        else:
            content[name] = value
    path.write_text(json.dumps(content))


def test_what_was_saved_is_what_is_loaded(folder, tmp_path):
    model, info = load_model(folder)
    save_model(tmp_path / "again", model, info)
    again, info_again = load_model(tmp_path / "again")
    assert info_again == info
    frames = torch.randn(2, 200, 64)
    assert torch.equal(again(frames), model(frames))


def test_a_loaded_model_normalises_as_it_was_trained(folder):
    model, info = load_model(folder)
    assert torch.equal(model.mean, torch.tensor(info.mean))
    assert not model.training


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(InputError, match="'nonsense': no such folder; accepted are default"):
        load_model("nonsense")


def test_a_folder_without_a_model_says_what_belongs_there(tmp_path):
    with pytest.raises(InputError, match=r"without model.json.*model.safetensors"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "settings missing: labels"),
        ({"labels": ["smug"]}, "'smug'"),
        ({"format": 99}, "not a model of ser_stream"),
        ({"architecture": "magic"}, "'magic'; accepted are causal_crnn"),
        ({"options": {"wings": 2}}, "wings"),
        ({"options": {}}, "not the weights of causal_crnn"),
        ({"mean": [1.0]}, "mean: found 1 values; accepted are 64"),
        ({"surplus": 1}, "surplus"),
        ({"features": {"n_mels": 40}}, "mean: found 64 values; accepted are 40"),
        ({"features": {"window": "kaiser"}}, "'kaiser'; accepted are hann, hamming"),
        ({"features": {"fmax": 9000}}, "fmin < fmax <= 8000 Hz"),
        ({"features": {"hop_length": 0}}, "hop_length <= win_length"),
    ],
)
def test_a_foreign_or_damaged_description_is_named(folder, changes, message):
    change(folder, **changes)
    with pytest.raises(InputError, match=message):
        load_model(folder)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04 a pickle in a zip"])
def test_weights_that_are_no_safetensors_are_refused(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="damaged, or not a safetensors file"):
        load_model(folder)


def test_truncated_weights_are_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        load_model(folder)


def test_missing_weights_are_named(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no such file"):
        load_model(folder)


def test_weights_that_are_no_numbers_are_refused(folder):
    model, info = load_model(folder)
    with torch.no_grad():
        model.output.bias[0] = float("nan")
    save_model(folder, model, info)
    with pytest.raises(InputError, match=r"output.bias holds NaN"):
        load_model(folder)


def test_json_that_is_no_json_is_refused(folder):
    (folder / "model.json").write_text("{")
    with pytest.raises(InputError, match=r"model\.json"):
        load_model(folder)


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models_load_and_state_their_data_and_results(name):
    _, info = load_model(name, kind=NormalisingModel)
    assert info.training_data.corpora
    assert info.training_data.licence
    assert info.results
    assert (SHIPPED / name / "README.md").is_file()


def test_the_default_model_is_small_and_has_the_seven_emotions():
    model, info = load_model("default")
    assert info == read_info(SHIPPED / "default")
    assert set(info.labels) == {"neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"}
    assert sum(p.numel() for p in model.parameters()) < 3_000_000
