"""Makes the virtual environment that runs the node, with what setup.py requires.

    ros2 run ser_stream create_venv [FOLDER] [--extra asr]

Standard library only: it runs in ROS's own Python right after `colcon build`. The environment sees
the packages of that Python, so that pip installs only what is missing there or too old.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import venv
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from ser_stream.errors import InputError
from ser_stream.ros.main import REQUIRED
from ser_stream.ros.venv import absolute, venv_python

PACKAGE = "ser_stream"
DEFAULT_FOLDER = "ser_venv"
EXTRA = re.compile(r"""extra == ["']([\w-]+)["']""")
"""What the metadata of a distribution says of a requirement that is an extra's."""

INDEX_UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|"
    r"Failed to establish a new connection|Temporary failure in name resolution"
)
"""What pip prints where it reaches no package index."""

ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
"""Variables that make pip install outside of the environment."""

IMPORTS = """\
import sys
from importlib import import_module
for name in sys.argv[1:]:
    try:
        import_module(name)
    except Exception as error:
        print(name + ": " + (str(error).strip() or repr(error)).splitlines()[0])
"""
"""Code for another Python: prints which modules it cannot import, and why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make or update an environment; return the exit code: 0, or 2 if that is impossible."""
    arguments = _parser().parse_args(argv)
    try:
        requirements = selected(_requirements(), arguments.extra)
        folder = absolute(arguments.folder)
        _make(folder)
        _install(folder, requirements)
        _check_imports(folder)
    except InputError as error:
        print(f"create_venv: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(
        f"{folder} is ready. Launch the node with it:\n"
        f"  ros2 launch ser_stream ser.launch.py venv:={shlex.quote(str(folder))}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="create_venv",
        description="Make a virtual environment with what the node requires, or update one. It is "
        "made by the Python that runs this program and sees that Python's packages.",
    )
    parser.add_argument(
        "folder", nargs="?", default=DEFAULT_FOLDER, metavar="FOLDER",
        help="the environment's folder (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--extra", action="append", default=[], metavar="EXTRA",
        help="install an optional part too, such as asr; can be given several times",
    )  # fmt: skip
    return parser


def _requirements() -> list[str]:
    try:
        return requires(PACKAGE) or []
    except PackageNotFoundError:
        raise InputError(
            "the package ser_stream is not installed in the environment: run colcon build and "
            "source install/setup.bash first"
        ) from None


def selected(requirements: Iterable[str], extras: Sequence[str]) -> list[str]:
    """Return the requirements of the base and of some extras, for pip.

    Args:
        requirements: as `importlib.metadata.requires` returns them.
        extras: names of extras.

    Raises:
        InputError: there is no such extra.

    >>> selected(["numpy>=1.22", 'pocketsphinx>=5; extra == "asr"'], ["asr"])
    ['numpy>=1.22', 'pocketsphinx>=5; python_version >= "3"']
    """
    requirements = list(requirements)
    known = sorted({name for text in requirements for name in EXTRA.findall(text)})
    for extra in extras:
        if extra not in known:
            raise InputError(f"--extra: found {extra!r}; accepted are {', '.join(known)}")
    chosen = []
    for text in requirements:
        condition = EXTRA.search(text)
        if condition is None:
            chosen.append(text)
        elif condition[1] in extras:  # pip evaluates the rest of the condition
            chosen.append(EXTRA.sub('python_version >= "3"', text))
    return chosen


def _make(folder: Path) -> None:
    """Make an environment, unless the folder holds one that this Python can use.

    Raises:
        InputError: the folder cannot be made or is something else.
    """
    if importlib.util.find_spec("ensurepip") is None:
        version = "{}.{}".format(*sys.version_info)
        raise InputError(
            f"Python {version} ({sys.executable}) cannot make virtual environments: "
            f"sudo apt install python{version}-venv"
        )
    if (folder / "pyvenv.cfg").is_file():
        try:
            venv_python(folder, with_ros=False)
        except InputError as error:
            raise InputError(f"{error}; remove the folder, or name another one") from None
        print(f"Updating {folder}", flush=True)
    elif not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        print(f"Making {folder} with {sys.executable}", flush=True)
    else:
        raise InputError(
            f"{folder} is no virtual environment; accepted is a new folder, or an environment to "
            "update"
        )
    try:
        # In an environment that exists, this completes what an interrupted run has left undone.
        with_pip = not (folder / "bin" / "pip").exists()  # it takes seconds
        venv.create(folder, system_site_packages=True, symlinks=True, with_pip=with_pip)
        (folder / "COLCON_IGNORE").touch()  # it may be in a workspace, and has many packages
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{folder} cannot be made: {error}") from None


def _install(folder: Path, requirements: Sequence[str]) -> None:
    """Install requirements into an environment.

    Raises:
        InputError: pip cannot install them.
    """
    command = [str(folder / "bin" / "python3"), "-m", "pip", "install"]
    command += ["--disable-pip-version-check", "--retries", "2", *requirements]
    # Only what the environment itself and the system have counts as installed: not what this shell
    # or this user has besides.
    left_out = ("PYTHONPATH", *ELSEWHERE)
    environment = {n: text for n, text in os.environ.items() if n not in left_out}
    environment |= {"PYTHONNOUSERSITE": "1", "PIP_USER": "0"}  # before `user = true` of pip.conf
    pip = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
    if pip.returncode == 0:
        return
    if INDEX_UNREACHABLE.search(pip.stderr):
        raise InputError(
            "pip reaches no package index; docs/installation.md says how to install without a "
            "network"
        )
    errors = [line for line in pip.stderr.splitlines() if line.startswith("ERROR: ")]
    raise InputError(f"pip: {errors[-1].removeprefix('ERROR: ') if errors else pip.stderr.strip()}")


def _check_imports(folder: Path) -> None:
    """Import what the node needs in an environment: pip.conf can make pip install elsewhere.

    Raises:
        InputError: a module cannot be imported.
    """
    python = folder / "bin" / "python3"
    command = [str(python), "-I", "-c", IMPORTS, *REQUIRED]
    run = subprocess.run(command, capture_output=True, text=True)
    problems = run.stdout.splitlines()
    if run.returncode:  # such as a module that ends the process by a signal
        problems.append((run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1])
    if problems:
        raise InputError(
            f"{python} cannot import {'; '.join(problems)}. If pip has installed it elsewhere, "
            "remove target, prefix and root from its settings: pip config list"
        )


if __name__ == "__main__":
    sys.exit(main())
