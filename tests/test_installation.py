"""What setup.py installs: how large it is, that it recognises speech, on which computers.

Each test makes a virtual environment from the package index, and is skipped where pip reaches none
or the interpreter is missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from aarch64_wheels import aarch64_wheels
from paths import ROOT, SPOKEN

pytestmark = pytest.mark.installation

PYTHONS = ("3.10", "3.11", "3.12")
LOCK = ROOT / "requirements-base.txt"
SETUP_BASE = (
    "import setuptools; setuptools.setup = lambda **given: print(*given['install_requires'], "
    "sep=chr(10)); exec(open('setup.py').read())"
)
"""Program that prints what the base requires."""
MAX_BYTES = 260e6
NOT_OURS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
"""Beginnings of names in site-packages that every virtual environment has."""

SOURCES = (
    "setup.py", "setup.cfg", "pyproject.toml", "package.xml", "README.md", "ser_stream", "config",
    "launch", "resource", "scripts",
)  # fmt: skip
WITHOUT_EXTRAS = (
    "tests/audio tests/commands/test_listen.py tests/engines/test_calls.py tests/features "
    "tests/golden tests/outputs tests/ros tests/stream tests/test_emotion.py "
    "tests/test_validation.py --ignore tests/stream/test_settings.py "
    "--ignore tests/stream/test_word_fusion.py"
).split()
"""Tests that run where only the base is installed; what needs more skips itself there."""


def pip(python, *arguments):
    command = [python, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, env=clean(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def interpreter(version):
    """Return a Python of this version, from the PATH or pyenv; skip the test without one."""
    candidates = [
        f"python{version}",
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
    ]
    for candidate in candidates:
        try:
            done = subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True)
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            return candidate
    pytest.skip(f"no python{version}")


def make_environment(version, folder):
    """Make an empty virtual environment and return its Python."""
    subprocess.run([interpreter(version), "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


def site_packages(python):
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.check_output([python, "-c", code], text=True).strip())


def installed_bytes(python):
    return sum(
        path.stat().st_size
        for entry in site_packages(python).iterdir()
        if not entry.name.startswith(NOT_OURS)
        for path in [entry, *entry.rglob("*")]
        if path.is_file()
    )


def clean(**variables):
    """Return variables of a process that sees the installed package, not the sources."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | variables


def recognised(python, home):
    """Return the estimates that the installed program prints for a recording."""
    home.mkdir()
    done = subprocess.run(
        [python.parent / "ser-stream", "listen", "--json", "--input", SPOKEN / "2-happy.flac"],
        cwd=home, env=clean(HOME=str(home)), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """Skip the test where pip reaches no package index."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "0"]
    command += ["--timeout", "10", "--dest", tmp_path_factory.mktemp("index"), "mdurl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"pip reaches no package index: {done.stderr.strip().splitlines()[-1]}")


@pytest.fixture(scope="session")
def wheel(registry, tmp_path_factory):
    """The wheel, built from a copy: a build leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignored)
        else:
            (folder / "source").mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / "source")
    pip(sys.executable, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "source")
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session", params=PYTHONS)
def base(request, wheel, tmp_path_factory):
    """The Python of an environment with the wheel and the locked versions, and nothing else."""
    python = make_environment(request.param, tmp_path_factory.mktemp("base") / "venv")
    pip(python, "install", "--quiet", "--only-binary", ":all:", "--require-hashes", "-r", LOCK)
    pip(python, "install", "--quiet", "--no-deps", wheel)
    pip(python, "check")  # nothing that the wheel requires is missing or has another version
    return python


@pytest.fixture(scope="session")
def lowest(wheel, tmp_path_factory):
    """The Python of an environment with the lowest versions that the base accepts."""
    folder = tmp_path_factory.mktemp("lowest")
    python = make_environment(PYTHONS[0], folder / "venv")
    pip(python, "install", "--quiet", "--no-deps", wheel)
    constraints = folder / "constraints.txt"
    lines = subprocess.check_output([python, ROOT / "tools" / "lowest_versions.py"], env=clean())
    constraints.write_bytes(lines)
    pip(python, "install", "--quiet", "--only-binary", ":all:", "-c", constraints, wheel)
    return python


def test_the_base_is_small_and_has_no_research_library(base):
    assert installed_bytes(base) < MAX_BYTES
    names = {entry.name for entry in site_packages(base).iterdir()}
    assert "onnxruntime" in names
    assert not names & {"torch", "scipy", "safetensors", "silero_vad", "transformers", "tqdm"}


def test_the_base_recognises_a_recording(base, tmp_path):
    estimates = recognised(base, tmp_path / "home")
    assert estimates[-1]["trigger"] == "utterance"
    assert sum(estimates[-1]["scores"].values()) == pytest.approx(1, abs=0.01)
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


def test_the_base_says_which_extra_trains(base, tmp_path):
    done = subprocess.run(
        [base.parent / "ser-stream", "train", SPOKEN.parent, "--runs", tmp_path],
        env=clean(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.endswith(
        "train: needs torch, which is not installed: pip install 'ser_stream[train]'\n"
    )


def test_the_lowest_accepted_versions_recognise_a_recording(lowest, tmp_path):
    installed = pip(lowest, "list", "--format=freeze").splitlines()
    constraints = (lowest.parents[2] / "constraints.txt").read_text().splitlines()
    assert {"numpy", "onnxruntime", "rich"} <= {
        line.split("==")[0] for line in installed if line in constraints
    }
    assert recognised(lowest, tmp_path / "home")[-1]["trigger"] == "utterance"


def test_the_lowest_accepted_versions_pass_the_tests_of_what_listens(lowest, tmp_path):
    pip(
        lowest,
        "install",
        "--quiet",
        "--only-binary",
        ":all:",
        "pytest",
        "pytest-xdist",
        "hypothesis",
        "pyte",
    )
    done = subprocess.run(
        [lowest, "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider",
         "--basetemp", tmp_path / "tests", "-m", "not microphone and not corpora",
         "-k", "not default-words and not text_model",  # these need a speech recogniser
         *WITHOUT_EXTRAS],
        cwd=ROOT, env=clean(OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    n_passed = int(done.stdout.splitlines()[-1].split(" passed")[0].split()[-1])
    assert n_passed > 300, done.stdout[-4000:]


@pytest.mark.parametrize("python", PYTHONS)
def test_everything_in_the_base_has_a_wheel_for_linux_on_arm(wheel, python):
    files = aarch64_wheels(wheel, python)
    assert {"msgspec", "numpy", "onnxruntime", "pyyaml", "rich", "sounddevice"} <= set(files)
    assert all(file.endswith(("aarch64.whl", "none-any.whl")) for file in files.values())


def test_the_locked_versions_are_those_that_setup_py_asks_for():
    """`make lock` renews them. Each has hashes, and each Python has one version of each."""
    text = LOCK.read_text(encoding="utf-8")
    locked = [
        (Requirement(entry.partition("--hash")[0].replace("\\", "").strip()), entry)
        for entry in re.split(r"\n(?=[A-Za-z])", re.sub(r"(?m)^#.*\n", "", text))
    ]
    setup = subprocess.run(
        [sys.executable, "-c", SETUP_BASE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for version in PYTHONS:
        python = {"python_version": version, "python_full_version": f"{version}.0"}
        versions = {}
        for requirement, entry in locked:
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), requirement
            if requirement.marker is None or requirement.marker.evaluate(python):
                (pin,) = requirement.specifier
                assert pin.operator == "==" and requirement.name not in versions
                versions[requirement.name] = pin.version
        for line in setup.stdout.splitlines():
            asked = Requirement(line)
            assert versions.get(asked.name.lower(), "0") in asked.specifier, (
                f"{line}; run: make lock"
            )
