"""Cross-validation."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from corpus_files import sound
from paths import RECIPES
from ser_stream.cli import main
from ser_stream.corpora.base import Utterance
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.evaluation.predictions import StreamedPredictions
from ser_stream.evaluation.stored_predictions import read_predictions, save_predictions
from ser_stream.models.calibration import Calibration
from ser_stream.recipes.load import load_recipe
from ser_stream.stream.scoring import ScoredPart
from ser_stream.training.cross_validation import fold_recipes, pooled, train_folds

RECIPE = """
kind: speech
name: small
architecture: causal_crnn
options: {channels: [4, 4, 8, 8], encoding: 16, hidden: 8}
labels: [neutral, happy, sad, angry]
corpora: [ravdess]
speakers: {validation: {ravdess: [2]}}
folds: {name: speaker_folds, folds: 2, only: [fold 2]}
mix: {ravdess: 1.0}
utterances_per_epoch: 16
optimisation: {epochs: 1, batch_size: 8}
"""


@pytest.fixture
def recipe_path(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def test_each_fold_is_scored_by_a_network_trained_without_it(
    recipe_path, corpora, tiny_model, tmp_path, capsys
):
    output = tmp_path / "out"
    command = ["train", str(recipe_path), "--corpora", str(corpora), "--output", str(output)]
    command += ["--cache", str(tmp_path / "cache"), "--model", str(tiny_model)]
    assert main(command) == 0
    run = json.loads((output / "fold-2" / "run.json").read_text())
    assert run["recipe"]["speakers"] == {
        "test": {"ravdess": ["ravdess-03", "ravdess-04"]},
        "validation": {"ravdess": ["ravdess-02"]},
    }
    report = json.loads((output / "folds.json").read_text())
    assert report["folds"]["fold 2"]["n"] == report["pooled"]["all labels"]["n"] == 8
    stored = read_predictions(output / "fold-2" / "predictions.npz")
    assert len(stored.by_trigger["utterance"]["alone"]) == 8
    weights = output / "fold-2" / "model" / "model.safetensors"
    finished = weights.stat().st_mtime_ns
    assert main(command) == 0
    assert weights.stat().st_mtime_ns == finished
    assert "2 folds of speakers, of which only fold 2" in capsys.readouterr().out
    recipe_path.write_text(RECIPE.replace("epochs: 1", "epochs: 2"))
    assert main(command) == 2
    assert "optimisation.epochs 1, which is 2 now" in capsys.readouterr().err


def utterances():
    speakers = {
        "ravdess": ("01", "08", "09", "12"), "cremad": ("1001", "1006"), "nemo": ("IC0", "KS0"),
    }  # fmt: skip
    return [
        Utterance(
            Path(f"{corpus}-{name}-{label}.wav"), corpus, f"{corpus}-{name}", "f", label, "en"
        )
        for corpus, names in speakers.items()
        for name in names
        for label in ("neutral", "happy", "sad", "angry", "fear")
    ]


def test_a_held_out_corpus_has_no_share_in_training():
    recipe = load_recipe(RECIPES / "streaming" / "leave-one-corpus-out.yaml")
    validation = {"ravdess": [8, 9], "cremad": [1006], "nemo": ["IC0"]}
    recipe.speakers.clear()
    recipe.speakers["validation"] = validation
    folds = fold_recipes(recipe, utterances())
    assert set(folds) == {"ravdess", "cremad", "nemo"}
    without = folds["ravdess"]
    assert without.mix == pytest.approx({"cremad": 36 / 55, "nemo": 19 / 55})
    parts = without.split(utterances())
    assert {u.corpus for u in parts["test"]} == {"ravdess"}
    assert len(parts["test"]) == 20
    assert {u.corpus for u in parts["train"] + parts["validation"]} == {"cremad", "nemo"}


LEAVE_OUT = """
extends: small.yaml
kind: speech
name: leave-out
corpora: [ravdess, emotiontts_kr]
speakers: {validation: {ravdess: [2], emotiontts_kr: [nek]}}
folds: {name: leave_one_corpus_out, only: [emotiontts_kr]}
mix: {ravdess: 0.5, emotiontts_kr: 0.5}
"""


def test_a_corpus_left_out_is_scored_on_the_labels_that_it_has(
    recipe_path, corpora, tiny_model, tmp_path
):
    folder = tmp_path / "corpora"
    (folder / "emotiontts_kr").mkdir(parents=True)
    (folder / "ravdess").symlink_to(corpora / "ravdess")
    actor = corpora / "ravdess" / "Actor_03"
    for speaker in ("nea", "nek"):  # neutral and sad, of four labels
        for number, code in (("00001", "01"), ("00201", "04")):
            sound_file = actor / f"03-01-{code}-01-01-01-03.flac"
            (folder / "emotiontts_kr" / f"{speaker}{number}.flac").symlink_to(sound_file)
    path = tmp_path / "leave-out.yaml"
    path.write_text(LEAVE_OUT)
    output = tmp_path / "out"
    command = ["train", str(path), "--corpora", str(folder), "--output", str(output)]
    command += ["--cache", str(tmp_path / "cache"), "--model", str(tiny_model)]
    assert main(command) == 0
    scores = json.loads((output / "folds.json").read_text())["folds"]["emotiontts_kr"]
    assert scores["labels"] == ["neutral", "sad"]
    assert scores["n"] == 4 and len(scores["confusion"]) == 2
    run = json.loads((output / "emotiontts_kr" / "run.json").read_text())
    assert run["recipe"]["mix"] == {"ravdess": 1.0}


def test_folds_of_fewer_labels_are_pooled_with_the_others():
    every = {"labels": ["happy", "sad", "fear"], "no_speech": [0, 0, 1]}
    every["confusion"] = [[3, 0, 1], [0, 2, 0], [1, 0, 2]]
    fewer = {"labels": ["sad", "happy"], "no_speech": [1, 0], "confusion": [[4, 1], [0, 2]]}
    expected = {"n": 18, "wa": round(13 / 18, 4), "ua": round((5 / 6 + 6 / 8 + 2 / 4) / 3, 4)}
    assert pooled([every, fewer])["all labels"] == expected


def test_folds_are_pooled_also_with_calm_as_neutral():
    folds = [
        {"labels": ["neutral", "calm", "sad"], "confusion": confusion, "no_speech": [0, 1, 0]}
        for confusion in ([[1, 1, 0], [1, 2, 0], [0, 1, 1]], [[2, 0, 0], [0, 2, 1], [0, 0, 2]])
    ]
    found = pooled(folds)
    assert found["all labels"] == {
        "n": 16,
        "wa": 0.625,
        "ua": round((3 / 4 + 4 / 8 + 3 / 4) / 3, 4),
    }
    assert found["calm as neutral"] == {
        "n": 16, "wa": 0.75, "ua": round((9 / 12 + 3 / 4) / 2, 4),
    }  # fmt: skip


def test_left_out_corpora_are_scored_by_the_calibration_of_the_others(tmp_path):
    """The folds are finished: only their predictions and scores are read."""
    corpora, output = tmp_path / "corpora", tmp_path / "run"
    for actor in (1, 2):
        folder = corpora / "ravdess" / f"Actor_{actor:02d}"
        sound(folder / f"03-01-01-01-01-01-{actor:02d}.wav")
        sound(corpora / "cremad" / f"100{actor}_DFA_NEU_XX.wav")
    path = tmp_path / "left-out.yaml"
    path.write_text(
        RECIPE.replace("[ravdess]", "[ravdess, cremad]")
        .replace("{ravdess: [2]}", "{ravdess: [2], cremad: [1002]}")
        .replace("{name: speaker_folds, folds: 2, only: [fold 2]}", "{name: leave_one_corpus_out}")
        .replace("{ravdess: 1.0}", "{ravdess: 0.5, cremad: 0.5}")
    )
    labels = ("neutral", "happy", "sad", "angry")
    scores = {
        "utterance": {
            "labels": labels, "confusion": np.eye(4, dtype=int).tolist(), "no_speech": [0] * 4
        }
    }  # fmt: skip
    for seed, corpus in enumerate(("ravdess", "cremad")):
        folder = output / corpus
        folder.mkdir(parents=True)
        (folder / "scores.json").write_text(json.dumps(scores))
        rng = np.random.default_rng(seed)
        found = StreamedPredictions(
            SimpleNamespace(
                labels=labels,
                calibration={INTERVAL: Calibration(), UTTERANCE: Calibration()},
            )
        )
        for number in range(60):
            said = Utterance(Path("x.wav"), corpus, "a", "f", labels[number % 4], "en")
            parts = [SimpleNamespace(trigger=t, speech_s=2.0) for t in (INTERVAL, UTTERANCE)]
            found.add(said, parts, [ScoredPart(rng.normal(size=4), None, 0.0) for _ in parts])
        save_predictions(folder / "predictions.npz", labels, [found])
    recipe = load_recipe(path)
    report = train_folds(recipe, corpora, tmp_path / "cache", output, seed=0)
    assert set(report["confidence"]) == {"ravdess", "cremad"}
    assert report["confidence"]["ravdess"]["utterance"]["conditions"]["alone"]["n"] == 60
    assert json.loads((output / "folds.json").read_text())["confidence"] == report["confidence"]
    (output / "ravdess" / "predictions.npz").unlink()  # as a run of an earlier version
    assert "confidence" not in train_folds(recipe, corpora, tmp_path / "cache", output, seed=0)
