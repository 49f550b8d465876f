"""Calibration on corpora that were left out of training."""

import json
import shutil

import numpy as np
import pytest
import scipy.special

from ser_stream.cli import main
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.errors import InputError
from ser_stream.evaluation.predictions import Predictions
from ser_stream.evaluation.stored_predictions import StoredPredictions
from ser_stream.models.info import read_info
from ser_stream.training.left_out import fit_left_out, read_left_out, score_left_out

LABELS = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
CORPORA = ("ravdess", "cremad", "nemo")


def predictions(new, known, known_s, seed, n=600):
    """Logits whose labels are drawn at the temperatures of a new and of a known voice."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (n, len(LABELS)))
    seconds = np.broadcast_to(known_s, n).astype(float)
    divisor = known + (new - known) * 2 / (2 + seconds)
    probabilities = scipy.special.softmax(logits / divisor[:, None], axis=1)
    targets = (rng.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return Predictions(logits, np.minimum(targets, len(LABELS) - 1), seconds, np.full(n, 2.0))


def corpus(seed, new=5.0, known=2.0):
    return StoredPredictions(
        LABELS,
        {
            trigger: {
                "alone": predictions(new, known, 0.0, 10 * seed + offset),
                "in a row": predictions(new, known, np.arange(600) % 20, 10 * seed + offset + 1),
            }
            for offset, trigger in enumerate((INTERVAL, UTTERANCE))
        },
    )


@pytest.fixture(scope="module")
def left_out():
    return {name: [corpus(number)] for number, name in enumerate(CORPORA)}


def write_run(folder, left_out, protocol="leave one corpus out; last epoch"):
    """The folder of a finished run, as `train_folds` leaves it."""
    for name, (stored,) in left_out.items():
        (folder / name).mkdir(parents=True)
        arrays = {"labels": np.array(stored.labels)}
        for trigger, conditions in stored.by_trigger.items():
            for condition, found in conditions.items():
                for field in ("logits", "targets", "voice_known_s", "speech_s"):
                    arrays[f"{trigger}/{condition}/{field}"] = getattr(found, field)
        np.savez(folder / name / "predictions.npz", **arrays)
    report = {"protocol": protocol, "folds": {name: {} for name in left_out}}
    (folder / "folds.json").write_text(json.dumps(report))
    return folder


@pytest.fixture
def run(left_out, tmp_path):
    return write_run(tmp_path / "run", left_out)


def test_both_temperatures_are_recovered(left_out):
    fitted = fit_left_out(left_out)[UTTERANCE]
    assert fitted.new_voice_temperature == pytest.approx(5.0, rel=0.1)
    assert fitted.temperature == pytest.approx(2.0, rel=0.1)


def test_confidence_and_label_sets_are_right_on_a_corpus_like_the_others(left_out):
    for triggers in score_left_out(left_out).values():
        for trigger in (INTERVAL, UTTERANCE):
            for scores in triggers[trigger]["conditions"].values():
                assert scores["n"] == 600
                assert scores["calibration_error"] < 0.07
                assert scores["label_set_coverage"] == pytest.approx(0.9, abs=0.05)


def test_a_corpus_is_scored_by_what_was_fitted_to_the_others(left_out):
    """On a corpus of another kind, the calibration of the others is wrong, and its own is not."""
    other = {**left_out, "nemo": [corpus(7, new=0.5, known=0.5)]}
    report = score_left_out(other)
    assert report["nemo"][UTTERANCE]["new_voice_temperature"] == pytest.approx(5.0, rel=0.1)
    assert report["nemo"][UTTERANCE]["conditions"]["alone"]["calibration_error"] > 0.2
    assert report["ravdess"][UTTERANCE]["new_voice_temperature"] < 5.0


def test_the_floor_lets_half_of_the_answers_to_new_voices_be_right(left_out):
    fitted = fit_left_out(left_out)[UTTERANCE]
    alone = [members[0].by_trigger[UTTERANCE]["alone"] for members in left_out.values()]
    shares = []
    for found in alone:
        probabilities = found.probabilities(fitted)
        answered = probabilities.max(axis=1) >= fitted.floor
        shares.append((probabilities.argmax(axis=1) == found.targets)[answered].mean())
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
    assert fit_left_out(left_out, right=0.8)[UTTERANCE].floor > fitted.floor


def test_a_model_is_calibrated_by_one_command(run, tiny_model, tmp_path, capsys):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    before = read_info(model).calibration
    figures = tmp_path / "figures"
    command = ["calibrate", str(model), "--from", str(run), "--figures", str(figures)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "floor" in printed and "ravdess" in printed and "for a new voice" in printed
    for trigger, calibration in read_info(model).calibration.items():
        assert calibration.new_voice_temperature == pytest.approx(5.0, rel=0.1)
        assert calibration.label_sets.coverage == 0.9
        assert calibration.neutral == before[trigger].neutral
    assert {path.name for path in figures.iterdir()} >= {
        "left-out-coverage-alone.png", "left-out-reliability-in-a-row.png",
    }  # fmt: skip
    assert "for a new voice" in (model / "README.md").read_text()
    assert main([*command[:4], "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(CORPORA)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name --recipe and --corpora, or runs by --from"),
        (["--recipe", "r.yaml"], "name --recipe and --corpora, or runs by --from"),
        (["--from", "missing"], "missing: found no readable folds.json"),
        (["--from", "missing", "--corpora", "c"], "name --recipe and --corpora, or runs by --from"),
        (["--recipe", "r", "--corpora", "c", "--right", "0.6"], "--right, --figures, --json: go"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, message, tiny_model, capsys):
    assert main(["calibrate", str(tiny_model), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("share", ["0", "1", "nan", "half"])
def test_a_share_that_is_none_is_refused(share, capsys):
    with pytest.raises(SystemExit):
        main(["calibrate", "m", "--from", "r", "--right", share])
    assert f"found {share}; accepted is a number between 0 and 1" in capsys.readouterr().err


def test_runs_that_leave_out_no_corpora_are_refused(left_out, tmp_path):
    speakers = write_run(tmp_path / "speakers", left_out, "5 folds of speakers; last epoch")
    with pytest.raises(InputError, match="accepted is one that leaves one corpus out"):
        read_left_out([speakers])
    one = write_run(tmp_path / "one", {"nemo": left_out["nemo"]})
    with pytest.raises(InputError, match="needed are two or more"):
        read_left_out([one])


def test_runs_with_other_labels_than_the_model_are_refused(left_out, tmp_path, tiny_model, capsys):
    few = {
        name: [StoredPredictions((*LABELS[:6], "calm"), stored.by_trigger)]
        for name, (stored,) in left_out.items()
    }
    run = write_run(tmp_path / "run", few)
    assert main(["calibrate", str(tiny_model), "--from", str(run)]) == 2
    assert "they must be the same: confidence depends on" in capsys.readouterr().err
    mixed = [run, write_run(tmp_path / "other", left_out)]
    with pytest.raises(InputError, match="runs with different labels"):
        read_left_out(mixed)


def test_runs_of_several_seeds_are_fitted_together(run, left_out):
    found = read_left_out([run, run])
    assert {name: len(members) for name, members in found.items()} == dict.fromkeys(CORPORA, 2)
    twice = fit_left_out(found)[UTTERANCE]
    assert twice.temperature == pytest.approx(
        fit_left_out(left_out)[UTTERANCE].temperature, rel=1e-3
    )
