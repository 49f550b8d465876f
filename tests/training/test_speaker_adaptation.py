"""Adaptation of a model to one person."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from ser_stream.cli import main
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.models.calibration import Calibration
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import read_info
from ser_stream.training.speaker_adaptation import SHARE, offset

RECIPE = """
kind: speech
name: seven
architecture: causal_crnn
labels: [neutral, happy, sad, angry, fear, disgust, surprise]
corpora: [ravdess]
speakers: {test: {ravdess: [1, 2]}, validation: {ravdess: [3, 4]}}
mix: {ravdess: 1.0}
utterances_per_epoch: 8
optimisation: {epochs: 1}
confidence_floor: 0.35
"""


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "seven.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def calibrated(tiny_model, recipe_path, corpora, tmp_path_factory):
    folder = shutil.copytree(tiny_model, tmp_path_factory.mktemp("calibrated") / "model")
    command = ["calibrate", str(folder), "--recipe", str(recipe_path), "--corpora", str(corpora)]
    assert main(command) == 0
    return folder


def test_calibration_holds_the_mean_answer_to_neutral_speech(calibrated):
    _, info = load_model(calibrated)
    for trigger in (INTERVAL, UTTERANCE):
        assert len(info.calibration[trigger].neutral) == 7
        assert np.exp(info.calibration[trigger].neutral).sum() == pytest.approx(1.0, abs=0.2)
        assert info.calibration[trigger].offset == ()


def test_a_share_of_the_difference_is_the_offset():
    usual, persons = np.log([0.8, 0.1, 0.1]), np.log([0.4, 0.5, 0.1])
    added = np.array(offset(persons, usual))
    np.testing.assert_allclose(added, SHARE * (usual - persons), atol=1e-4)
    calibration = Calibration(temperature=2.0, offset=tuple(added))
    before, after = (c.probabilities(persons) for c in (Calibration(temperature=2.0), calibration))
    assert after[0] > before[0]
    assert after.sum() == pytest.approx(1.0)


def test_an_adapted_model_differs_by_an_offset_of_its_calibration(
    calibrated, corpora, tmp_path, capsys
):
    neutral = sorted(map(str, (corpora / "ravdess").rglob("03-01-01-*.flac")))
    output = tmp_path / "ann"
    assert main(["adapt", str(calibrated), *neutral, "--output", str(output)]) == 0
    assert str(output) in capsys.readouterr().out
    info, usual = read_info(output), read_info(calibrated)
    assert info.name == "ann"
    for trigger in (INTERVAL, UTTERANCE):
        assert len(info.calibration[trigger].offset) == 7
        without = dataclasses.replace(info.calibration[trigger], offset=())
        assert without == usual.calibration[trigger].for_known_voice()
    assert main(["listen", "--model", str(output), "--input", neutral[0], "--json"]) == 0


def test_an_adapted_model_has_no_speaker_memory(calibrated, corpora, tmp_path):
    network, info = load_model(calibrated)
    save_model(tmp_path / "remembers", network, dataclasses.replace(info, speaker_memory=True))
    neutral = sorted(map(str, (corpora / "ravdess").rglob("03-01-01-*.flac")))
    for model in (calibrated, tmp_path / "remembers"):
        command = ["adapt", str(model), *neutral, "--output", str(tmp_path / f"{model.name}-ann")]
        assert main(command) == 0
    _, plain = load_model(tmp_path / "model-ann")
    _, info = load_model(tmp_path / "remembers-ann")
    assert not info.speaker_memory
    assert info.calibration == plain.calibration


def test_too_little_speech_is_refused(calibrated, corpora, tmp_path, capsys):
    neutral = next((corpora / "ravdess").rglob("03-01-01-*.flac"))
    assert main(["adapt", str(calibrated), str(neutral), "--output", str(tmp_path)]) == 2
    assert "needed are 10 s" in capsys.readouterr().err


def test_a_model_that_was_never_calibrated_is_refused(tiny_model, corpora, tmp_path, capsys):
    neutral = next((corpora / "ravdess").rglob("03-01-01-*.flac"))
    assert main(["adapt", str(tiny_model), str(neutral), "--output", str(tmp_path)]) == 2
    assert "ser-stream calibrate" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["default"], ["default", "a.wav"], ["default", "--recipe", "r.yaml"]]
)
def test_incomplete_arguments_are_an_error(arguments, capsys):
    assert main(["adapt", *arguments]) == 2
    assert "adapt: " in capsys.readouterr().err


def test_the_gain_is_measured_on_held_out_speakers(calibrated, recipe_path, corpora, capsys):
    command = ["adapt", str(calibrated), "--recipe", str(recipe_path), "--corpora", str(corpora)]
    assert main([*command, "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)["corpora"]["ravdess"]
    assert entry["speakers"] == 2
    # One neutral recording each: half of one is none, so nothing changes.
    assert entry["before"] == entry["after"]
    assert entry["before"]["n"] == 8
    assert main(command) == 0
    assert "adapted" in capsys.readouterr().out


def test_an_offset_of_another_length_is_an_error(calibrated, tmp_path):
    folder = shutil.copytree(calibrated, tmp_path / "model")
    content = json.loads((folder / "model.json").read_text())
    del content["checksum"]
    content["calibration"][UTTERANCE]["offset"] = [0.1]
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="offset: found 1 values; accepted are 7"):
        read_info(folder)
