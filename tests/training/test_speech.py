"""Training and evaluation, on a miniature of RAVDESS that is made of the demo recordings."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ser_stream.cli import main
from ser_stream.data.augmentation import (
    Augmentation,
    add_noise,
    change_level,
    coloured_noise,
    low_pass,
    mask,
    random_prefix,
    repeat_to,
    tilt,
    warp_bands,
)
from ser_stream.data.channel_simulation import simulate_channel
from ser_stream.data.feature_cache import (
    FeatureStore,
    load_features,
    read_samples,
    speech_span,
)
from ser_stream.data.windows import EvaluationWindows, TrainingSet, pad
from ser_stream.errors import InputError
from ser_stream.evaluation.evaluate import evaluate_model
from ser_stream.evaluation.metrics import coverage
from ser_stream.evaluation.streamed import IN_A_ROW, stream_logits
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.eight_bit import from_eight_bit, to_eight_bit
from ser_stream.models.registry import build_model
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.training import trainer
from ser_stream.training.calibrate import calibrate_to
from ser_stream.training.distillation import teacher_probabilities
from ser_stream.training.model_card import save_report
from ser_stream.training.speech import train
from training_data import FRAMES, RECIPE, RNG, a_training_set


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


def test_a_run_leaves_a_model_that_loads_and_its_figures(run_folder):
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


def test_a_run_that_was_stopped_goes_on_to_the_same_model(
    run_folder, corpora, recipe_path, tmp_path, monkeypatch
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
    monkeypatch.undo()
    train(recipe, corpora, cache, tmp_path, seed=3)
    stopped, _ = load_model(tmp_path / "model")
    straight, _ = load_model(run_folder / "out" / "model")
    for ours, theirs in zip(stopped.parameters(), straight.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_run_that_diverges_ends_with_its_epoch_and_leaves_no_model(
    run_folder, corpora, recipe_path, tmp_path
):
    recipe = load_recipe(recipe_path)
    optimisation = dataclasses.replace(recipe.optimisation, learning_rate=1e30, schedule="constant")
    recipe = dataclasses.replace(recipe, optimisation=optimisation)
    with pytest.raises(InputError, match=r"learning_rate: found 1e\+30, .* epoch 1 is (nan|inf)"):
        train(recipe, corpora, run_folder / "cache", tmp_path, seed=3)
    assert not (tmp_path / "model").exists()


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


def test_evaluate_prints_the_figures_of_the_held_out_speakers(
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


def test_a_higher_floor_answers_less():
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
    assert "+- 0.0" in out  # they are the same
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


def test_speech_that_is_not_found_is_not_cut():
    assert speech_span(np.zeros(8000, np.float32)) == (0, 8000)


def test_features_are_kept_and_read_back(corpora, recipe_path, tmp_path):
    from ser_stream.corpora import ravdess

    utterances = ravdess.read(corpora / "ravdess")[:3]
    first = load_features(utterances, LogMelConfig(), 1.0, tmp_path)
    again = load_features(utterances, LogMelConfig(), 1.0, tmp_path)
    assert len(first) == 3
    np.testing.assert_array_equal(first.utterance(1), again.utterance(1))
    assert len(first.utterance(1, tail=True)) >= len(first.utterance(1))
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy"}  # nothing half written


def test_noise_is_added_at_the_ratio_that_was_asked_for():
    noise = coloured_noise(200, 64, np.random.default_rng(1))
    noisy = add_noise(FRAMES, noise, snr_db=6.0)
    power = lambda frames: np.mean(10 ** (frames.astype(np.float64) / 10))  # noqa: E731
    added = power(noisy) - power(FRAMES)
    assert 10 * np.log10(power(FRAMES) / added) == pytest.approx(6.0, abs=0.05)


def test_masks_cover_bands_and_frames_and_leave_the_original_alone():
    before = FRAMES.copy()
    fill = np.full(64, 99.0, np.float32)
    masked = mask(FRAMES, Augmentation(), fill, np.random.default_rng(3))
    np.testing.assert_array_equal(FRAMES, before)
    changed = masked != FRAMES
    assert changed.any()
    assert np.all(masked[changed] == 99.0)


def test_warping_moves_a_peak_to_its_stretched_place():
    frames = np.zeros((3, 64), np.float32)
    frames[:, 40] = 1.0
    assert warp_bands(frames, 0.8).argmax(axis=1).tolist() == [50] * 3
    assert warp_bands(frames, 1.25).argmax(axis=1).tolist() == [32] * 3
    np.testing.assert_allclose(warp_bands(FRAMES, 1.0), FRAMES, rtol=1e-6)


def test_a_tilt_is_smooth_and_leaves_the_level():
    for seed in range(20):
        response = tilt(64, 4.0, np.random.default_rng(seed))
        assert abs(response.mean()) < 0.2
        assert 0 < np.abs(response).max() <= 8.0
        assert np.abs(np.diff(response)).max() < 0.5


def test_a_low_pass_takes_the_highest_bands_only():
    frames = np.zeros((5, 64), np.float32)
    filtered = [low_pass(frames, np.random.default_rng(seed)) for seed in range(20)]
    assert all((each[:, :48] == 0).all() for each in filtered)
    assert min(each[0, -1] for each in filtered) <= -100
    assert frames.min() == 0


def test_a_prefix_is_a_beginning_and_no_shorter_than_asked():
    for seed in range(20):
        prefix = random_prefix(FRAMES, 80, np.random.default_rng(seed))
        assert 80 <= len(prefix) <= 200
        np.testing.assert_array_equal(prefix, FRAMES[: len(prefix)])
    assert len(random_prefix(FRAMES[:50], 80, RNG)) == 50


def test_repeating_gives_any_length_of_the_same_sound():
    assert len(repeat_to(FRAMES[:7], 100, RNG)) == 100


def test_of_a_model_that_remembers_recordings_in_a_row_are_scored_too(
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


def test_confidence_may_be_fitted_to_a_few_recordings(
    run_folder, recipe_path, corpora, monkeypatch
):
    network, info = load_model(run_folder / "out" / "model")
    heard = []
    monkeypatch.setattr(
        "ser_stream.training.calibrate.calibrate", lambda model, info, us, *_: heard.append(us)
    )
    recipe = load_recipe(recipe_path)
    calibrate_to(network, info, recipe, corpora)
    calibrate_to(network, info, dataclasses.replace(recipe, calibration_clips=3), corpora)
    everyone, few = heard
    assert len(everyone) == 4
    assert len(few) == 3 and {u.key for u in few} < {u.key for u in everyone}


def test_batches_hold_every_label_as_often(corpora, recipe_path, tmp_path):
    recipe = load_recipe(recipe_path)
    from ser_stream.corpora import ravdess

    utterances = recipe.split(ravdess.read(corpora / "ravdess"))["train"]
    store = load_features(utterances, recipe.features, 1.0, tmp_path)
    training_set = TrainingSet(
        utterances, [store], recipe.labels, {"ravdess": 1.0}, recipe.augmentation, 24, 8, 500
    )
    batches = list(training_set.epoch(np.random.default_rng(0)))
    assert sum(len(lengths) for (_, lengths), _ in batches) == 24
    for (features, lengths), targets in batches:
        assert features.shape[:2] == (len(lengths), lengths.max())
        assert torch.all(features[lengths.argmin(), lengths.min() :] == 0)
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(len(lengths)))
    drawn = training_set.targets[training_set.draw(24, np.random.default_rng(0))]
    assert np.bincount(drawn).tolist() == [6, 6, 6, 6]


def test_clips_shorter_than_a_step_end_in_silence_as_they_do_live(store):
    """With no step to judge, CNN-BLSTM-attention's loss was no number."""
    short = np.array([200, 100, 127, 128])
    store = FeatureStore(store.frames, store.starts, store.starts + short, short)
    model = build_model(
        "cnn_blstm_attention",
        ("sad", "happy"),
        LogMelConfig(),
        {"filters": (4, 4, 4, 4), "hidden": 4},
    )
    training_set = a_training_set(store, prefix=0.0, shift=0)
    windows = EvaluationWindows(store, training_set.targets, 500)
    for batches in (training_set, windows):
        batches.least_frames = model.step_frames
    inputs = [inputs for _, inputs in windows.batches()]
    inputs += [inputs for inputs, _ in training_set.epoch(np.random.default_rng(0))]
    for features, lengths in inputs:
        assert lengths.min() == model.step_frames == 128
        assert torch.isfinite(model(features, lengths)).all()
    features, lengths = pad([FRAMES[:100]], 128)
    assert lengths.tolist() == [128]
    assert torch.all(features[0, 100:] == -100)


def noisy_recipe(recipe_path, tmp_path, **settings):
    lines = "\n".join(f"{name}: {value}" for name, value in settings.items())
    path = tmp_path / "more.yaml"
    path.write_text(f"extends: {recipe_path}\n{lines}\n")
    return load_recipe(path)


def test_a_model_learns_in_rooms_motors_and_babble_and_of_windows_without_a_voice(
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


def test_a_window_without_a_voice_says_nothing_of_any_label(store):
    training_set = a_training_set(store, no_speech=1.0, gain_db=(0, 0))
    frames, answer = training_set.augmented(1, np.random.default_rng(0))
    assert answer.tolist() == [0.5, 0.5]
    assert np.all(frames == -20.0)


@pytest.mark.parametrize("prefix", (0.0, 1.0))
def test_silence_lies_before_a_turn_and_behind_it_where_it_is_heard_to_its_end(store, prefix):
    settings = dict(silence=1.0, silence_frames=9, prefix=prefix, gain_db=(-30, 12), tilt_db=6)
    training_set = a_training_set(store, noise=0.0, **settings)
    before, behind = set(), set()
    for seed in range(60):
        frames, _ = training_set.augmented(1, np.random.default_rng(seed))
        spoken = np.flatnonzero(np.any(frames > -100, axis=1))
        before.add(int(spoken[0]))
        behind.add(len(frames) - 1 - int(spoken[-1]))
    assert before == set(range(10))
    assert behind == ({0} if prefix else set(range(10)))


def test_a_turn_with_silence_is_no_longer_than_a_window(store):
    training_set = a_training_set(store, silence=1.0)
    training_set.max_frames = 203
    lengths = {len(training_set.augmented(0, np.random.default_rng(n))[0]) for n in range(40)}
    assert max(lengths) <= 203


def test_babble_has_the_level_that_was_asked_for(store):
    training_set = a_training_set(store, babble=1.0)
    babble = training_set._noise(300, np.random.default_rng(0))
    assert babble.shape == (300, 64)
    noisy = add_noise(FRAMES, babble[:200], 10.0)
    assert np.all(noisy >= FRAMES - 0.01)


def test_a_quieter_window_never_falls_under_the_least_power():
    quiet = change_level(np.full((2, 3), -80.0, np.float32), -30.0)
    assert np.all(quiet == -100.0)
    assert quiet.dtype == np.float32


@pytest.fixture(scope="module")
def taught_recipe(recipe_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher_probabilities")
    return noisy_recipe(recipe_path, folder, teachers_share=0.7, eight_bit="true")


def test_a_small_network_learns_what_its_teachers_say_and_is_kept_in_eight_bits(
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


def test_answers_are_between_labels_and_teachers(store, taught_recipe, run_folder):
    targets = np.array([0, 1, 2, 3])
    _, info = load_model(run_folder / "out" / "model")
    heard = {info.features: store}  # a teacher hears its own features
    answers = teacher_probabilities(
        taught_recipe, [run_folder / "out" / "model"], heard.__getitem__, targets
    )
    np.testing.assert_allclose(answers.sum(axis=1), 1.0, rtol=1e-5)
    assert np.all(answers[range(4), targets] >= 0.3 - 1e-6)


def test_teachers_and_their_share_go_together(
    taught_recipe, recipe_path, corpora, run_folder, tmp_path
):
    with pytest.raises(InputError, match="--teachers"):
        train(taught_recipe, corpora, run_folder / "cache", tmp_path, 3)
    with pytest.raises(InputError, match="no share"):
        train(load_recipe(recipe_path), corpora, tmp_path, tmp_path, 3, teachers=[tmp_path])


def test_eight_bits_are_off_by_less_than_half_a_step():
    weights = {"matrix": torch.randn(5, 3, 2), "bias": torch.randn(5), "zero": torch.zeros(2, 2)}
    back = from_eight_bit(to_eight_bit(weights))
    assert set(back) == set(weights)
    assert torch.equal(back["bias"], weights["bias"])
    assert torch.equal(back["zero"], weights["zero"])
    step = weights["matrix"].flatten(1).abs().amax(dim=1) / 127
    assert torch.all((back["matrix"] - weights["matrix"]).abs() <= 0.501 * step[:, None, None])


def test_ears_are_repeatable_and_keep_level_and_length():
    pytest.importorskip("pyroomacoustics")
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    first, again = (simulate_channel(samples, "a", 1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == samples.shape
    assert first.dtype == np.float32
    assert 0.3 < np.std(first) / np.std(samples) < 1.1
    assert not np.array_equal(first, simulate_channel(samples, "a", 2))
    assert np.isfinite(simulate_channel(np.zeros(16000, np.float32), "a", 1)).all()


def test_training_goes_on_from_another_models_weights(corpora, recipe_path, run_folder, tmp_path):
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


def test_training_goes_on_with_other_labels(corpora, recipe_path, run_folder, tmp_path, tiny_model):
    still = noisy_recipe(recipe_path, tmp_path, optimisation="{learning_rate: 1.0e-9, average: 0}")
    train(still, corpora, run_folder / "cache", tmp_path / "out", 3, start=tiny_model)
    ours, _ = load_model(tmp_path / "out" / "model")
    theirs, _ = load_model(tiny_model)
    kept = [theirs.labels.index(label) for label in ours.labels]
    assert kept != list(range(len(theirs.labels)))
    torch.testing.assert_close(ours.output.weight, theirs.output.weight[kept])
