"""Fine-tuning on own clips."""

import dataclasses
import re
import tempfile
from pathlib import Path

import pytest
import torch

from corpus_files import text
from ser_stream import Recognizer
from ser_stream.cli import main
from ser_stream.corpora.base import Utterance
from ser_stream.errors import InputError
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.training.fine_tune import fine_tune, hold_out, print_report

QUICK = Optimisation(epochs=2, batch_size=8, learning_rate=1e-3)


def clips(n, n_speakers):
    return [
        Utterance(
            Path(f"{i}.wav"), "own", str(i % n_speakers), "", ("sad", "happy")[i // 2 % 2], ""
        )
        for i in range(n)
    ]


# The table


# Held-out clips


def test_speakers_are_held_out_where_there_are_three():
    train_clips, held_out, by_speaker = hold_out(clips(40, 5), seed=1)
    assert by_speaker
    assert not {u.speaker for u in train_clips} & {u.speaker for u in held_out}
    assert len(train_clips) + len(held_out) == 40
    assert len(held_out) >= 8


def test_clips_of_every_label_are_held_out_where_there_is_one_speaker():
    train_clips, held_out, by_speaker = hold_out(clips(40, 1), seed=1)
    assert not by_speaker
    assert len(held_out) == 8
    assert {u.label for u in train_clips} == {u.label for u in held_out} == {"sad", "happy"}
    assert not {u.key for u in train_clips} & {u.key for u in held_out}


@pytest.mark.parametrize("utterances", [clips(19, 3), clips(2, 1) * 10])
def test_too_few_clips_or_labels_are_refused(utterances):
    with pytest.raises(InputError, match="needed are 20 of two labels"):
        hold_out(utterances, 0)


# Fine-tuning


@pytest.fixture(scope="module")
def own_clips(corpora, tmp_path_factory):
    """Sixteen recordings of four speakers, each listed with its copy."""
    folder = tmp_path_factory.mktemp("own")
    codes = {"01": "neutral", "03": "surprise", "04": "sad", "05": "angry"}
    rows = ["path,label,speaker"]
    for path in sorted((corpora / "ravdess").rglob("*.flac")):
        label, speaker = codes[path.stem.split("-")[2]], path.parent.name
        (folder / f"copy-{path.name}").symlink_to(path)
        rows += [f"{path},{label},{speaker}", f"copy-{path.name},{label},{speaker}"]
    return text(folder / "labels.csv", "\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def tuned(own_clips, tiny_model, tmp_path_factory):
    output = tmp_path_factory.mktemp("tuned") / "mine"
    return fine_tune(str(tiny_model), own_clips, output, 0, QUICK), output


def test_a_model_is_fine_tuned_on_own_clips_and_scored_before_and_after(tuned, tiny_model):
    report, output = tuned
    assert report["clips"] == 32
    assert report["held_out"]["speakers"]
    assert report["before"]["n"] == report["after"]["n"] == report["held_out"]["clips"]
    model, info = load_model(output / "model")
    before, _ = load_model(tiny_model)
    assert info.name == "mine"
    assert "own clips" in info.training_data.corpora[-1]
    assert not torch.equal(model.output.weight, before.output.weight)
    assert (output / "model" / "README.md").is_file()


def test_sound_and_features_never_reach_temporary_files(
    own_clips, tiny_model, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    fine_tune(str(tiny_model), own_clips, tmp_path / "run", optimisation=QUICK)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    names = ("", "/model.safetensors", "/model.json", "/README.md")
    assert written == {"run", *(f"run/model{name}" for name in names)}


def test_a_fine_tuned_shipped_model_can_be_used(own_clips, tmp_path, speech_path):
    """It has no ONNX files, which would hold the weights of before."""
    fine_tune("tiny", own_clips, tmp_path / "mine", 0, QUICK)
    folder = tmp_path / "mine" / "model"
    assert load_model(folder)[1].onnx is None
    assert list(Recognizer(folder).stream(speech_path))


@pytest.mark.parametrize("named", [True, False])
def test_the_model_keeps_its_speaker_memory_if_the_clips_name_their_speakers(
    named, own_clips, tiny_model, tmp_path
):
    network, info = load_model(tiny_model)
    remembering = dataclasses.replace(info, speaker_memory=True)
    save_model(tmp_path / "remembers", network, remembering)
    lines = own_clips.read_text().splitlines()
    if not named:
        lines = [line.rsplit(",", 1)[0] for line in lines]
    table = text(own_clips.parent / f"{named}.csv", "\n".join(lines) + "\n")
    fine_tune(str(tmp_path / "remembers"), table, tmp_path / "mine", 0, QUICK)
    assert load_model(tmp_path / "mine" / "model")[1].speaker_memory == named


def test_the_command_prints_counts_before_and_after_and_the_next_command(
    own_clips, tiny_model, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("ser_stream.training.fine_tune.fine_tune.__defaults__", (0, QUICK, False))
    command = ["train", str(own_clips), "--model", str(tiny_model), "--output", str(tmp_path)]
    assert main(command) == 0
    out = capsys.readouterr().out
    for fact in ("before", "after", "speakers without clips in training", str(tmp_path / "model")):
        assert fact in out
    assert re.search(r"\d+ to \d+ of \d+ correct \(95 % interval \d+ to \d+ %\)", out)
    assert f"ser-stream listen --model {tmp_path / 'model'}\n" in out


def scores(confusion):
    labels = ["sad", "happy"]
    return {
        "labels": labels, "confusion": confusion, "no_speech": [0, 0], "n": sum(map(sum, confusion))
    }  # fmt: skip


def report(before, after):
    return {
        "clips": 85, "held_out": {"clips": 17, "speakers": []}, "added": [], "without_clips": [],
        "before": scores(before), "after": scores(after), "output": "mine/model",
    }  # fmt: skip


def test_the_report_has_counts_an_interval_and_says_where_the_gain_may_be_chance(capsys):
    print_report(report([[3, 6], [5, 3]], [[4, 5], [5, 3]]))
    out = " ".join(capsys.readouterr().out.split())
    # Wilson's interval of 7 of 17, by Newcombe's formula: 0.216 to 0.640.
    assert "6 to 7 of 17 correct (95 % interval 22 to 64 %); a difference this small may" in out
    assert "listen with the new model: ser-stream listen --model mine/model" in out


def test_the_report_does_not_call_a_large_gain_chance(capsys):
    print_report(report([[1, 8], [7, 1]], [[8, 1], [1, 7]]))
    out = " ".join(capsys.readouterr().out.split())
    assert "2 to 15 of 17 correct (95 % interval 66 to 97 %)" in out
    assert "chance" not in out


def test_the_report_advises_against_a_model_that_is_worse(capsys):
    print_report(report([[9, 0], [0, 8]], [[4, 5], [5, 3]]))
    out = " ".join(capsys.readouterr().out.split())
    assert "17 to 7 of 17 correct" in out
    assert "keep the present one" in out


def test_the_next_command_can_be_pasted_where_the_path_has_a_space(capsys):
    print_report({**report([[4, 5], [5, 3]], [[4, 5], [5, 3]]), "output": "my clips/model"})
    assert capsys.readouterr().out.endswith("--model 'my clips/model'\n")


def test_a_model_without_log_mel_features_is_refused(own_clips, tmp_path, capsys):
    command = ["train", str(own_clips), "--model", "can-english", "--output", str(tmp_path)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "can-english" in error
    assert "--text-model" in error


def test_a_recipe_needs_the_corpora(capsys):
    assert main(["train", "config/recipes/streaming/default.yaml"]) == 2
    assert "--corpora" in capsys.readouterr().err
