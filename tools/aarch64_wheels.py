"""Print, as a Markdown table, the Linux aarch64 wheels of everything that the base installs.

    python tools/aarch64_wheels.py dist/ser_stream-*.whl

pip resolves the requirements as it would on a robot with an ARM processor, for each accepted
version of Python, and takes no source archives: it fails where a package has no wheel. Nothing is
installed. pip evaluates conditions such as `python_version < "3.11"` for the Python that runs it.
Needs a package index and a pip that knows `--report` (23.0).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PYTHONS = ("3.10", "3.11", "3.12")
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in range(17, 36)] + ["manylinux2014_aarch64"]
"""Wheels that run with glibc 2.35: on Ubuntu 22.04, Debian 12 and newer ones."""


def aarch64_wheels(wheel: Path, python: str) -> dict[str, str]:
    """Return the file name of the wheel of each package that the base installs, by package.

    Raises:
        RuntimeError: pip finds no wheel of a package, or no index; the message is pip's.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--target", folder, "--only-binary", ":all:"]
        command += ["--python-version", python, "--report", str(report)]
        for platform in PLATFORMS:
            command += ["--platform", platform]
        done = subprocess.run([*command, str(wheel)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"Python {python}: {done.stderr.strip()}")
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    names = {
        each["metadata"]["name"].lower(): each["download_info"]["url"].rsplit("/", 1)[-1]
        for each in installed
    }
    return {name: file for name, file in sorted(names.items()) if file != wheel.name}


def table(files: dict[str, dict[str, str]]) -> str:
    """Return a Markdown table of the files by Python version and package."""
    rows = ["| package | " + " | ".join(f"Python {python}" for python in files) + " |"]
    rows.append("|---" * (len(files) + 1) + "|")
    for package in sorted({package for of_python in files.values() for package in of_python}):
        cells = [_summary(of_python.get(package)) for of_python in files.values()]
        rows.append(f"| {package} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _summary(file: str | None) -> str:
    """Return a wheel's version and kind.

    >>> _summary("soxr-1.1.0-cp312-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64.whl")
    '1.1.0, aarch64'
    >>> _summary("rich-15.0.0-py3-none-any.whl")
    '15.0.0, any'
    >>> _summary(None)
    'not needed'
    """
    if file is None:
        return "not needed"
    version, platform = file.split("-")[1], file.removesuffix(".whl").rsplit("-", 1)[-1]
    return f"{version}, {'any' if platform == 'any' else 'aarch64'}"


if __name__ == "__main__":
    print(table({python: aarch64_wheels(Path(sys.argv[1]), python) for python in PYTHONS}))
