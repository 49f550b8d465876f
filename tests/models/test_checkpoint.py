import json
import resource
import shutil

import pytest
import torch

from ser_stream.errors import InputError, shown
from ser_stream.models.base import NormalisingModel
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import SHIPPED, read_info, shipped_models


@pytest.fixture
def folder(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "model")


def change(folder, **changes):
    """Change fields of model.json as a person does who knows of the checksum."""
    path = folder / "model.json"
    content = json.loads(path.read_text())
    content.pop("checksum")
    for name, value in changes.items():
        if value is None:
            del content[name]
        else:
            content[name] = value
    path.write_text(json.dumps(content))


def test_a_saved_model_is_loaded_unchanged(folder, tmp_path):
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


def test_a_folder_without_a_model_is_refused_with_what_it_must_hold(tmp_path):
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
        ({"features": {"hop_length": 0}}, "hop_length: found 0; accepted is a whole number, 16 to"),
        ({"features": {"hop_length": 500}}, "hop_length <= win_length"),
    ],
)
def test_a_damaged_model_json_is_refused(folder, changes, message):
    change(folder, **changes)
    with pytest.raises(InputError, match=message):
        load_model(folder)


WRONG = [
    None, True, -1, 2.5, float("nan"), float("inf"), 10**400, "text", [], [None], ["two\nlines"],
    [[]], {}, {"two\nlines": []},
]  # fmt: skip


def fields(content, path=()):
    """Paths of the fields of model.json; metrics and options are free."""
    for name, value in content.items():
        yield (*path, name)
        if isinstance(value, dict) and name not in ("results", "options"):
            yield from fields(value, (*path, name))
        if isinstance(value, list) and value:
            yield (*path, name, 0)


@pytest.mark.parametrize("model", ["default", "open"])
@pytest.mark.parametrize("wrong", WRONG, ids=shown)
def test_a_wrong_value_of_any_field_is_an_error_of_one_line(tmp_path, model, wrong):
    """A field that accepts the value is read instead."""
    original = (SHIPPED / model / "model.json").read_text()
    refused = set()
    for path in fields(json.loads(original)):
        content = json.loads(original)
        place = content
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = wrong
        (tmp_path / "model.json").write_text(json.dumps(content))
        try:
            read_info(tmp_path)
        except InputError as error:
            refused.add(path)
            assert "\n" not in str(error) and str(error).startswith(f"{tmp_path}/model.json: ")
    required = {("labels",), ("mean",), ("std",), ("features",), ("calibration",), ("format",)}
    if wrong != {}:  # settings of features have defaults
        assert required <= refused


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("mean", 3), "loud", r"mean\[3\]: found 'loud'; accepted is a number, -1e\+06 to 1e\+06$"),
        (("mean", 3), float("nan"), r"not JSON: found NaN; accepted are finite numbers$"),
        (("std", 0), -1, r"std\[0\]: found -1; accepted is a number, 1e-09 to 1e\+06$"),
        (("labels", 0), "smug", r"labels: emotion label: found 'smug'; accepted are neutral"),
        (("labels", 0), "sad", r"labels: found sad, .* sad, .*; accepted are different emotions$"),
        (("smoothing",), 1, r"smoothing: found 1; accepted is a number, 0 or more and below 1$"),
        (("speaker_memory",), "yes", r"speaker_memory: found 'yes'; accepted is true or false$"),
        (("calibration",), {}, r"calibration: found \[\]; accepted are interval and utter"),
        (
            ("calibration", "interval", "temperature"), 0,
            r"calibration\.interval\.temperature: found 0; accepted is a number, 0\.01 to 100$",
        ),
        (
            ("calibration", "interval", "new_voice_temperature"), 0.02,
            r"calibration\.interval\.new_voice_temperature: found 0\.02; accepted are numbers from",
        ),
        (
            ("calibration", "interval", "new_voice_temperature"), "hot",
            r"calibration\.interval\.new_voice_temperature: found 'hot'; accepted is",
        ),
        (
            ("calibration", "interval", "label_sets"), {"coverage": 1.0},
            r"calibration\.interval\.label_sets",
        ),
        (
            ("calibration", "interval", "label_sets"),
            {"coverage": 0.9, "new_voice": -0.1, "known_voice": 0.1},
            r"calibration\.interval\.label_sets\.new_voice: found -0\.1; accepted is a num",
        ),
        (
            ("calibration", "interval", "neutral"), [-1.0],
            r"calibration\.interval\.neutral: found 1 values; accepted are 7, one per label, or",
        ),
        (
            ("training_data", "corpora"), "mine",
            r"training_data\.corpora: found 'mine'; accepted is a list$",
        ),
        (
            ("feature",), {},
            r"unknown setting feature \(did you mean features\?\); accepted are name, ",
        ),
        (
            ("features", "kind"), "wavelets",
            r"features\.kind: found 'wavelets'; accepted are log_mel, segments, ",
        ),
    ],
)  # fmt: skip
def test_an_error_names_the_field_the_value_and_what_is_accepted(folder, path, value, message):
    content = json.loads((folder / "model.json").read_text())
    place = content
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model\.json: " + message):
        read_info(folder)


@pytest.mark.parametrize("hidden", ["many", -1, 0, 2.5, None, [], {}])
def test_a_wrong_value_of_an_option_is_an_error_of_one_line(folder, hidden):
    options = json.loads((folder / "model.json").read_text())["options"]
    change(folder, options={**options, "hidden": hidden})
    with pytest.raises(InputError) as error:
        load_model(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04 a pickle in a zip"])
def test_weights_that_are_no_safetensors_are_refused(folder, content):
    change(folder, weights={})
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="damaged, or not a safetensors file"):
        load_model(folder)


def test_truncated_weights_are_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"SHA-256 is \w+..., model.json has .*damaged file"):
        load_model(folder)
    change(folder, weights={})
    with pytest.raises(InputError, match="damaged, or not a safetensors file"):
        load_model(folder)


def test_a_model_without_hashes_is_loaded_and_that_is_logged(folder, caplog):
    change(folder, weights={})
    load_model(folder)
    assert "model tiny: model.json has no SHA-256 of model.safetensors" in caplog.text


def test_an_edited_model_json_is_refused_unless_the_checksum_is_removed(folder):
    path = folder / "model.json"
    content = json.loads(path.read_text())
    content["mean"][3] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"edited or damaged.* remove the line checksum"):
        read_info(folder)
    del content["checksum"]
    path.write_text(json.dumps(content))
    assert read_info(folder).mean[3] == content["mean"][3]


@pytest.mark.parametrize("name", ["name", "results", "training_data"])
def test_what_no_answer_depends_on_may_be_edited(folder, name):
    path = folder / "model.json"
    content = json.loads(path.read_text())
    content[name] = {"name": "mine", "results": {"a": 1}, "training_data": {}}[name]
    path.write_text(json.dumps(content, indent=4))
    read_info(folder)


def test_a_network_too_large_for_its_weights_is_refused_before_it_is_built(folder, monkeypatch):
    """Its LSTM layers would take 17 GB."""
    features = {"kind": "log_mel", "n_mels": 64}
    change(
        folder,
        architecture="voice_lstm",
        options={"encoder_hidden": 8192, "encoder_layers": 9},
        features=features,
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="not the weights of voice_lstm"):
        load_model(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


@pytest.mark.parametrize("options", [{"hidden": 10**9}, {"channels": [10**9] * 4}])
def test_sizes_beyond_the_limits_are_refused(folder, options):
    change(folder, options=options)
    with pytest.raises(
        InputError, match=r"options of causal_crnn: \w+(\[0\])?: found 1000000000; "
    ):
        load_model(folder)


def test_missing_weights_are_named(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no such file"):
        load_model(folder)


def test_weights_with_nan_are_refused(folder):
    model, info = load_model(folder)
    with torch.no_grad():
        model.output.bias[0] = float("nan")
    save_model(folder, model, info)
    with pytest.raises(InputError, match=r"output.bias holds NaN"):
        load_model(folder)


def test_a_model_json_that_is_not_json_is_refused(folder):
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


def test_the_default_model_has_twelve_million_parameters_at_most_and_the_seven_emotions():
    model, info = load_model("default")
    assert info == read_info(SHIPPED / "default")
    assert set(info.labels) == {"neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"}
    assert sum(p.numel() for p in model.parameters()) < 12_000_000


def test_features_of_samples_are_refused_for_a_network_of_frames(folder):
    change(folder, features={"kind": "samples"}, mean=[], std=[])
    with pytest.raises(InputError, match=r"features\.kind: found samples; accepted with the arch"):
        load_model(folder)
