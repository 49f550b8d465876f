import os
import sys
import venv
from pathlib import Path

import pytest

from ser_stream.errors import InputError
from ser_stream.ros.venv import absolute, venv_python

VERSION = "{}.{}".format(*sys.version_info)


def script(path, text):
    """Write a program, which stands for a Python that cannot be had everywhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def error(folder, **options):
    with pytest.raises(InputError) as raised:
        venv_python(folder, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_path_may_begin_with_a_tilde_or_be_relative(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.chdir(tmp_path)
    assert absolute("~/my venv") == Path("/home/anna/my venv")
    assert absolute("ser_venv") == tmp_path / "ser_venv"
    assert absolute("../x") == tmp_path.parent / "x"


def test_an_environment_of_this_python_is_accepted_if_it_finds_ros(tmp_path, monkeypatch):
    folder = tmp_path / "my venv"
    venv.create(folder, symlinks=True)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert "finds no rclpy" in error(folder)
    assert venv_python(folder, with_ros=False) == folder / "bin" / "python3"
    packages = tmp_path / "ros" / "rclpy"  # found the way that ROS's packages are
    packages.mkdir(parents=True)
    (packages / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(packages.parent))
    assert venv_python(folder) == folder / "bin" / "python3"


def test_what_is_no_environment_is_refused(tmp_path):
    assert error(tmp_path / "nothing") == f"found no folder {tmp_path / 'nothing'}"
    assert error(tmp_path) == f"found no Python {tmp_path / 'bin' / 'python3'}"
    (tmp_path / "bin").mkdir()
    os.symlink("/nowhere/python3", tmp_path / "bin" / "python3")  # its Python was removed
    assert error(tmp_path) == f"found no Python {tmp_path / 'bin' / 'python3'}"


def test_a_python_of_another_version_is_refused(tmp_path):
    script(tmp_path / "bin" / "python3", "echo 3 9 True")
    assert error(tmp_path) == f"{tmp_path} has Python 3.9; accepted is {VERSION}, that of ROS"


def test_a_python_that_does_not_run_is_refused_with_its_last_line(tmp_path):
    python = tmp_path / "bin" / "python3"
    script(python, "echo first >&2; echo 'no libpython' >&2; exit 3")
    assert error(tmp_path) == f"{python} does not run: no libpython"
    script(python, "exit 3")
    assert error(tmp_path) == f"{python} does not run: exit code 3"
