"""Installed size, package by package: the wheel alone, and with the extra for training.

Both are installed by pip into empty virtual environments, from a wheel that is built first. Sizes
are those of the files that pip installs, compiled Python files included; pip itself is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import venv
from pathlib import Path

from benchmarks.measuring import ROOT, Result, SkippedError, python, run_part

EXTRAS = {"base": "", "train": "[train]"}
NOT_COUNTED = ("pip", "setuptools", "wheel")

SIZES_PROGRAM = """
import json
from importlib.metadata import distributions
sizes = {}
for distribution in distributions():
    files = {file.locate().resolve() for file in distribution.files or ()}
    # pip records compiled files in part only.
    files |= {c for f in list(files) if f.suffix == ".py"
              for c in (f.parent / "__pycache__").glob(f.stem + ".*.pyc")}
    sizes[distribution.metadata["Name"]] = sum(f.stat().st_size for f in files if f.is_file())
print(json.dumps(sizes))
"""


def measure(arguments: argparse.Namespace) -> Result:
    """Build the wheel, install it in each way, and add up the sizes of the packages."""
    found: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as folder:
        wheel = _build_wheel(Path(folder))
        for name, extra in EXTRAS.items():
            if arguments.quick:
                found[name] = _installed(Path(folder) / name, wheel, ["--no-deps"])
                break
            print(f"installing {wheel.name}{extra}", flush=True)
            found[name] = _installed(Path(folder) / name, f"{wheel}{extra}")
    return {"environments": found}


def _build_wheel(folder: Path) -> Path:
    # A copy: setuptools would put whatever an earlier build left in build/ into the wheel.
    leave_out = shutil.ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "source", ignore=leave_out)
    _run(python("-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, folder / "source"))
    (wheel,) = folder.glob("ser_stream-*.whl")
    return wheel


def _installed(folder: Path, requirement: object, options: list[str] | None = None) -> Result:
    """Install a requirement into a new environment; return bytes per package, largest first."""
    venv.create(folder, with_pip=True)
    interpreter = folder / "bin" / "python"
    install = [str(interpreter), "-m", "pip", "install", "-q", *(options or [])]
    _run([*install, "-c", str(ROOT / "constraints.txt"), str(requirement)])
    sizes = json.loads(_run([str(interpreter), "-c", SIZES_PROGRAM]))
    counted = {name: size for name, size in sizes.items() if name.lower() not in NOT_COUNTED}
    packages = dict(sorted(counted.items(), key=lambda item: -item[1]))
    return {
        "total_mb": round(sum(packages.values()) / 1e6, 1),
        "packages_mb": {name: round(size / 1e6, 2) for name, size in packages.items()},
    }


def _run(command: list[str]) -> str:
    """Run a program without this one's search path, and return what it prints.

    Raises:
        SkippedError: it failed, such as pip without a network.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SkippedError(f"{' '.join(command[1:5])} failed: {last}")
    return done.stdout


if __name__ == "__main__":
    run_part(measure)
