"""What cannot be written is told before the work that was for it."""

import pytest

from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.files import check_file, check_folder, check_model_folder


@pytest.mark.parametrize("check", [check_file, check_folder, check_model_folder])
def test_where_nothing_can_be_written_it_is_said(tmp_path, check):
    (tmp_path / "file").write_text("a file, not a folder")
    with pytest.raises(InputError, match="file/model"):
        check(tmp_path / "file" / "model")


def test_a_folder_of_other_files_is_no_models_folder(tmp_path):
    check_model_folder(tmp_path / "new")
    check_model_folder(tmp_path / "new")  # empty
    (tmp_path / "new" / "README.md").write_text("mine")
    with pytest.raises(InputError, match="new, which holds files that are no model's"):
        check_model_folder(tmp_path / "new")
    (tmp_path / "new" / "model.json").write_text("{}")
    check_model_folder(tmp_path / "new")


@pytest.mark.parametrize("output", [".", "README.md"])
def test_adapt_writes_over_nobodys_files(tmp_path, monkeypatch, speech_path, capsys, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    assert main(["adapt", "tiny", str(speech_path), "--output", output]) == 2
    assert f"--output: found {output}, " in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_device_that_is_not_there_is_said_before_the_work(tmp_path, capsys):
    recipe = "config/recipes/streaming/default.yaml"
    command = ["train", recipe, "--corpora", str(tmp_path), "--output", str(tmp_path / "run")]
    assert main([*command, "--device", "gpu"]) == 2
    error = capsys.readouterr().err
    assert "device 'gpu'" in error and "accepted are auto, cpu, and cuda" in error


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            ["evaluate", "tiny", "--recipe", "papers/he/cat.yaml", "--corpora", "."],
            "a paper's experiment",
        ),
        (["figures", "streaming/default.yaml", "--corpora", "."], "of a model that streams"),
    ],
)
def test_a_recipe_of_the_other_kind_is_told_from_a_wrong_one(monkeypatch, capsys, command, says):
    monkeypatch.chdir("config/recipes")
    assert main(command) == 2
    assert says in capsys.readouterr().err
