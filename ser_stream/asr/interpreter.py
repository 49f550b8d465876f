"""The environment of Python interpreters that are started beside this one."""

from __future__ import annotations

import os
import sys


def child_environment() -> dict[str, str]:
    """Return the environment of a process that can import what this one can.

    From Python 3.11 on, it imports nothing that happens to lie in the current folder.
    """
    path = [entry or os.getcwd() for entry in sys.path]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"}
