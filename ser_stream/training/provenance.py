"""The environment of a run: versions, git revision, processor and threads."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import numpy as np
import torch

from ser_stream import __version__


def environment() -> dict[str, str | int]:
    """Return versions, git revision, processor and number of threads, for run.json."""
    return {
        "ser_stream": __version__,
        "git": git_revision(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": _processor(),
        "torch_threads": torch.get_num_threads(),
    }


def git_revision() -> str:
    """Return the commit of the source tree, "+changes" added if it is modified; "" without git."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        revision = git("rev-parse", "HEAD")
        return revision + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    """Return the name of the processor; on Linux only /proc/cpuinfo has it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
