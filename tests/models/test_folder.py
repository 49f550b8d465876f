"""Model folders of which a write was interrupted."""

import dataclasses
import errno
import hashlib
import os
import shutil
import signal
import subprocess

import pytest

from ending import killed_at, run_apart, temporaries, with_largest_file
from ser_stream.errors import InputError
from ser_stream.files import sha256_of, write_bytes
from ser_stream.models.folder import UPDATE, model_file, prepare_model_folder, replacing_model
from ser_stream.models.info import SHIPPED, read_info


@pytest.fixture
def folder(tmp_path):
    """A model with ONNX files: the old one."""
    folder = shutil.copytree(SHIPPED / "tiny", tmp_path / "model")
    (folder / "notes.txt").write_text("mine")
    return folder


def replace(folder):
    """Replace the model by a new one without ONNX files."""
    content = b"new weights" * 1000
    weights = {"model.safetensors": hashlib.sha256(content).hexdigest()}
    info = dataclasses.replace(read_info(folder), name="new", weights=weights, onnx=None)
    with replacing_model(folder) as written:
        write_bytes(written / "model.safetensors", content)
        info.write(written)
        write_bytes(written / "README.md", b"the new card")


def whole_model(folder):
    """Return the name of a model, after comparing all of its files with their hashes."""
    info = read_info(folder)
    files = info.weights | ({} if info.onnx is None else info.onnx.files)
    for name, sha256 in files.items():
        assert sha256_of(model_file(folder, name)) == sha256, name
    return info.name


def test_a_model_killed_at_any_write_is_the_old_or_the_new_one(folder, tmp_path):
    names, number = [], 0
    original = shutil.copytree(folder, tmp_path / "original")
    while killed_at(number, folder, lambda: replace(folder)):
        names.append(whole_model(folder))
        replace(folder)  # the same command again
        assert whole_model(folder) == "new" and temporaries(folder) == []
        assert (folder / "README.md").read_text() == "the new card"
        assert not list(folder.glob("*.onnx"))
        assert (folder / "notes.txt").read_text() == "mine"
        shutil.rmtree(folder)
        shutil.copytree(original, folder)
        number += 1
    assert names == sorted(names, reverse=True)  # old up to one change, new from there on
    assert {"tiny", "new"} == set(names) and len(names) > 20


def test_an_update_is_removed_or_completed_by_the_next_one(folder):
    number = 0
    while killed_at(number, folder, lambda: replace(folder)):  # one kill after another
        assert whole_model(folder) in ("tiny", "new")
        number += 1
    assert whole_model(folder) == "new" and temporaries(folder) == []


@pytest.mark.parametrize("n_bytes", [0, 1, 5000, 20_000])
def test_where_a_file_cannot_be_written_the_model_is_as_it_was(folder, n_bytes):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    _, error = run_apart(with_largest_file(n_bytes, lambda: replace(folder)))
    assert error.splitlines() == [error.strip()]
    assert f"[Errno {errno.EFBIG}]" in error and "nothing there was changed" in error
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("kibibytes", [600, 608, 616])
def test_on_a_full_disk_the_model_is_as_it_was(tmp_path, kibibytes):
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", mount]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        folder = shutil.copytree(SHIPPED / "tiny", mount / "model")
        before = {path: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(OSError, match="No space left on device") as error:
            replace(folder)
        assert error.value.errno == errno.ENOSPC and str(folder) in str(error.value)
        assert {path: path.read_bytes() for path in folder.iterdir()} == before
        (folder / "head.onnx").unlink()  # space is there again
        replace(folder)
        assert whole_model(folder) == "new"
    finally:
        subprocess.run(["umount", mount], check=True)


def test_an_interrupted_update_can_be_read_where_nothing_can_be_written(folder):
    number = 0
    while killed_at(number, folder, lambda: replace(folder)) and not (folder / UPDATE).is_dir():
        number += 1
    folder.chmod(0o555)
    (folder / UPDATE).chmod(0o555)
    assert whole_model(folder) == "new"
    assert model_file(folder, "README.md").read_text() == "the new card"


def test_what_a_killed_first_write_left_is_no_obstacle(tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()

    def write():
        with replacing_model(folder) as written:
            write_bytes(written / "model.safetensors", b"1")
            os.kill(os.getpid(), signal.SIGKILL)

    run_apart(write)
    assert temporaries(folder)
    prepare_model_folder(folder)
    assert temporaries(folder) == []


def test_an_exception_leaves_nothing_behind(folder):
    before = sorted(folder.iterdir())
    with pytest.raises(KeyboardInterrupt), replacing_model(folder) as written:
        write_bytes(written / "model.safetensors", b"half")
        raise KeyboardInterrupt
    assert sorted(folder.iterdir()) == before
    assert whole_model(folder) == "tiny"


def test_a_folder_of_other_files_is_refused(tmp_path):
    prepare_model_folder(tmp_path / "new")
    prepare_model_folder(tmp_path / "new")  # empty
    (tmp_path / "new" / "README.md").write_text("mine")
    with pytest.raises(InputError, match="new, which holds other files than a model's"):
        prepare_model_folder(tmp_path / "new")
    (tmp_path / "new" / "model.json").write_text("{}")
    prepare_model_folder(tmp_path / "new")
