"""Writing files: JSON that people read, and output paths that cannot be written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.files import prepare_file, prepare_folder, prepare_model_folder, write_json

TEXTS = st.text(alphabet='ab "\\[]{},\n', max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)


@given(value=VALUES)
def test_json_reads_back_as_it_was_written(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "a.json"
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_lists_of_plain_values_take_one_line(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": [[1, 2], [3, 4]], "b": []})
    assert path.read_text(encoding="utf-8") == (
        '{\n "a": [\n  [1, 2],\n  [3, 4]\n ],\n "b": []\n}\n'
    )


@pytest.mark.parametrize("check", [prepare_file, prepare_folder, prepare_model_folder])
def test_a_path_that_cannot_be_written_is_named(tmp_path, check):
    (tmp_path / "file").write_text("a file, not a folder")
    with pytest.raises(InputError, match="file/model"):
        check(tmp_path / "file" / "model")


def test_a_folder_of_other_files_is_refused_for_a_model(tmp_path):
    prepare_model_folder(tmp_path / "new")
    prepare_model_folder(tmp_path / "new")  # empty
    (tmp_path / "new" / "README.md").write_text("mine")
    with pytest.raises(InputError, match="new, which holds other files than a model's"):
        prepare_model_folder(tmp_path / "new")
    (tmp_path / "new" / "model.json").write_text("{}")
    prepare_model_folder(tmp_path / "new")


@pytest.mark.parametrize("output", [".", "README.md"])
def test_adapt_never_overwrites_other_files(tmp_path, monkeypatch, speech_path, capsys, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    assert main(["adapt", "tiny", str(speech_path), "--output", output]) == 2
    assert f"--output: found {output}, " in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"


def test_an_unknown_device_is_named_before_any_work(tmp_path, capsys):
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
def test_a_recipe_of_the_other_kind_is_named_as_such(monkeypatch, capsys, command, says):
    monkeypatch.chdir("config/recipes")
    assert main(command) == 2
    assert says in capsys.readouterr().err
