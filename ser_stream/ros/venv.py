"""The check of a virtual environment that is to run the node. Standard library only.

The compiled parts of ROS's packages fit one version of Python only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ser_stream.errors import InputError

PROBE = """\
import sys
from importlib.util import find_spec
print(*sys.version_info[:2], find_spec("rclpy") is not None)
"""
"""Code for another Python: prints its version, and whether it finds ROS."""


def absolute(path: str) -> Path:
    """Return a path as a user has written it, with `~` or relative, as an absolute one."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def venv_python(folder: Path, *, with_ros: bool = True) -> Path:
    """Return the Python of a virtual environment, after a check that ROS runs in it.

    Args:
        with_ros: whether it has to find rclpy.

    Raises:
        InputError: there is no such folder or no Python in it, it is another version of Python
            than this one, or it finds no rclpy.
    """
    if not folder.is_dir():
        raise InputError(f"found no folder {folder}")
    python = folder / "bin" / "python3"
    try:
        probe = subprocess.run([str(python), "-c", PROBE], capture_output=True, text=True)
    except OSError:  # a link to a Python that has been removed leads nowhere, too
        raise InputError(f"found no Python {python}") from None
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or [f"exit code {probe.returncode}"])[-1]
        raise InputError(f"{python} does not run: {reason}")
    major, minor, finds_rclpy = probe.stdout.split()[-3:]
    ours = "{}.{}".format(*sys.version_info)
    if f"{major}.{minor}" != ours:
        raise InputError(f"{folder} has Python {major}.{minor}; accepted is {ours}, that of ROS")
    if with_ros and finds_rclpy != "True":
        raise InputError(
            f"the Python of {folder} finds no rclpy: source /opt/ros/<distro>/setup.bash first, "
            "and make the environment with --system-site-packages"
        )
    return python
