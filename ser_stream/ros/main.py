"""What the program `ser_node` does: import the node, or say in one line why it cannot, and run it.

    ros2 run ser_stream ser_node

Standard library only, before the node is imported. `scripts/ser_node` is the program.
"""

from __future__ import annotations

import platform
import shlex
import sys
from importlib.util import find_spec

from ser_stream.standard_streams import StandardStreams

REQUIRED = ("msgspec", "numpy", "onnxruntime", "soundfile", "soxr")
"""Modules that the node imports while it starts, of packages that setup.py requires."""

CONFIGURATION_ERROR = 2
"""Exit code after which ser.launch.py does not start the node again."""


def main() -> int:
    """Run the node; return its exit code: 2 if a module is missing.

    It goes on where nobody can read its standard streams.
    """
    with StandardStreams():
        return _run()


def _run() -> int:
    problem = _missing_modules()
    if not problem:
        try:
            from ser_stream.ros import node
        except ImportError as error:
            problem = f"cannot import {error.name}: {str(error).splitlines()[0]}; {_advice()}"
        else:
            return node.main()
    print(f"ser_node: {problem}", file=sys.stderr)
    return CONFIGURATION_ERROR


def _missing_modules() -> str:
    """Return which modules this Python lacks and what to do, in one line; "" if it has all."""
    python = f"Python {platform.python_version()} ({sys.executable})"
    if find_spec("rclpy") is None:
        return f"{python} has no module rclpy: source /opt/ros/<distro>/setup.bash first"
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if not missing:
        return ""
    modules = "module" if len(missing) == 1 else "modules"
    return f"{python} has no {modules} {', '.join(missing)}: {_advice()}"


def _advice() -> str:
    """Return how to install what the node requires, and to run the node with it."""
    is_venv = sys.prefix != sys.base_prefix
    folder = shlex.quote(sys.prefix) if is_venv else "FOLDER"
    return f"run `ros2 run ser_stream create_venv {folder}` and launch the node with venv:={folder}"
