"""Evaluation of a model that was trained on a miniature of RAVDESS."""

import dataclasses
import json
import shutil

import numpy as np

from ser_stream.cli import main
from ser_stream.evaluation.evaluate import evaluate_model
from ser_stream.evaluation.streamed import IN_A_ROW
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import read_info
from ser_stream.recipes.load import load_recipe
from ser_stream.training.model_folder import save_report


def test_evaluate_prints_the_scores_of_the_held_out_speakers(
    run_folder, corpora, recipe_path, capsys
):
    command = ["evaluate", str(run_folder / "out" / "model"), "--recipe", str(recipe_path)]
    assert main([*command, "--corpora", str(corpora), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    utterances = report["corpora"]["ravdess"]["utterance"]
    assert utterances["n"] == 4
    assert np.sum(utterances["confusion"]) + np.sum(utterances["no_speech"]) == 4
    by_sex = report["corpora"]["ravdess"]["by_sex"]
    assert list(by_sex) == ["m"]  # actor 1
    assert by_sex["m"] == {"n": 4, "wa": utterances["wa"], "ua": utterances["ua"]}


def test_evaluating_seeds_gives_mean_and_deviation_and_saves_a_model_card(
    run_folder, corpora, recipe_path, tmp_path, capsys
):
    models = [str(shutil.copytree(run_folder / "out" / "model", tmp_path / n)) for n in "ab"]
    options = ["--recipe", str(recipe_path), "--corpora", str(corpora), "--save"]
    assert main(["evaluate", *models, *options]) == 0
    out = capsys.readouterr().out
    assert "2 models, test speakers" in out
    assert "± 0.0" in out  # they are the same
    _, info = load_model(models[0])
    assert info.results["test"]["corpora"]["ravdess"]["speakers"] == ["ravdess-01"]
    card = (tmp_path / "a" / "README.md").read_text()
    for fact in (
        "non-commercial",
        "CC BY-NC-SA 4.0",
        "ravdess-01",
        "| happy |",
        "ser-stream eval",
        "Utterances by floor of confidence",
        "men ",
    ):
        assert fact in card


def test_models_are_summarised_only_if_they_are_of_one_recipe(
    run_folder, recipe_path, corpora, tmp_path, capsys
):
    model = run_folder / "out" / "model"
    same, other = (shutil.copytree(model, tmp_path / name) for name in ("same", "other"))
    dataclasses.replace(read_info(other), name="another").write(other)
    held_out = ["--recipe", str(recipe_path), "--corpora", str(corpora)]
    for second, has_summary in ((same, True), (other, False)):
        assert main(["evaluate", str(model), str(second), *held_out]) == 0
        assert ("mean ± standard deviation" in capsys.readouterr().out) == has_summary


def test_a_recipe_with_other_labels_is_refused(tiny_model, corpora, recipe_path, capsys):
    command = ["evaluate", str(tiny_model), "--recipe", str(recipe_path), "--save"]
    assert main([*command, "--corpora", str(corpora)]) == 2
    assert "they must be the same" in capsys.readouterr().err


def test_a_model_with_speaker_memory_is_scored_on_recordings_in_a_row_too(
    run_folder, recipe_path, corpora, tmp_path
):
    network, info = load_model(run_folder / "out" / "model")
    save_model(tmp_path, network, dataclasses.replace(info, speaker_memory=True))
    recipe = load_recipe(recipe_path)
    alone = evaluate_model(run_folder / "out" / "model", recipe, corpora, "test")
    report = evaluate_model(tmp_path, recipe, corpora, "test")
    for corpus, entry in report["corpora"].items():
        assert IN_A_ROW not in alone["corpora"][corpus]
        assert entry[IN_A_ROW]["n"] == entry["utterance"]["n"]
    save_report(tmp_path, report)
    assert "recordings of a speaker in a row" in (tmp_path / "README.md").read_text()
