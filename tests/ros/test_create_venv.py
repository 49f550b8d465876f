"""The program that makes the node's virtual environment.

What pip does is real; the package index is a folder of this test.
"""

import os
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import requires

import pytest

from paths import ROOT
from ser_stream.errors import InputError
from ser_stream.ros.create_venv import selected
from ser_stream.ros.main import REQUIRED

PYTHON = "{}.{}".format(*sys.version_info)


def wheel(folder, name, version="1.0"):
    """Write a wheel of an empty module, for pip's option --find-links."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        file.writestr(f"{info}/METADATA", metadata)
        file.writestr(f"{info}/WHEEL", tag)
        file.writestr(f"{info}/RECORD", "")


class Program:
    """Runs the program of a package `ser_stream` that requires other packages than ours.

    The modules that the node imports are empty ones, except those that this Python has already.

    Args:
        folder: working directory, and home of the user.
    """

    def __init__(self, folder):
        self.folder = folder
        self.installed = folder / "installed"
        self._wheels = folder / "wheels"
        (self.installed / "ser_stream-0.1.0.dist-info").mkdir(parents=True)
        wheel(self._wheels, "serbase")
        wheel(self._wheels, "serextra")
        for module in REQUIRED:
            wheel(self._wheels, module)

    def run(self, *arguments, needed="serbase>=1.0", **variables):
        (self.installed / "ser_stream-0.1.0.dist-info" / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: ser_stream\nVersion: 0.1.0\n"
            f"Requires-Dist: {needed}\nProvides-Extra: asr\n"
            + "".join(f"Requires-Dist: {module}\n" for module in REQUIRED)
            + 'Requires-Dist: serextra; sys_platform != "nothing" and extra == "asr"\n'
        )
        path = os.pathsep.join([str(self.installed), str(ROOT)])
        environment = {
            "PYTHONPATH": path, "HOME": str(self.folder), "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self._wheels),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "ser_stream.ros.create_venv", *map(str, arguments)],
            env=os.environ | environment | variables, cwd=self.folder, capture_output=True,
            text=True,
        )  # fmt: skip

    def refused(self, *arguments, **options):
        """Return the one line with which the program ends."""
        run = self.run(*arguments, **options)
        assert run.returncode == 2
        (line,) = run.stderr.splitlines()
        return line.removeprefix("create_venv: ")


@pytest.fixture
def program(tmp_path):
    return Program(tmp_path)


def has(folder, module):
    command = [folder / "bin" / "python3", "-I", "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_it_makes_an_environment_for_a_workspace_and_updates_it(program):
    made = program.run("~/my venv")
    assert made.returncode == 0, made.stderr
    folder = program.folder / "my venv"
    assert made.stdout.endswith(f"ros2 launch ser_stream ser.launch.py venv:='{folder}'\n")
    assert (folder / "COLCON_IGNORE").is_file()
    assert "include-system-site-packages = true" in (folder / "pyvenv.cfg").read_text()
    assert has(folder, "serbase") and not has(folder, "serextra")
    updated = program.run("my venv", "--extra", "asr")
    assert updated.returncode == 0, updated.stderr
    assert "Updating" in updated.stdout
    assert has(folder, "serextra")

    assert "serbase>=2.0" in program.refused("my venv", needed="serbase>=2.0")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_NO_INDEX": "0"}
    line = program.refused("my venv", needed="missing>=1.0", PIP_FIND_LINKS="", **nowhere)
    assert line.startswith("pip reaches no package index; docs/installation.md")


def test_settings_of_pip_install_nothing_outside_of_the_folder(program):
    settings = program.folder / "pip.conf"
    settings.write_text("[install]\nuser = true\n")
    variables = {"PIP_CONFIG_FILE": str(settings), "PIP_TARGET": str(program.folder / "elsewhere")}
    made = program.run(**variables)
    assert made.returncode == 0, made.stderr
    assert has(program.folder / "ser_venv", "serbase")
    assert not (program.folder / "elsewhere").exists()
    assert not (program.folder / ".local").exists()


def test_an_environment_without_what_the_node_imports_is_not_ready(program):
    settings = program.folder / "pip.conf"
    settings.write_text(f"[install]\ntarget = {program.folder}/elsewhere\n")
    run = program.run(PIP_CONFIG_FILE=str(settings))
    assert run.returncode == 2
    assert "is ready" not in run.stdout
    line = run.stderr.splitlines()[-1]
    python = program.folder / "ser_venv" / "bin" / "python3"
    assert line.startswith(f"create_venv: {python} cannot import ")
    assert ": No module named " in line
    assert "pip config list" in line


def test_it_refuses_a_folder_that_holds_something_else(program):
    (program.folder / "photos").mkdir()
    (program.folder / "photos" / "1.jpeg").touch()
    assert "photos is no virtual environment" in program.refused("photos")
    (program.folder / "file").touch()
    assert "file is no virtual environment" in program.refused("file")
    assert "cannot be made" in program.refused("/proc/ser_venv")


def test_it_refuses_an_environment_of_another_python(program):
    folder = program.folder / "ser_venv"
    venv.create(folder)
    (folder / "bin" / "python3").unlink()
    (folder / "bin" / "python3").write_text("#!/bin/sh\necho 3 9 True\n")
    (folder / "bin" / "python3").chmod(0o755)
    assert program.refused() == (
        f"{folder} has Python 3.9; accepted is {PYTHON}, that of ROS; remove the folder, or name "
        "another one"
    )


def test_it_names_the_package_that_makes_environments(program):
    """Debian's Python has no ensurepip before python3-venv is installed."""
    (program.installed / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "u.find_spec = lambda name, find=u.find_spec: None if name == 'ensurepip' else find(name)\n"
    )
    assert program.refused().endswith(f"sudo apt install python{PYTHON}-venv")


def test_it_refuses_an_extra_that_does_not_exist(program):
    assert program.refused("--extra", "asrr") == "--extra: found 'asrr'; accepted are asr"


def test_the_requirements_are_those_of_setup_py():
    ours = requires("ser_stream")
    base = selected(ours, [])
    assert any(text.startswith("onnxruntime>=") for text in base)
    assert not any("torch" in text or "extra" in text for text in base)
    with_words = selected(ours, ["asr"])
    assert len(with_words) == len(base) + 2
    assert not any("extra ==" in text for text in with_words)
    with pytest.raises(InputError, match="accepted are asr, cuda, dds"):
        selected(ours, ["words"])
