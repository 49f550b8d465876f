"""Training and evaluation, on a miniature of RAVDESS that is made of the demo recordings."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ser_stream.cli import main
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.feature_cache import (
    FeatureStore,
    read_samples,
    speech_span,
)
from ser_stream.errors import InputError
from ser_stream.evaluation.evaluate import evaluate_model
from ser_stream.evaluation.metrics import coverage
from ser_stream.evaluation.streamed import IN_A_ROW, stream_logits
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import read_info
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.training import trainer
from ser_stream.training.calibrate import calibrate_by_recipe
from ser_stream.training.distillation import teacher_probabilities
from ser_stream.training.model_folder import save_report
from ser_stream.training.speech import train
from training_data import FRAMES, RECIPE


@pytest.fixture
def store():
    """Four utterances of 200 frames."""
    starts = np.arange(4) * 200
    return FeatureStore(np.tile(FRAMES, (4, 1)), starts, starts + 200, np.full(4, 200))


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def run_folder(corpora, recipe_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(load_recipe(recipe_path), corpora, folder / "cache", folder / "out", seed=3)
    return folder


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
    save = trainer.Trainer._save

    def save_and_stop(self):
        save(self)
        if self.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer.Trainer, "_save", save_and_stop)
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


class Layer(torch.nn.Module):
    """Not a network: notes what its forward pass is computed in."""

    labels = ("sad", "happy")

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def loss(self, items, targets, label_smoothing):
        output = self.layer(items)
        self.dtype = output.dtype
        return (output.float() - targets).square().mean()


class OneBatch:
    steps = 1

    def epoch(self, rng):
        yield (torch.ones(4, 2),), torch.ones(4, 1)


@pytest.mark.parametrize(
    ("settings", "dtype"),
    [({}, torch.bfloat16), ({"mixed_precision": False}, torch.float32)],
)
def test_bfloat16_can_be_switched_off_where_the_device_has_it(
    settings, dtype, monkeypatch, tmp_path
):
    monkeypatch.setattr(trainer, "has_bfloat16", lambda device: True)
    optimisation = Optimisation(epochs=1, **settings)
    trained = trainer.Trainer(Layer(), OneBatch(), optimisation, seed=0, folder=tmp_path)
    trained.run(None)
    assert trained.model.dtype == dtype
    assert trained.model.layer.weight.dtype == torch.float32


def test_another_seed_gives_another_model(run_folder, corpora, recipe_path, tmp_path):
    train(load_recipe(recipe_path), corpora, run_folder / "cache", tmp_path, seed=4)
    ours, _ = load_model(tmp_path / "model")
    theirs, _ = load_model(run_folder / "out" / "model")
    assert not torch.equal(ours.output.weight, theirs.output.weight)


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


def test_a_higher_confidence_floor_lowers_the_coverage():
    confidence = np.array([0.3, 0.45, 0.55, 0.95])
    right = np.array([False, True, False, True])
    assert coverage(confidence, right) == [
        {"floor": 0.0, "answered": 1.0, "wa": 0.5},
        {"floor": 0.35, "answered": 0.75, "wa": 0.6667},
        {"floor": 0.4, "answered": 0.75, "wa": 0.6667},
        {"floor": 0.5, "answered": 0.5, "wa": 0.5},
        *({"floor": floor, "answered": 0.25, "wa": 1.0} for floor in (0.6, 0.7, 0.8, 0.9)),
    ]
    assert coverage(np.array([0.2]), np.array([True])) == [
        {"floor": 0.0, "answered": 1.0, "wa": 1.0}
    ]


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


def test_a_recipe_with_other_labels_is_refused(tiny_model, corpora, recipe_path, capsys):
    command = ["evaluate", str(tiny_model), "--recipe", str(recipe_path), "--save"]
    assert main([*command, "--corpora", str(corpora)]) == 2
    assert "they must be the same" in capsys.readouterr().err


def test_a_window_in_training_is_the_window_of_the_stream(run_folder, corpora, recipe_path):
    """The offline window of a short recording is the last one that streaming sees."""
    model, _ = load_model(run_folder / "out" / "model")
    recipe = load_recipe(recipe_path)
    path = next((corpora / "ravdess").glob("*/*03-01-03*"))
    samples = read_samples(path)
    start, end = speech_span(samples)
    windows = list(stream_logits(model, 0.0, path))
    last = windows[-1][0]
    assert (last.features.turn.start, last.features.turn.end) == (start, end)
    config = recipe.features
    assert last.n_frames == config.frames_in(end - start)


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


def test_calibration_may_be_limited_to_a_few_recordings(
    run_folder, recipe_path, corpora, monkeypatch
):
    network, info = load_model(run_folder / "out" / "model")
    calibrated_on = []
    monkeypatch.setattr(
        "ser_stream.training.calibrate.calibrate",
        lambda model, info, us, *_: calibrated_on.append(us),
    )
    recipe = load_recipe(recipe_path)
    calibrate_by_recipe(network, info, recipe, corpora)
    calibrate_by_recipe(network, info, dataclasses.replace(recipe, calibration_clips=3), corpora)
    everyone, few = calibrated_on
    assert len(everyone) == 4
    assert len(few) == 3 and {u.key for u in few} < {u.key for u in everyone}


def noisy_recipe(recipe_path, tmp_path, **settings):
    lines = "\n".join(f"{name}: {value}" for name, value in settings.items())
    path = tmp_path / "more.yaml"
    path.write_text(f"extends: {recipe_path}\n{lines}\n")
    return load_recipe(path)


def test_training_with_rooms_motors_babble_and_windows_without_speech(
    corpora, recipe_path, run_folder, tmp_path
):
    pytest.importorskip("pyroomacoustics")
    augmentation = (
        "{simulated_channel: 1.0, noise: 1.0, babble: 0.5, no_speech: 0.5, gain_db: [-32, 12]}"
    )
    recipe = noisy_recipe(
        recipe_path, tmp_path, motors=2, channel_simulations=2, augmentation=augmentation
    )
    train(recipe, corpora, run_folder / "cache", tmp_path / "out", seed=3)
    model, _ = load_model(tmp_path / "out" / "model")
    assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.fixture(scope="module")
def taught_recipe(recipe_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher_probabilities")
    return noisy_recipe(recipe_path, folder, teachers_share=0.7, eight_bit="true")


def test_a_small_network_learns_from_teachers_and_is_stored_in_eight_bits(
    taught_recipe, corpora, run_folder, tmp_path
):
    teachers = [run_folder / "out" / "model"]
    train(taught_recipe, corpora, run_folder / "cache", tmp_path, 3, teachers=teachers)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert weights["gru.weight_ih_l0"].dtype == torch.int8
    model, _ = load_model(tmp_path / "model")
    scale = weights["gru.weight_ih_l0.scale"]
    np.testing.assert_allclose(
        model.gru.weight_ih_l0.detach(), weights["gru.weight_ih_l0"] * scale[:, None]
    )


def test_soft_targets_lie_between_labels_and_teachers(store, taught_recipe, run_folder):
    targets = np.array([0, 1, 2, 3])
    _, info = load_model(run_folder / "out" / "model")
    stores = {info.features: store}  # a teacher is given its own features
    answers = teacher_probabilities(
        taught_recipe, [run_folder / "out" / "model"], stores.__getitem__, targets
    )
    np.testing.assert_allclose(answers.sum(axis=1), 1.0, rtol=1e-5)
    assert np.all(answers[range(4), targets] >= 0.3 - 1e-6)


def test_teachers_need_a_share_and_a_share_needs_teachers(
    taught_recipe, recipe_path, corpora, run_folder, tmp_path
):
    with pytest.raises(InputError, match="--teachers"):
        train(taught_recipe, corpora, run_folder / "cache", tmp_path, 3)
    with pytest.raises(InputError, match="no share"):
        train(load_recipe(recipe_path), corpora, tmp_path, tmp_path, 3, teachers=[tmp_path])


def test_training_starts_from_the_weights_of_another_model(
    corpora, recipe_path, run_folder, tmp_path
):
    still = noisy_recipe(recipe_path, tmp_path, optimisation="{learning_rate: 1.0e-9, average: 0}")
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
    still = noisy_recipe(recipe_path, tmp_path, optimisation="{learning_rate: 1.0e-9, average: 0}")
    train(still, corpora, run_folder / "cache", tmp_path / "out", 3, start=tiny_model)
    ours, _ = load_model(tmp_path / "out" / "model")
    theirs, _ = load_model(tiny_model)
    kept = [theirs.labels.index(label) for label in ours.labels]
    assert kept != list(range(len(theirs.labels)))
    torch.testing.assert_close(ours.output.weight, theirs.output.weight[kept])
