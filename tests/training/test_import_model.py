"""`ser-stream import-model`, and what is done with a model that it made."""

import json
import shutil

import numpy as np
import pytest
import torch

from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import read_info
from ser_stream.training.import_model import parse_emotions
from tiny_checkpoints import SUPERB, make_checkpoint
from training_data import RECIPE

pytestmark = pytest.mark.huggingface

LABELS = [f"LABEL_{number}" for number in range(5)]
SAID = ["LABEL_0=neu", "LABEL_1=happy", "LABEL_2=angry", "LABEL_3=sad", "LABEL_4=drop"]


@pytest.fixture
def checkpoint(tmp_path):
    folder = make_checkpoint(tmp_path / "checkpoint", names=tuple(LABELS))
    (folder / "README.md").write_text("---\nlicense: mit\n---\nTheir card.\n")
    (folder / "optimizer.pt").touch()
    return folder


def import_model(checkpoint, output, *options):
    return main(["import-model", str(checkpoint), "--output", str(output), *options])


@pytest.fixture
def imported(checkpoint, tmp_path):
    """A model folder; the checkpoint that it was made of is gone."""
    assert import_model(checkpoint, tmp_path / "model", "--window", "4", "--labels", *SAID) == 0
    shutil.rmtree(checkpoint)
    return tmp_path / "model"


def test_the_folder_is_whole_and_holds_no_more_than_it_needs(imported):
    assert {path.name for path in imported.iterdir()} == {
        "README.huggingface.md", "README.md", "config.json", "model.json", "model.safetensors",
        "preprocessor_config.json",
    }  # fmt: skip
    model, info = load_model(imported)
    assert info.labels == ("neutral", "happy", "sad", "angry")
    assert (model.window_frames, model.hop_frames) == (200, 25)
    with torch.inference_mode():
        assert model(torch.zeros(1, 200, 320)).shape == (1, 4)
    card = (imported / "README.md").read_text()
    for fact in ("its card says mit", "LABEL_0 is neutral", "LABEL_4 is left out"):
        assert fact in card


def test_unknown_labels_are_refused_before_anything_is_written(checkpoint, tmp_path, capsys):
    assert import_model(checkpoint, tmp_path / "model") == 2
    assert "LABEL_0, LABEL_1" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("pair", ["happy", "=happy", "LABEL_0="])
def test_both_parts_of_a_label_pair_are_required(pair):
    with pytest.raises(InputError, match="accepted is NAME=EMOTION"):
        parse_emotions([pair])


def test_a_shipped_model_and_the_checkpoint_itself_are_refused_as_output(
    checkpoint, tiny_model, tmp_path, capsys
):
    assert import_model(tiny_model, tmp_path / "model") == 2
    assert "a model of ser_stream already" in capsys.readouterr().err
    assert import_model(checkpoint, checkpoint, "--labels", *SAID) == 2
    assert "the checkpoint's own folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wings": 2}, "hugging_face: .*wings"),
        ({"emotions": {"neu": "neutral"}}, "emotions: found neu; the checkpoint's labels are"),
        (
            {"emotions": dict.fromkeys(LABELS, "sad")},
            "labels: found neutral, happy, sad, angry; they must be those",
        ),
    ],
)
def test_an_invalid_description_is_named(imported, change, message):
    path = imported / "model.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    content["options"] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        load_model(imported)


@pytest.fixture
def on_corpora(corpora, tmp_path):
    """Options of evaluate and calibrate; the recipe has the labels in another order."""
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE.replace("[neutral, happy, sad, angry]", "[angry, sad, happy, neutral]"))
    return ["--recipe", str(path), "--corpora", str(corpora)]


def test_calibration_and_metrics_are_written_to_the_model_description(imported, on_corpora, capsys):
    assert main(["calibrate", str(imported), *on_corpora]) == 0
    info = read_info(imported)
    fitted = info.calibration["utterance"].temperature
    assert fitted != 1.0
    assert f"utterance: temperature {fitted:g}" in capsys.readouterr().out
    assert main(["evaluate", str(imported), "--save", "--json", *on_corpora]) == 0
    report = json.loads(capsys.readouterr().out)
    assert read_info(imported).results["test"] == report
    utterances = report["corpora"]["ravdess"]["utterance"]
    assert utterances["labels"] == list(info.labels)
    assert np.sum(utterances["confusion"]) + np.sum(utterances["no_speech"]) == 4


@pytest.mark.parametrize("command", [["evaluate", "--save"], ["calibrate"]])
def test_a_bare_checkpoint_is_not_written_to(command, tmp_path, on_corpora, capsys):
    folder = make_checkpoint(tmp_path / "bare", names=SUPERB)
    assert main([command[0], str(folder), *command[1:], *on_corpora]) == 2
    assert f"ser-stream import-model {folder} --output DIR" in capsys.readouterr().err
