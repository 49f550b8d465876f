"""Optional dependencies: which extra of this package brings them, and the error without them."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from ser_stream.errors import InputError

EXTRAS = {
    "torch": "train",
    "safetensors": "train",
    "onnx": "train",
    "scipy": "train",
    "tqdm": "train",
    "faster_whisper": "asr",
    "pocketsphinx": "asr",
    "cyclonedds": "dds",
    "livekit": "livekit",
    "paho": "mqtt",
    "pipecat": "pipecat",
    "prometheus_client": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "websockets": "serve",
    "transformers": "huggingface",
    "librosa": "research",
    "matplotlib": "research",
    "mcap": "record",
    "pyroomacoustics": "research",
    "sklearn": "research",
}
"""Import name of an optional package -> the extra in setup.py that installs it."""


def require_extra(what: str, *packages: str) -> None:
    """Check that optional packages are installed, without importing them.

    For commands that would otherwise find out after hours of work. Everywhere else an import may
    fail: the command line reports it by `missing_extra`.

    Args:
        what: what needs them, as the subject of the error message, such as "evaluate --figures".
        packages: import names, keys of `EXTRAS`.

    Raises:
        InputError: one is not installed; the message names the extra.
    """
    for package in packages:
        if find_spec(package) is None:
            raise _error(what, package)


def missing_extra(what: str, error: ModuleNotFoundError) -> InputError | None:
    """Return the error for an import that failed, or None where no extra has that package."""
    package = (error.name or "").split(".")[0]
    return _error(what, package) if package in EXTRAS else None


def _error(what: str, package: str) -> InputError:
    extra = EXTRAS[package]
    if Path(sys.argv[0]).name == "ser_node":  # create_venv made its environment
        folder = shlex.quote(sys.prefix) if sys.prefix != sys.base_prefix else "FOLDER"
        remedy = f"ros2 run ser_stream create_venv {folder} --extra {extra}"
    else:
        remedy = f"pip install 'ser_stream[{extra}]'"
    return InputError(f"{what}: needs {package}, which is not installed: {remedy}")
