"""Experiments and reports, on a miniature of RAVDESS that is made of the test recordings."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from corpus_files import sound, text
from experiments import VARIANTS, experiment
from iemocap_files import ALIGNMENT
from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.papers.run import Folders, run_experiment
from ser_stream.papers.summary import Summary
from ser_stream.recipes.folders import experiment_path
from ser_stream.training import trainer
from training_data import interrupt_after_epoch


@pytest.mark.parametrize("name", VARIANTS)
def test_an_experiment_evaluates_every_recording_of_its_test_parts(
    name, corpora, feature_cache, tmp_path
):
    wanted = experiment(**VARIANTS[name])
    folders = Folders(corpora, feature_cache, tmp_path)
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


def test_a_run_is_reproduced_bit_for_bit_and_not_repeated(corpora, feature_cache, tmp_path):
    wanted = experiment(protocol={"name": "random", "test": 0.25})
    folders = [Folders(corpora, feature_cache, tmp_path / name) for name in "ab"]
    first, again = (run_experiment(wanted, f, log=lambda _line: None) for f in folders)
    paths = [f.run(wanted, 0, "all") / "weights.safetensors" for f in folders]
    ours, theirs = map(load_file, paths)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    np.testing.assert_array_equal(first[0].scores.confusion, again[0].scores.confusion)
    written = paths[0].stat().st_mtime_ns
    run_experiment(wanted, folders[0], log=lambda _line: None)
    assert paths[0].stat().st_mtime_ns == written


def test_an_interrupted_run_ends_with_the_same_weights(
    corpora, feature_cache, tmp_path, monkeypatch
):
    wanted = experiment(**VARIANTS["early stopping"])
    folders = [Folders(corpora, feature_cache, tmp_path / name) for name in "ab"]
    monkeypatch.setattr(trainer, "print_line", interrupt_after_epoch(1))
    with pytest.raises(KeyboardInterrupt):
        run_experiment(wanted, folders[0])
    monkeypatch.undo()
    results = [run_experiment(wanted, f, log=lambda _line: None)[0] for f in folders]
    assert results[0].kept_epoch == results[1].kept_epoch
    paths = [f.run(wanted, 0, "fold 1") / "weights.safetensors" for f in folders]
    ours, theirs = map(load_file, paths)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_with_another_test_part_is_refused(corpora, feature_cache, tmp_path):
    """This happens when a corpus has grown since the run."""
    wanted = experiment(protocol={"name": "random", "test": 0.25})
    folders = Folders(corpora, feature_cache, tmp_path)
    (result,) = run_experiment(wanted, folders, log=lambda _line: None)
    folder = folders.run(wanted, 0, "all")
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "tested": "0" * 8}))
    with pytest.raises(InputError, match="seed0-all: found a run with another test part than all"):
        run_experiment(wanted, folders)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert result.seconds == pytest.approx(sum(json.loads(line)["seconds"] for line in lines))


def test_early_stopping_keeps_the_best_epoch(corpora, feature_cache, tmp_path, monkeypatch):
    """With these losses the second epoch is best, and two worse ones end the training."""
    optimisation = {"epochs": 9, "patience": 2, "monitor": "loss"}
    wanted = experiment(**{**VARIANTS["early stopping"], "optimisation": optimisation})
    losses = iter([3.0, 1.0, 2.0, 1.5])
    weights = []
    predict = trainer.predict

    def predict_with_loss(model, data):
        """Return logits of which the cross-entropy is the next of the losses."""
        loss = next(losses, None)
        if loss is None:
            return predict(model, data)
        weights.append({k: v.clone() for k, v in model.state_dict().items()})
        targets = torch.from_numpy(data.targets)
        wrong = math.log(math.expm1(loss) / (len(wanted.labels) - 1))
        return torch.full((len(targets), len(wanted.labels)), wrong).scatter(1, targets[:, None], 0)

    monkeypatch.setattr(trainer, "predict", predict_with_loss)
    folders = Folders(corpora, feature_cache, tmp_path)
    (result,) = run_experiment(wanted, folders, log=lambda _line: None)
    assert result.kept_epoch == 2
    run = folders.run(wanted, 0, "fold 1")
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 4
    kept = load_file(run / "weights.safetensors")
    assert all(torch.equal(kept[name], weights[1][name]) for name in weights[1])


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
