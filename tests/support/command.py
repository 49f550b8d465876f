"""`ser-stream` as a user runs it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from paths import ROOT


def start(*arguments, env=None, **options):
    """Start it; options are those of `Popen`, and may replace the pipes."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen(
        [sys.executable, "-m", "ser_stream.cli", *map(str, arguments)],
        env=(env or os.environ) | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        **options,
    )


def run(*arguments, env=None):
    process = start(*arguments, env=env)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def estimates(out):
    return [json.loads(line) for line in out.splitlines()]
