"""Experiments and reports, on a miniature of RAVDESS that is made of the demo recordings."""

import dataclasses
import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from corpus_files import sound, text
from iemocap_files import ALIGNMENT
from paths import RECIPES
from ser_stream.cli import main
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.forced_alignment import align
from ser_stream.data.recordings import ClipSettings, add_white_noise, load_clips
from ser_stream.errors import InputError
from ser_stream.models.registry import build_model
from ser_stream.papers.data import ExperimentData
from ser_stream.papers.run import Folders, run_experiment
from ser_stream.papers.summary import Summary
from ser_stream.papers.tables import TABLES
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.folders import experiment_path, read_overlays
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.recipes.settings import overlay
from ser_stream.training import trainer
from ser_stream.training.optimizers import make_scheduler
from ser_stream.validation import convert

EXPERIMENTS = sorted((RECIPES / "papers").glob("*/*.yaml"))
SETTINGS = sorted((RECIPES / "settings").glob("*.yaml"))

CONTENT = {
    "name": "small",
    "source": "nowhere",
    "architecture": "cnn_transformer",
    "labels": ["neutral", "happy", "sad", "angry"],
    "corpora": ["ravdess"],
    "protocol": {"name": "speaker_folds", "folds": 2},
    "features": {"n_mels": 8},
    "options": {"channels": [4, 4, 4, 8], "heads": 2, "feedforward": 8, "layers": 1},
    "optimisation": {"epochs": 2, "batch_size": 3},
}
VARIANTS = {
    "log-mel": {},
    "padded and noisy": {"clip": {"frames": 300, "noise_snr_db": 30.0}},
    "Sherman's": {
        "architecture": "cnn_blstm_attention",
        "features": {"kind": "sherman_log_mel"},
        "options": {"filters": [2, 2, 2, 2], "hidden": 4},
        "clip": {"standardise": "cell"},
    },
    "descriptors": {
        "architecture": "cnn_blstm_attention",
        "features": {"kind": "descriptors", "leave_out": ["rms"]},
        "options": {"filters": [2], "hidden": 4, "chunk_frames": 157, "chunk_hop": 157},
    },
    "MOMA": {"architecture": "moma", "options": {"hidden": 4, "context": 4}},
    "words": {
        "architecture": "can",
        "features": {"kind": "segments", "segmentation": "equal"},
        "options": {"word_dimension": 4, "hidden": 4, "heads": 1},
    },
    "words alone": {
        "architecture": "can_text",
        "features": {"kind": "segments", "segmentation": "equal"},
        "options": {"word_dimension": 4, "hidden": 4},
    },
    "sound alone": {
        "architecture": "can_audio",
        "features": {"kind": "segments", "segmentation": "whole"},
        "options": {"hidden": 4},
    },
    "early stopping": {
        "protocol": {"name": "speaker_folds", "folds": 4, "validation": 1, "only": ["fold 1"]},
        "optimisation": {"epochs": 3, "patience": 1, "schedule": "plateau", "clip_norm": 1.0},
    },
}


def experiment(**changes):
    return convert({**CONTENT, **changes}, Experiment, "here")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", VARIANTS)
def test_an_experiment_evaluates_every_recording_of_its_test_parts(name, corpora, cache, tmp_path):
    wanted = experiment(**VARIANTS[name])
    folders = Folders(corpora, cache, tmp_path)
    results = run_experiment(wanted, folders, log=lambda _line: None)
    n_folds = 1 if wanted.protocol.only else 2
    assert [r.fold for r in results] == [f"fold {n + 1}" for n in range(n_folds)]
    summary = Summary.of(wanted, results)
    assert summary.scores.n == 16 * n_folds / wanted.protocol.folds
    assert summary.scores.counts.tolist() == 4 * [summary.scores.n // 4]
    for result in results:
        folder = folders.run(wanted, result.seed, result.fold)
        assert {path.name for path in folder.iterdir()} == {
            "metrics.jsonl", "result.json", "run.json", "weights.safetensors",
        }  # fmt: skip
        run = json.loads((folder / "run.json").read_text())
        assert run["git"] is not None and run["torch"] == torch.__version__


def test_a_run_is_reproduced_bit_for_bit_and_not_repeated(corpora, cache, tmp_path):
    wanted = experiment(protocol={"name": "random", "test": 0.25})
    folders = [Folders(corpora, cache, tmp_path / name) for name in "ab"]
    first, again = (run_experiment(wanted, f, log=lambda _line: None) for f in folders)
    paths = [f.run(wanted, 0, "all") / "weights.safetensors" for f in folders]
    ours, theirs = map(load_file, paths)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    np.testing.assert_array_equal(first[0].scores.confusion, again[0].scores.confusion)
    written = paths[0].stat().st_mtime_ns
    run_experiment(wanted, folders[0], log=lambda _line: None)
    assert paths[0].stat().st_mtime_ns == written


def test_an_interrupted_run_ends_with_the_same_weights(corpora, cache, tmp_path, monkeypatch):
    wanted = experiment(**VARIANTS["early stopping"])
    folders = [Folders(corpora, cache, tmp_path / name) for name in "ab"]
    save = trainer.Trainer._save

    def save_and_stop(self):
        save(self)
        if self.epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer.Trainer, "_save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(wanted, folders[0])
    monkeypatch.undo()
    results = [run_experiment(wanted, f, log=lambda _line: None)[0] for f in folders]
    assert results[0].kept_epoch == results[1].kept_epoch
    paths = [f.run(wanted, 0, "fold 1") / "weights.safetensors" for f in folders]
    ours, theirs = map(load_file, paths)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_with_another_test_part_is_refused(corpora, cache, tmp_path):
    """As after a corpus has grown."""
    wanted = experiment(protocol={"name": "random", "test": 0.25})
    folders = Folders(corpora, cache, tmp_path)
    (result,) = run_experiment(wanted, folders, log=lambda _line: None)
    folder = folders.run(wanted, 0, "all")
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "tested": "0" * 8}))
    with pytest.raises(InputError, match="seed0-all: found a run with another test part than all"):
        run_experiment(wanted, folders)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert result.seconds == pytest.approx(sum(json.loads(line)["seconds"] for line in lines))


def test_what_is_excluded_is_left_out(corpora):
    wanted = experiment()
    utterances = read_corpora(corpora, ["ravdess"])
    labelled = wanted.labelled(utterances)
    fewer = experiment(exclude=[labelled[0].key, "iemocap/not_there"])
    assert fewer.labelled(utterances) == labelled[1:]
    assert fewer.identity != wanted.identity


def test_the_plateau_schedule_monitors_the_loss():
    """What is watched is its negative, which rises when the loss falls."""
    settings = Optimisation(
        epochs=9, schedule="plateau", monitor="loss", patience=3, plateau_patience=2,
        plateau_factor=0.1, learning_rate=1e-3,
    )  # fmt: skip
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = make_scheduler(optimizer, settings, 10)
    rates = []
    for loss in (2.0, 1.5, *6 * [1.4]):
        scheduler.step(-loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([*5 * [1e-3], *3 * [1e-4]])


def test_early_stopping_keeps_the_best_epoch(corpora, cache, tmp_path, monkeypatch):
    """Validation loss as told: the second epoch is best, and two worse ones end the training."""
    optimisation = {"epochs": 9, "patience": 2, "monitor": "loss"}
    wanted = experiment(**{**VARIANTS["early stopping"], "optimisation": optimisation})
    told = iter([3.0, 1.0, 2.0, 1.5, 0.0])
    weights = []

    def validate(self, _validation):
        weights.append({k: v.clone() for k, v in self.model.state_dict().items()})
        self._remember(self.model, -next(told))
        return {}

    monkeypatch.setattr(trainer.Trainer, "_validate", validate)
    folders = Folders(corpora, cache, tmp_path)
    (result,) = run_experiment(wanted, folders, log=lambda _line: None)
    assert result.kept_epoch == 2
    assert len(weights) == 4
    kept = load_file(folders.run(wanted, 0, "fold 1") / "weights.safetensors")
    assert all(torch.equal(kept[name], weights[1][name]) for name in weights[1])


def test_cells_are_standardised_over_the_training_part(corpora, cache):
    wanted = experiment(**VARIANTS["Sherman's"])
    utterances = wanted.labelled(read_corpora(corpora, ["ravdess"]))
    split = wanted.protocol.splits(utterances, 0)[0]
    train = ExperimentData(wanted, utterances, cache).parts(split)["train"]
    mean, std = train.statistics("cell")
    assert mean.shape == std.shape == (626, 128)
    clips = np.stack([train.store.utterance(i) for i in train.members])
    np.testing.assert_allclose(mean, clips.mean(axis=0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(std, np.maximum(clips.std(axis=0), 1.0), rtol=1e-3, atol=1e-3)
    assert std.min() == 1.0  # of padding, which does not vary


def test_bands_are_standardised_over_all_frames(corpora, cache):
    wanted = experiment()
    utterances = wanted.labelled(read_corpora(corpora, ["ravdess"]))
    split = wanted.protocol.splits(utterances, 0)[0]
    train = ExperimentData(wanted, utterances, cache).parts(split)["train"]
    frames = np.concatenate([train.store.utterance(i) for i in train.members]).astype(np.float64)
    for ours, expected in zip(
        train.statistics("band"), (frames.mean(0), frames.std(0)), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)
    with pytest.raises(InputError, match="found 'cell', but recordings differ in length"):
        train.statistics("cell")


def test_white_noise_has_the_requested_ratio_and_depends_on_the_key():
    speech = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)
    noise = add_white_noise(speech, 20.0, "a") - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(20, abs=0.1)
    np.testing.assert_array_equal(noise, add_white_noise(speech, 20.0, "a") - speech)
    assert not np.array_equal(noise, add_white_noise(speech, 20.0, "b") - speech)


def test_clips_are_cut_and_padded_to_the_frames_asked_for(corpora, tmp_path):
    utterances = read_corpora(corpora, ["ravdess"])[:2]
    config = experiment().features
    store = load_clips(utterances, config, ClipSettings(frames=600), False, tmp_path)
    assert store.speech_frames.tolist() == [600, 600]
    assert (store.utterance(0)[-10:] == -100).all()  # silence


def test_the_commands_train_print_and_plot(corpora, tmp_path, capsys):
    recipe = tmp_path / "words.yaml"
    recipe.write_text(
        yaml.safe_dump({"kind": "experiment", **CONTENT, **VARIANTS["words"], "name": "words"})
    )
    over = tmp_path / "over.yaml"
    over.write_text(yaml.safe_dump({"protocol": {"name": "random", "test": 0.25}}))
    where = ["--corpora", str(corpora), "--runs", str(tmp_path / "runs"), "--on", str(over)]
    assert main(["train", str(recipe), *where, "--seed", "1"]) == 0
    out = capsys.readouterr().out
    assert "words, seed 1, all: WA" in out
    assert "words: WA" in out and "seeds 1;" in out and "last epoch" in out
    output = tmp_path / "figures"
    assert main(["figures", str(recipe), *where, "--seeds", "1", "--output", str(output)]) == 0
    names = {path.name for path in output.iterdir()}
    assert {"words-confusion.png", "words-curves.svg", "words-t-sne.png"} <= names
    assert main(["figures", str(recipe), *where, "--output", str(output)]) == 2
    assert "was not trained yet" in capsys.readouterr().err


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_shipped_recipes_build_their_networks(path):
    wanted = load_recipe(path, Experiment)
    assert experiment_path(wanted.name) == path
    options = dict(wanted.options)
    if wanted.architecture in ("can", "can_text"):
        options["vocabulary"] = ["word"]
    kind = torch.nn.Module
    model = build_model(wanted.architecture, wanted.labels, wanted.features, options, kind)
    assert sum(p.numel() for p in model.parameters()) > 0


@pytest.mark.parametrize(
    "path", sorted((RECIPES / "settings").glob("*.yaml")), ids=lambda p: p.stem
)
def test_settings_go_over_recipes(path):
    recipe = experiment_path("moma" if path.stem == "small-moma" else "cnn-transformer")
    names = [path.stem]
    protocol = read_overlays(names)[0].get("protocol", {"validation": 1})
    if protocol.get("validation", 0) == 0:
        names.append("small-budget")  # early stopping has nothing to watch
    over = read_overlays(names)
    with_settings, without = (
        load_recipe(recipe, Experiment, overlays=overlays) for overlays in (over, over[1:])
    )
    assert with_settings.identity != without.identity


def test_every_row_of_the_tables_has_its_recipe_and_every_recipe_a_row():
    rows = {row.recipe for table in TABLES.values() for row in table.rows}
    assert rows == {load_recipe(path, Experiment).name for path in EXPERIMENTS}


def test_numbers_of_the_papers_are_those_of_the_digest():
    """Spot checks against the papers' own text, one of each table."""
    found = {(n, r.title): r.paper for n, t in TABLES.items() for r in t.rows}
    assert found["sherman-2", "MFCC"] == {"wa": 57}
    assert found["sherman-3", "RAVDESS, 3"] == {"wa": 68}
    assert found["sherman-4", "RAVDESS, convolutions + BLSTM"] == {"wa": 74}
    assert found["lee-2", "AudioModel"] == {"wa": 43.1, "ua": 32.3}
    assert found["lee-4", "- cross attention"] == {"wa": 55.6, "ua": 45.8}
    assert found["he-1", "ILT, trainable plus, no PE"] == {"wa": 67.56, "ua": 68.63}
    assert found["he-2", "LSTM-Transformer"] == {"wa": 55.19, "ua": 56.4}


def test_a_report_names_missing_corpora_and_writes_files(tmp_path, capsys):
    where = ["--corpora", str(tmp_path / "nowhere"), "--runs", str(tmp_path / "runs")]
    files = ["--markdown", str(tmp_path / "a.md"), "--json", str(tmp_path / "a.json")]
    assert main(["report", "lee-3", *where, *files]) == 0
    out = capsys.readouterr().out
    assert "57.9" in out and "Needs the corpus iemocap: aligned; equal." in out
    assert "| aligned | 57.9 | 48.7 | needs the corpus iemocap |" in (tmp_path / "a.md").read_text()
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["rows"][0]["ours"] is None and report["rows"][0]["paper"]["wa"] == 57.9
    assert main(["report", "lee-9", *where]) == 2
    assert "found 'lee-9'; accepted are sherman-2" in capsys.readouterr().err
    assert main(["report", "lee-3", *where, "--on", "mars"]) == 2
    assert "settings: found 'mars'; accepted are" in capsys.readouterr().err


def test_a_report_holds_the_metrics_of_the_runs(corpora, tmp_path, capsys, monkeypatch):
    """he-2's recipes with small networks, on the miniature."""
    over = tmp_path / "over.yaml"
    small = {key: CONTENT[key] for key in ("labels", "corpora", "protocol", "options")}
    small["optimisation"] = {**CONTENT["optimisation"], "patience": 0}
    over.write_text(yaml.safe_dump({**small, "merge": {}, "clip": {"frames": 0}}))
    rows = [row for row in TABLES["he-2"].rows if "lstm-transformer" not in row.recipe][:2]
    table = dataclasses.replace(TABLES["he-2"], rows=tuple(rows))
    monkeypatch.setitem(TABLES, "he-2", table)
    where = ["--corpora", str(corpora), "--runs", str(tmp_path / "runs"), "--on", str(over)]
    files = ["--json", str(tmp_path / "a.json"), "--figures", str(tmp_path / "figures")]
    assert main(["report", "he-2", *where, "--seeds", "0", "1", *files]) == 0
    report = json.loads((tmp_path / "a.json").read_text())
    for row in report["rows"]:
        ours = row["ours"]
        assert ours["seeds"] == [0, 1] and ours["deviation_over"] == "seeds"
        assert np.sum(ours["scores"]["confusion"]) == 32  # 16 recordings, each judged once a seed
        assert ours["mean"]["wa"] == pytest.approx(np.trace(ours["scores"]["confusion"]) / 32)
    assert len(list((tmp_path / "figures").glob("he-2-*-confusion-cat.png"))) == 1
    capsys.readouterr()
    assert main(["report", "he-2", *where, "--seeds", "2", "--no-train", *files[:2]]) == 0
    report = json.loads((tmp_path / "a.json").read_text())
    assert {row["missing"] for row in report["rows"]} == {"not run"}


@pytest.mark.parametrize(
    ("on", "shown"),
    [([], True), (["small-budget"], True), (["papers-habit"], True), (["ravdess-emobox"], False)],
)
def test_numbers_of_the_paper_are_beside_rows_of_the_same_corpus_and_test_part(
    tmp_path, capsys, on, shown
):
    where = ["--no-train", "--runs", str(tmp_path), "--json", str(tmp_path / "a.json")]
    assert main(["report", "sherman-3", *where, *(["--on", *on] if on else [])]) == 0
    rows = {row["recipe"]: row for row in json.loads((tmp_path / "a.json").read_text())["rows"]}
    assert rows["sherman-ravdess"]["paper"] == ({"wa": 80} if shown else {})
    if on:
        assert ("Training differs" in capsys.readouterr().out) == (on != ["papers-habit"])


def test_a_report_leaves_out_rows_that_need_word_times(corpora, tmp_path):
    """RAVDESS's sentences are known; when each word is said is not."""
    over, path = tmp_path / "over.yaml", tmp_path / "a.json"
    small = {key: CONTENT[key] for key in ("labels", "corpora", "protocol")}
    small["options"] = VARIANTS["words"]["options"]
    small["optimisation"] = {"epochs": 1, "patience": 0}
    over.write_text(yaml.safe_dump({**small, "merge": {}}))
    where = ["--corpora", str(corpora), "--runs", str(tmp_path / "runs"), "--on", str(over)]
    assert main(["report", "lee-3", *where, "--seeds", "0", "--json", str(path)]) == 0
    aligned, equal = json.loads(path.read_text())["rows"]
    assert aligned["ours"] is None and aligned["missing"] == "needs times of words"
    assert equal["ours"]["scores"]["n"] == 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimisation": {"epochs": 1, "patience": 3}}, "need a validation part"),
        ({"colour": 1}, "unknown setting colour"),
        ({"protocol": {"name": "loso"}}, "here: protocol: found 'loso'; accepted are random"),
        (
            {"features": {"kind": "wav2vec"}},
            r"features\.kind: found 'wav2vec'; accepted are log_mel",
        ),
        ({"features": {"n_mel": 3}}, "here: .*n_mel"),
        ({"merge": {"calm": "fear"}}, "merge: found calm: fear"),
        ({"seeds": []}, "seeds: found"),
        ({"seeds": 3}, "seeds: found 3; accepted is a list"),
        ({"exclude": "a"}, "exclude: found 'a'; accepted is a list"),
        ({"clip": {"standardise": "clip"}}, "standardise: found 'clip'; accepted are band, cell"),
        ({"optimisation": {"epochs": 1, "schedule": "cosine"}}, "accepted are constant, one_cycle"),
        ({"optimisation": {"epochs": 1, "mixed_precision": 1}}, "mixed_precision: found 1"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        experiment(**changes)


def test_a_label_that_no_recording_has_is_named(corpora):
    wanted = experiment(labels=["neutral", "fear"])
    with pytest.raises(InputError, match="no utterance of ravdess is fear"):
        wanted.labelled(read_corpora(corpora, ["ravdess"]))


def test_options_go_with_their_architecture():
    below = {"architecture": "ilt", "options": {"heads": 2}, "features": {"n_mels": 8}}
    assert overlay(below, {"options": {"layers": 1}})["options"] == {"heads": 2, "layers": 1}
    other = overlay(below, {"architecture": "moma", "features": {"n_fft": 512}})
    assert other["options"] == {} and other["features"] == {"n_mels": 8, "n_fft": 512}


def test_pretrained_word_vectors_are_read_from_a_file(corpora, cache, tmp_path):
    vectors = tmp_path / "glove.txt"
    vectors.write_text("the 1 2 3 4\nunheard 0 0 0 0\n")
    wanted = experiment(**VARIANTS["words"], word_vectors=str(vectors))
    utterances = wanted.labelled(read_corpora(corpora, ["ravdess"]))
    model = ExperimentData(wanted, utterances, cache).model(
        wanted.protocol.splits(utterances, 0)[0]
    )
    (number,) = model.text.vocabulary.numbers(["the"])
    assert model.text.embedding.weight[number].tolist() == [1, 2, 3, 4]


def test_a_recipe_may_not_extend_itself(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: b.yaml")
    (tmp_path / "b.yaml").write_text("extends: a.yaml")
    with pytest.raises(InputError, match=r"a\.yaml: extends itself"):
        load_recipe(tmp_path / "a.yaml")


def test_two_processes_train_the_weights_of_one(corpora, cache, tmp_path):
    """Without dropout and batch statistics, averaged gradients are those of the whole batch."""
    recipe = tmp_path / "moma.yaml"
    content = {
        "kind": "experiment",
        **CONTENT,
        **VARIANTS["MOMA"],
        "name": "moma",
        "protocol": {"name": "random", "test": 0.5},
    }
    # Adam takes a whole step where a gradient is all rounding; with weight decay none is.
    content["optimisation"] = {
        "epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "weight_decay": 1e-2,
    }  # fmt: skip
    recipe.write_text(yaml.safe_dump(content))
    command = ["-m", "ser_stream.cli", "train", str(recipe), "--corpora", str(corpora)]
    command += ["--cache", str(cache)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    weights = []
    for name, start in (("one", []), ("two", launcher)):
        runs = tmp_path / name
        subprocess.run(
            [sys.executable, *start, *command, "--runs", str(runs)],
            check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=180,
        )  # fmt: skip
        weights.append(load_file(next(runs.glob("moma-*/seed0-all/weights.safetensors"))))
    for name, ours in weights[0].items():
        torch.testing.assert_close(ours, weights[1][name], atol=2e-4, rtol=1e-3)


def test_two_processes_train_a_network_with_batch_statistics(corpora, cache, tmp_path):
    """Torch refuses a network of which a weight that is trained gets no gradient."""
    recipe = tmp_path / "sherman.yaml"
    content = {**CONTENT, **VARIANTS["Sherman's"], "optimisation": {"epochs": 1, "batch_size": 4}}
    content["protocol"] = {"name": "random", "test": 0.5}
    recipe.write_text(yaml.safe_dump({**content, "kind": "experiment"}))
    command = [
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "ser_stream.cli", "train", recipe, "--corpora", corpora, "--cache", cache,
        "--runs", tmp_path / "runs",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command], check=True, env=environment, timeout=180)
    assert len(list(tmp_path.glob("runs/*/seed0-all/result.json"))) == 1


def test_forced_alignment_finds_the_times_of_words(speech_path, tmp_path):
    """2-happy.flac is one sentence between 0.8 s of silence on both sides."""
    pytest.importorskip("pocketsphinx")
    text = "That is wonderful! I am so glad that you came today!"
    utterance = Utterance(speech_path, "demo", "someone", "", "happy", "en", text=text)
    (found,) = align([utterance], tmp_path)
    assert [word.text for word in found.words] == text.split()
    assert 0.6 < found.words[0].start_s < 1.2
    assert all(a.end_s <= b.start_s + 0.02 for a, b in itertools.pairwise(found.words))
    assert align([utterance], tmp_path)[0] == found  # from the disk
    with pytest.raises(InputError, match="in 'pl' to align; accepted are English texts"):
        align([dataclasses.replace(utterance, language="pl")], tmp_path)


@pytest.fixture(scope="module")
def iemocap(speech, tmp_path_factory):
    """IEMOCAP in miniature: five sessions of two speakers, who say one sentence in four ways.

    As in the release, Ses03M_impro03_M001, which is excited, has no alignment.
    """
    root = tmp_path_factory.mktemp("iemocap") / "iemocap"
    for number in range(1, 6):
        dialogue = "Ses03M_impro03" if number == 3 else f"Ses{number:02d}F_impro01"
        session = root / f"Session{number}"
        lines, texts = [], []
        for i, (gender, label) in enumerate(itertools.product("FM", ("neu", "exc", "sad", "ang"))):
            name = f"{dialogue}_{gender}{i % 4:03d}"
            sound(session / "sentences/wav" / dialogue / f"{name}.wav", speech[i * 100 : 32_000])
            lines.append(f"[{i}.0 - {i}.9]\t{name}\t{label}\t[2.5, 2.5, 2.5]\n")
            texts.append(f"{name} [{i:03d}.0000-{i:03d}.9000]: I like apple.\n")
            if name != "Ses03M_impro03_M001":
                alignment = session / "sentences/ForcedAlignment" / dialogue / f"{name}.wdseg"
                text(alignment, ALIGNMENT)
        text(session / "dialog/EmoEvaluation" / f"{dialogue}.txt", "\n" + "".join(lines))
        text(session / "dialog/transcriptions" / f"{dialogue}.txt", "".join(texts))
    return root.parent


def test_rows_of_iemocap_run_on_a_copy_of_the_corpus(iemocap, tmp_path, capsys):
    """CAN aligned, and MOMA trained on sessions 1 to 4 and tested on session 5: with one epoch."""
    words = tmp_path / "words.yaml"
    words.write_text(
        "labels: [neutral, excited, sad, angry]\n"
        "protocol: {name: leave_one_session_out, validation: 1, only: [Ses05]}\n"
        "options: {word_dimension: 4, hidden: 4}\noptimisation: {epochs: 1}\n"
    )
    sound_only = tmp_path / "sound.yaml"
    sound_only.write_text("options: {hidden: 4, context: 4}\noptimisation: {epochs: 1}\nseeds: [0]")
    where = ["--corpora", str(iemocap), "--runs", str(tmp_path / "runs")]
    assert main(["train", str(experiment_path("can")), *where, "--on", str(words)]) == 0
    assert main(["train", str(experiment_path("moma")), *where, "--on", str(sound_only)]) == 0
    out = capsys.readouterr().out
    assert "can, seed 0, Ses05: WA" in out and "moma, seed 0, Ses05: WA" in out
    runs = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/*/run.json")]
    for run in runs:
        assert run["utterances"]["test"] == 8 and run["speakers"]["test"] == 2
    n = {run["experiment"]["name"]: sum(run["utterances"].values()) for run in runs}
    assert n == {"can": 39, "moma": 40}
