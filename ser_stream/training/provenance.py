"""What a run was made with: the versions and the machine that its figures hang on."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import numpy as np
import torch

from ser_stream import __version__


def environment() -> dict[str, str | int]:
    """Versions, git revision, processor, threads."""
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
    """Commit of the source tree, with "+changes" where it was changed; "" outside of git."""
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
    """The processor's name; Linux tells it in a file only."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
