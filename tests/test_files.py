"""Writing files: in one step, JSON that people read, and output paths that cannot be written."""

import ast
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ending import killed_at, run_apart, temporaries, with_largest_file
from paths import ROOT
from ser_stream import files
from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.files import (
    copy_file,
    prepare_file,
    prepare_folder,
    read_limited,
    replacing,
    temporary_folder,
    write_json,
    write_text,
)
from ser_stream.models.folder import prepare_model_folder

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


def test_a_file_killed_at_any_write_has_the_old_or_the_new_content(tmp_path):
    path = tmp_path / "results.json"
    contents, number = [], 0
    path.write_text("old")
    while killed_at(number, tmp_path, lambda: write_text(path, "new")):
        contents.append(path.read_text())
        write_text(tmp_path / "another", "")
        assert temporaries(tmp_path) == []
        path.write_text("old")
        number += 1
    assert set(contents) == {"old", "new"} and len(contents) > 3


def test_temporary_files_of_a_running_process_are_left_alone(tmp_path):
    with replacing(tmp_path / "a") as slow:
        slow.write(b"content")
        with temporary_folder(tmp_path) as scratch:
            assert run_apart(lambda: write_text(tmp_path / "b", "")) == (0, "")
            assert temporaries(tmp_path) == [scratch]  # the file has no name yet
            (scratch / "file").touch()
    assert (tmp_path / "a").read_bytes() == b"content"
    assert temporaries(tmp_path) == []


def test_files_have_temporary_names_where_the_file_system_needs_them(tmp_path, monkeypatch):
    def no_files_without_names(*_):
        return None

    monkeypatch.setattr(files, "_file_without_name", no_files_without_names)
    with replacing(tmp_path / "a") as slow:
        slow.write(b"content")
        assert run_apart(lambda: write_text(tmp_path / "b", "")) == (0, "")
        assert len(temporaries(tmp_path)) == 1
    assert (tmp_path / "a").read_bytes() == b"content"
    contents, number = [], 0
    while killed_at(number, tmp_path, lambda: write_text(tmp_path / "a", "new")):
        contents.append((tmp_path / "a").read_text())
        write_text(tmp_path / "another", "")
        assert temporaries(tmp_path) == []
        number += 1
    assert len(contents) > 3


def test_nothing_is_left_of_a_file_whose_process_is_killed(tmp_path):
    def written_halfway():
        with replacing(tmp_path / "features") as file:
            file.write(b"voice")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    assert run_apart(written_halfway) == (signal.SIGKILL, "")
    assert list(tmp_path.iterdir()) == []


def test_a_private_file_is_for_its_user_alone(tmp_path):
    (tmp_path / "a").touch(0o644)
    with replacing(tmp_path / "a", private=True) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_no_more_than_the_limit_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_limited(tmp_path / "a", 5) == b"12345"
    with pytest.raises(InputError, match="a: found 5 bytes; accepted are 4 at most"):
        read_limited(tmp_path / "a", 4)
    with pytest.raises(InputError, match="/dev/zero: found more than 4 bytes; accepted are 4"):
        read_limited(Path("/dev/zero"), 4)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_mode_follows_the_umask(tmp_path, umask):
    def write():
        os.umask(umask)
        write_text(tmp_path / "new", "")
        write_text(tmp_path / "old", "")
        copy_file(tmp_path / "protected", tmp_path / "copy")

    (tmp_path / "old").touch(0o600)
    (tmp_path / "protected").touch(0o444)
    assert run_apart(write) == (0, "")
    for name in ("new", "old", "copy"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~umask


def test_an_array_on_a_full_disk_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "features.npy"

    def write():
        with replacing(path) as file:
            np.save(file, np.zeros(100_000))

    _, error = run_apart(with_largest_file(1000, write))
    assert f"[Errno {errno.EFBIG}] File too large; nothing there was changed: '{path}'" in error
    assert list(tmp_path.iterdir()) == []


def test_errors_name_the_file_and_not_its_temporary_name(tmp_path):
    path = tmp_path / "missing" / "a.json"
    with pytest.raises(FileNotFoundError, match=f"'{path}'"):
        write_text(path, "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="folder'"):
        write_text(tmp_path / "folder", "")


def test_the_file_behind_a_link_is_replaced(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "content")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "content"


def test_a_pipe_and_standard_output_are_written_directly(tmp_path):
    code = "from ser_stream.files import write_text; write_text('/dev/stdout', 'content')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "content"
    with (tmp_path / "out").open("w") as file:
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=file, check=True)
    assert (tmp_path / "out").read_text() == "content"


def test_a_number_that_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


WRITING = {
    "write_text", "write_bytes", "savefig", "save", "savez", "savez_compressed", "save_file",
    "tofile", "dump", "copyfile", "copy", "copy2", "copytree", "move", "touch",
    "TemporaryDirectory", "NamedTemporaryFile", "mkstemp", "mkdtemp", "write",
}  # fmt: skip
"""Functions of libraries that write files."""
LIBRARIES = {"np", "numpy", "torch", "onnx", "soundfile", "shutil", "tempfile", "json", "yaml"}
METHODS = {"write_text", "write_bytes", "savefig", "tofile", "touch"}
"""Those of objects: paths, figures, arrays."""

WRITES_OTHERWISE = {
    "ser_stream/files.py": "`replacing` itself",
    "ser_stream/asr/pocketsphinx.py": "its library takes words from files only, for a moment",
    "ser_stream/sessions/plots.py": "pages of a PDF, into what `replacing` yields",
    "ser_stream/ros/create_venv.py": "an empty file, in the environment that it makes",
    "tools/aarch64_wheels.py": "an environment for pip, in a temporary folder",
    "tools/fuzz_audio.py": "damaged sound files, in a temporary folder",
    "tools/fuzz_models.py": "damaged models, in a temporary folder",
    "tools/fuzz_yaml.py": "damaged recipes, in a temporary folder",
    "tools/fuzz_grammars.py": "damaged grammars, in a temporary folder",
    "tools/model_mutations.py": "damaged models, in a temporary folder",
    "tools/make_demo_recordings.py": "what the synthesiser writes, in a temporary folder",
    "tools/make_test_recordings.py": "what the synthesiser writes, in a temporary folder",
    "tools/page_screenshot.py": "a recording, in a temporary folder",
    "tools/screenshot.py": "a picture of another library",
    "benchmarks": "made sound and logs of measurements, in temporary folders",
}
"""File or folder -> why it writes without `replacing`."""


def _bypasses(path):
    """Yield the calls in a module that write a file by themselves."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    safe = {  # names of what `replacing` yields, and of files in memory
        item.optional_vars.id
        for node in ast.walk(tree) if isinstance(node, ast.With) for item in node.items
        if isinstance(item.optional_vars, ast.Name) and "replacing" in ast.unparse(item)
    } | {
        node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "io.BytesIO()"
    }  # fmt: skip
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
        owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
        arguments = [ast.unparse(argument) for argument in node.args]
        into_safe = any(argument in safe for argument in arguments)
        modes = [ast.literal_eval(a) for a in node.args if isinstance(a, ast.Constant)]
        opened = name == "open" and any(
            isinstance(mode, str) and len(mode) < 4 and set(mode) & set("wax+") for mode in modes
        )
        of_library = name in WRITING and owner in LIBRARIES
        if opened or ((of_library or (name in METHODS and owner)) and not into_safe):
            yield f"line {node.lineno}: {ast.unparse(node)[:80]}"


def test_every_file_is_written_by_replacing():
    found = {}
    for folder in ("ser_stream", "tools", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            calls = list(_bypasses(path))
            if calls and name not in WRITES_OTHERWISE and folder not in WRITES_OTHERWISE:
                found[name] = calls
    assert not found


def test_the_search_for_writers_finds_them(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "path.write_text('')\nnp.save(path, a)\npath.open('a')\nopen(p, 'wb')\n"
        "with replacing(p) as file:\n    np.save(file, a)\nopen(p)\nshutil.copyfile(a, b)\n"
    )
    assert [line.split(":")[0] for line in _bypasses(module)] == [
        "line 1", "line 2", "line 3", "line 4", "line 8",
    ]  # fmt: skip
