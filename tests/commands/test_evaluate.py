"""`ser-stream evaluate` on own clips, of several models, with figures and with bad input."""

import json
import shutil

import numpy as np
import pytest
import soundfile
from PIL import Image

from corpus_files import text
from ser_stream.cli import main
from tiny_checkpoints import make_checkpoint


@pytest.fixture
def table(corpora, tmp_path):
    """Sixteen clips of four speakers and four emotions."""
    rows = ["path,label,speaker"]
    names = {"01": "neutral", "03": "happy", "04": "sad", "05": "angry"}
    for path in sorted((corpora / "ravdess").glob("*/*.flac")):
        rows.append(f"{path},{names[path.stem.split('-')[2]]},{path.parent.name}")
    return text(tmp_path / "clips.csv", "\n".join(rows) + "\n")


def with_row(table, row):
    """Add a row to a table of clips."""
    table.write_text(table.read_text() + row + "\n")
    return table


def evaluate(capsys, *arguments):
    """Exit code, stdout and stderr of the command."""
    code = main(["evaluate", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_own_clips_are_scored_with_intervals(table, tiny_model, capsys):
    code, out, err = evaluate(capsys, tiny_model, table, "--json")
    assert code == 0
    assert "ser-stream:" not in err
    report = json.loads(out)
    assert report["clips"] == str(table)
    scores = report["corpora"]["own"]["utterance"]
    assert scores["n"] == 16
    for metric in ("wa", "ua"):
        low, high = scores[f"{metric}_ci95"]
        assert low <= scores[metric] <= high
    assert "wa_ci95" not in report["corpora"]["own"]["interval"]
    assert sum(each["n"] for each in scores["reliability"]) == 16
    assert evaluate(capsys, tiny_model, table, "--json")[1] == out


def test_a_folder_with_a_table_is_accepted(table, tiny_model, capsys):
    table.rename(table.parent / "labels.csv")
    code, out, _ = evaluate(capsys, tiny_model, table.parent)
    assert code == 0
    assert "labels.csv, streamed" in out
    assert "95 % CI" in out
    assert "true label in rows" in out  # of a single model


def test_several_models_are_in_one_table(table, tiny_model, capsys):
    code, out, _ = evaluate(capsys, tiny_model, "tiny", table)
    assert code == 0
    assert out.count("95 % CI") == 2  # of WA and UA, in one heading
    assert "model" in out
    assert "true label in rows" not in out


def test_models_of_the_same_name_are_told_apart_by_their_folders(
    table, tiny_model, tmp_path, capsys
):
    copies = [shutil.copytree(tiny_model, tmp_path / name) for name in ("a", "b")]
    code, out, _ = evaluate(capsys, *copies, table, "--figures", tmp_path / "figures")
    assert code == 0
    assert len(list((tmp_path / "figures").iterdir())) == 8
    assert "clips.csv, utterance:" in out


def test_figures_are_written_for_each_model(table, tiny_model, tmp_path, capsys):
    code, _, err = evaluate(capsys, tiny_model, table, "--figures", tmp_path / "new")
    assert code == 0
    names = [
        "tiny-confusion-own.png",
        "tiny-coverage.png",
        "tiny-groups.png",
        "tiny-reliability.png",
    ]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    for name in names:
        assert str(tmp_path / "new" / name) in err
        with Image.open(tmp_path / "new" / name) as image:
            assert min(image.size) > 300


def test_models_with_different_labels_are_scored_on_those_they_share(table, tiny_model, capsys):
    first_clip = table.read_text().splitlines()[1].split(",")[0]
    shutil.copy(first_clip, table.parent / "1.flac")
    code, out, err = evaluate(
        capsys, tiny_model, "open", with_row(table, "1.flac,surprise,"), "--json"
    )
    assert code == 0
    assert "scored are those that all have" in err
    assert "1 clip was left out" in err
    for line in out.splitlines():
        report = json.loads(line)
        scores = report["corpora"]["own"]["utterance"]
        assert "surprise" not in scores["labels"]
        assert scores["n"] == 16
        assert len(report["left_out"]) == 1
    assert json.loads(out.splitlines()[0])["scored_labels"] == scores["labels"]


@pytest.mark.huggingface
def test_hugging_face_checkpoints_are_compared_with_shipped_models(table, tmp_path, capsys):
    checkpoint = make_checkpoint(tmp_path / "checkpoint")
    code, out, err = evaluate(capsys, "tiny", checkpoint, table, "--json")
    assert code == 0
    assert "scored are those that all have, neutral, happy, sad, angry" in err
    shares = [json.loads(line)["corpora"]["own"]["utterance"]["n"] for line in out.splitlines()]
    assert shares == [16, 16]


def test_clips_with_unknown_labels_are_listed_and_left_out(table, tiny_model, capsys):
    code, out, err = evaluate(capsys, tiny_model, with_row(table, "1.wav,grumpy,"), "--json")
    assert code == 0
    assert "1 clip was left out" in err
    assert "line 18" in err
    assert json.loads(out)["corpora"]["own"]["utterance"]["n"] == 16


def test_clips_that_cannot_be_read_are_listed_and_the_others_scored(table, tiny_model, capsys):
    with_row(table, "missing.wav,sad,")
    with_row(table, "broken.wav,sad,")
    (table.parent / "broken.wav").write_bytes(b"no sound")
    code, out, err = evaluate(capsys, tiny_model, table)
    assert code == 2
    assert "2 clips were not scored, since they cannot be read" in err
    assert "missing.wav" in err
    assert "broken.wav" in err
    assert " 16 " in out


def test_own_clips_are_scored_under_conditions(table, tiny_model, tmp_path, capsys):
    noise = tmp_path / "corpora" / "esc10" / "rain" / "4-1-1.wav"
    noise.parent.mkdir(parents=True)
    soundfile.write(noise, np.random.default_rng(0).normal(0, 0.1, 8000), 16_000)
    with_row(table, "broken.wav,sad,")
    (table.parent / "broken.wav").write_bytes(b"no sound")
    arguments = [tiny_model, table, "--corpora", tmp_path / "corpora", "--conditions"]
    arguments += ["clean", "noise-0dB"]
    code, out, err = evaluate(capsys, *arguments)
    assert code == 2
    assert "1 clip was not scored" in err
    assert "| condition | own clips | mean | against clean |" in out
    assert "| noise-0dB |" in out
    _, out, err = evaluate(capsys, *arguments, "--json", "--figures", tmp_path / "figures")
    report = json.loads(out)
    assert report["clips"] == str(table)
    assert report["conditions"]["clean"]["own"]["n"] == 16
    (figure,) = (tmp_path / "figures").iterdir()
    assert str(figure) in err.splitlines()


def test_a_table_without_readable_clips_is_an_error_of_one_line(tmp_path, capsys):
    text(tmp_path / "clips.csv", "path,label\nbroken.wav,sad\n")
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    code, out, err = evaluate(capsys, "tiny", tmp_path / "clips.csv")
    assert (code, out) == (2, "")
    assert "none of the 1 recordings can be read" in err
    assert "broken.wav" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "clips.csv: No such file"),
        ("file,emotion\n1.wav,sad\n", "no column path, label; found file, emotion"),
        ("path,label\nmissing.wav,sad\n", "no clip is left to score"),
        ("path,label\n", "it lists no clips"),
    ],
)
def test_an_invalid_table_is_an_error_of_one_line(content, message, tmp_path, capsys):
    if content is not None:
        text(tmp_path / "clips.csv", content)
    code, out, err = evaluate(capsys, "tiny", tmp_path / "clips.csv")
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_missing_model_is_reported_before_any_model_is_scored(table, tiny_model, capsys):
    code, out, err = evaluate(capsys, tiny_model, "nobody", table)
    assert (code, out) == (2, "")
    assert "model 'nobody': no such folder" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny"], "found neither clips nor a recipe"),
        (["clips.csv"], "found no model beside the clips clips.csv"),
        (["tiny", "a.csv", "b.csv"], "found 2 tables of clips, a.csv, b.csv"),
        (["tiny", "a.csv", "--recipe", "r.yaml"], "found both --recipe and the clips a.csv"),
        (["tiny", "--recipe", "r.yaml"], "--recipe needs --corpora"),
        (["tiny", "a.csv", "--save"], "--save: goes with --recipe"),
        (["tiny", "a.csv", "--conditions"], "--conditions: needs --corpora DIR"),
        (["tiny", "a.csv", "--conditions", "fog"], "--conditions fog: accepted are clean"),
        (
            [
                "tiny",
                "--recipe",
                "config/recipes/streaming/tiny.yaml",
                "--corpora",
                ".",
                "--conditions",
                "--save",
            ],
            "--conditions: does not go with --save",
        ),
        (["tiny", "a.csv", "--clips", "3"], "--clips: goes with --recipe"),
    ],
)
def test_incompatible_options_are_refused(arguments, message, capsys):
    code, out, err = evaluate(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("option", [("--first", "default"), ("--asr", "pocketsphinx")])
def test_options_of_words_are_refused_for_a_model_without_words(option, tmp_path, capsys):
    where = ["--recipe", "config/recipes/streaming/open.yaml", "--corpora", str(tmp_path)]
    assert main(["evaluate", "open", *option, *where]) == 2
    assert (
        f"{option[0]}: goes with the recipe of a model that takes sound and words"
        in capsys.readouterr().err
    )
