"""Training of networks of speech, on a miniature of RAVDESS that is made of the test recordings."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ser_stream.corpora.registry import read_corpora
from ser_stream.errors import InputError
from ser_stream.models.checkpoint import load_model
from ser_stream.recipes.load import load_recipe
from ser_stream.training import trainer
from ser_stream.training.speech import train
from training_data import extended_recipe, interrupt_after_epoch


def test_a_run_writes_a_loadable_model_its_metrics_and_its_record(run_folder):
    model, info = load_model(run_folder / "out" / "model")
    assert info.labels == model.labels == ("neutral", "happy", "sad", "angry")
    assert info.training_data.corpora == ("RAVDESS (CC BY-NC-SA 4.0)",)
    assert not info.training_data.commercial_use
    assert all(c.temperature > 0 for c in info.calibration.values())
    lines = (run_folder / "out" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    run = json.loads((run_folder / "out" / "run.json").read_text())
    assert run["seed"] == 3
    assert run["utterances"] == {"train": 8, "validation": 4, "test": 4}


def test_an_interrupted_run_resumes_to_the_same_model(
    run_folder, corpora, recipe_path, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(trainer, "print_line", interrupt_after_epoch(2))
    recipe, cache = load_recipe(recipe_path), run_folder / "cache"
    with pytest.raises(KeyboardInterrupt):
        train(recipe, corpora, cache, tmp_path, seed=3)
    assert "interrupted; the same command resumes" in capsys.readouterr().err
    monkeypatch.undo()
    train(recipe, corpora, cache, tmp_path, seed=3)
    stopped, _ = load_model(tmp_path / "model")
    straight, _ = load_model(run_folder / "out" / "model")
    for ours, theirs in zip(stopped.parameters(), straight.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_diverging_run_ends_with_an_error_and_writes_no_model(
    run_folder, corpora, recipe_path, tmp_path
):
    recipe = load_recipe(recipe_path)
    optimisation = dataclasses.replace(recipe.optimisation, learning_rate=1e30, schedule="constant")
    recipe = dataclasses.replace(recipe, optimisation=optimisation)
    with pytest.raises(InputError, match=r"learning_rate: found 1e\+30, .* epoch 1 is (nan|inf)"):
        train(recipe, corpora, run_folder / "cache", tmp_path, seed=3)
    assert not (tmp_path / "model").exists()


def test_a_run_is_not_resumed_with_other_settings(run_folder, corpora, recipe_path, tmp_path):
    output = shutil.copytree(run_folder / "out", tmp_path / "out")
    weights = (output / "model" / "model.safetensors").read_bytes()
    recipe = load_recipe(recipe_path)
    longer = dataclasses.replace(recipe.optimisation, epochs=7)
    for changed, seed, message in (
        (dataclasses.replace(recipe, optimisation=longer), 3, "epochs 3, which is 7 now"),
        (recipe, 4, "seed 3, which is 4 now"),
    ):
        with pytest.raises(
            InputError, match=f"found a run with .*{message}; use the same settings"
        ):
            train(changed, corpora, run_folder / "cache", output, seed=seed)
    assert (output / "model" / "model.safetensors").read_bytes() == weights
    assert json.loads((output / "run.json").read_text())["seed"] == 3


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_recipe_without_speakers_to_train_or_validate_on_is_refused_before_features(
    part, corpora, recipe_path, tmp_path
):
    recipe = load_recipe(recipe_path)
    speakers = {"test": recipe.speakers["test"]}
    if part == "train":
        everyone = {u.speaker for u in read_corpora(corpora, ["ravdess"])}
        speakers = {"validation": {"ravdess": sorted(everyone)}}
    with pytest.raises(InputError, match=f"speakers: found no {part} speakers"):
        train(dataclasses.replace(recipe, speakers=speakers), corpora, tmp_path, tmp_path, seed=3)
    assert not any(tmp_path.iterdir())


def test_another_seed_gives_another_model(run_folder, corpora, recipe_path, tmp_path):
    train(load_recipe(recipe_path), corpora, run_folder / "cache", tmp_path, seed=4)
    ours, _ = load_model(tmp_path / "model")
    theirs, _ = load_model(run_folder / "out" / "model")
    assert not torch.equal(ours.output.weight, theirs.output.weight)


def test_training_with_rooms_motors_babble_and_windows_without_speech(
    corpora, recipe_path, run_folder, tmp_path
):
    augmentation = (
        "{simulated_channel: 1.0, noise: 1.0, babble: 0.5, no_speech: 0.5, gain_db: [-32, 12]}"
    )
    recipe = extended_recipe(
        recipe_path, tmp_path, motors=2, channel_simulations=2, augmentation=augmentation
    )
    train(recipe, corpora, run_folder / "cache", tmp_path / "out", seed=3)
    model, _ = load_model(tmp_path / "out" / "model")
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_a_small_network_learns_from_teachers_and_is_stored_in_eight_bits(
    distillation_recipe, corpora, run_folder, tmp_path
):
    teachers = [run_folder / "out" / "model"]
    train(distillation_recipe, corpora, run_folder / "cache", tmp_path, 3, teachers=teachers)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert weights["gru.weight_ih_l0"].dtype == torch.int8
    model, _ = load_model(tmp_path / "model")
    scale = weights["gru.weight_ih_l0.scale"]
    np.testing.assert_allclose(
        model.gru.weight_ih_l0.detach(), weights["gru.weight_ih_l0"] * scale[:, None]
    )
    other = shutil.copytree(teachers[0], tmp_path / "other")
    with pytest.raises(InputError, match="found a run with teachers"):
        train(distillation_recipe, corpora, run_folder / "cache", tmp_path, 3, teachers=[other])


def test_teachers_and_teachers_share_require_each_other(
    distillation_recipe, recipe_path, corpora, run_folder, tmp_path
):
    with pytest.raises(InputError, match="--teachers"):
        train(distillation_recipe, corpora, run_folder / "cache", tmp_path, 3)
    with pytest.raises(InputError, match="no share"):
        train(load_recipe(recipe_path), corpora, tmp_path, tmp_path, 3, teachers=[tmp_path])


def test_training_starts_from_the_weights_of_another_model(
    corpora, recipe_path, run_folder, tmp_path
):
    still = extended_recipe(
        recipe_path, tmp_path, optimisation="{learning_rate: 1.0e-9, average: 0}"
    )
    start = run_folder / "out" / "model"
    train(still, corpora, run_folder / "cache", tmp_path / "out", 3, start=start)
    ours, info = load_model(tmp_path / "out" / "model")
    theirs, their_info = load_model(start)
    torch.testing.assert_close(ours.output.weight, theirs.output.weight)
    assert info.mean == their_info.mean
    wider = dataclasses.replace(still, options={**still.options, "hidden": 12})
    with pytest.raises(InputError, match="has another architecture"):
        train(wider, corpora, run_folder / "cache", tmp_path / "other", 3, start=start)


def test_training_starts_from_a_model_with_other_labels(
    corpora, recipe_path, run_folder, tmp_path, tiny_model
):
    still = extended_recipe(
        recipe_path, tmp_path, optimisation="{learning_rate: 1.0e-9, average: 0}"
    )
    train(still, corpora, run_folder / "cache", tmp_path / "out", 3, start=tiny_model)
    ours, _ = load_model(tmp_path / "out" / "model")
    theirs, _ = load_model(tiny_model)
    kept = [theirs.labels.index(label) for label in ours.labels]
    assert kept != list(range(len(theirs.labels)))
    torch.testing.assert_close(ours.output.weight, theirs.output.weight[kept])
