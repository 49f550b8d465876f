"""Whether what is to be written can be: looked at before hours of work, not after."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ser_stream.errors import InputError


def check_file(path: Path) -> None:
    """Raises InputError: the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def check_folder(folder: Path) -> None:
    """Make the folder, if it is not there. Raises InputError: nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"--output: found {folder}, where nothing can be written ({error.strerror or error}); "
            "name another folder"
        ) from error


def check_model_folder(folder: Path) -> None:
    """`check_folder`; also, raises InputError: it holds other files than a model's."""
    check_folder(folder)
    if any(folder.iterdir()) and not (folder / "model.json").is_file():
        raise InputError(
            f"--output: found {folder}, which holds files that are no model's; accepted are a new "
            "or empty folder, and a model's, which is replaced"
        )
