"""Writing of JSON that people read, and preparation of output paths before long work."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from ser_stream.errors import InputError

# Matches lists in the output of `json.dumps(..., indent=1)`, which has no line breaks within
# strings. Lists of strings with brackets are not matched, and keep a line per item.
_PLAIN_LIST = re.compile(r"\[\n\s*([^][{}]*)\n\s*\]")


def write_json(path: Path, value: Any) -> None:
    """Write a value as UTF-8 JSON, with each list of plain values on one line.

    Raises:
        OSError: the file cannot be written.
        TypeError: the value cannot be represented in JSON.
    """
    text = json.dumps(value, indent=1)
    text = _PLAIN_LIST.sub(lambda found: "[" + re.sub(r"\n\s*", " ", found[1]) + "]", text)
    path.write_text(text + "\n", encoding="utf-8")


def prepare_file(path: Path) -> None:
    """Create the file if it does not exist, and leave it as it is otherwise.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def prepare_folder(folder: Path) -> None:
    """Create the folder if it does not exist, and check that files can be written into it.

    Raises:
        InputError: nothing can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"--output: found {folder}, where nothing can be written ({error.strerror or error}); "
            "name another folder"
        ) from error


def prepare_model_folder(folder: Path) -> None:
    """Create the folder if it does not exist, and check that a model may be written into it.

    Raises:
        InputError: nothing can be written into it, or it holds files but no model.
    """
    prepare_folder(folder)
    if any(folder.iterdir()) and not (folder / "model.json").is_file():
        raise InputError(
            f"--output: found {folder}, which holds other files than a model's; accepted are a "
            "new or empty folder, and the folder of a model, which is replaced"
        )
