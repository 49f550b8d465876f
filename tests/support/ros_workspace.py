"""The package as it is installed on a robot: built by colcon in a workspace, which is sourced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paths import ROOT
from ros_graph import ENVIRONMENT


@pytest.fixture(scope="session")
def workspace(tmp_path_factory) -> dict[str, str]:
    """Environment variables after the package was built in a workspace, which was sourced."""
    if shutil.which("colcon") is None:
        pytest.skip("not installed: colcon")
    folder = tmp_path_factory.mktemp("workspace")
    source = folder / "src" / "ser_stream"
    ignored = shutil.ignore_patterns(".*", "build", "install", "log", "runs", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=ignored)
    subprocess.run(["colcon", "build"], cwd=folder, env=_without_venv(), check=True)
    command = ". install/setup.sh && env -0"
    shell = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=_without_venv(), capture_output=True, check=True
    )
    variables = shell.stdout.decode().split("\0")
    environment = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    ours = {name: text for name, text in ENVIRONMENT.items() if name != "PYTHONPATH"}
    return environment | ours | {"ROS_LOG_DIR": str(folder / "log"), "PYTHONUNBUFFERED": "1"}


def _without_venv() -> dict[str, str]:
    """Environment in which the programs of ROS find the Python that they were made for."""
    environment = dict(os.environ)
    ours = (str(Path(sys.executable).parent), str(Path(sys.prefix) / "bin"))
    folders = environment["PATH"].split(os.pathsep)
    environment["PATH"] = os.pathsep.join(folder for folder in folders if folder not in ours)
    environment.pop("VIRTUAL_ENV", None)
    return environment
