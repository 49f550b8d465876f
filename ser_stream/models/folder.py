"""The files of a model folder, which are replaced all together or not at all.

New files are written into a temporary folder within the model's folder. Renaming that folder to
`.update` makes them the model's files, in one step; then they are moved to their places::

    killed while they are written    model.json  model.safetensors  .1a2b.ser_stream.tmp/    the old
    renamed                          model.json  model.safetensors  .update/                 the new
    moved                            model.json  model.safetensors                           the new

A file of `.update` counts instead of the one of the same name beside it (`model_file`), so that a
folder whose update was interrupted can be read. The next update completes it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ser_stream.errors import InputError
from ser_stream.files import (
    named_error,
    prepare_folder,
    remove_abandoned,
    sync_folder,
    temporary_folder,
)

DESCRIPTION, WEIGHTS = "model.json", "model.safetensors"
UPDATE = ".update"


def model_file(folder: Path, name: str) -> Path:
    """Return the path of a model's file; see the docstring of this module."""
    updated = folder / UPDATE / name
    return updated if os.path.isfile(updated) else folder / name


def has_description(folder: Path) -> bool:
    """Return whether a folder has a model.json; a bare Hugging Face checkpoint has none."""
    return os.path.isfile(model_file(folder, DESCRIPTION))


@contextlib.contextmanager
def replacing_model(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write files into; at the end they replace the model's files.

    Files of other names stay, except ONNX files that the new model.json does not name.

    Raises:
        OSError: a file cannot be written or moved. The model is as it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _complete_update(folder)
    with temporary_folder(folder) as written:
        yield written
        sync_folder(written)
        try:
            os.rename(written, folder / UPDATE)
        except OSError as error:
            raise named_error(error, folder) from error
        sync_folder(folder)
    _complete_update(folder)


def _complete_update(folder: Path) -> None:
    """Move the files of an update to their places."""
    update = folder / UPDATE
    if not update.is_dir():
        return
    for path in update.iterdir():
        os.replace(path, folder / path.name)
    _remove_other_exports(folder)
    update.rmdir()
    sync_folder(folder)


def _remove_other_exports(folder: Path) -> None:
    """Remove ONNX files that model.json does not name: they hold other weights."""
    onnx = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8")).get("onnx")
    for path in folder.glob("*.onnx"):
        if onnx is None or path.name not in onnx["files"]:
            path.unlink()


def prepare_model_folder(folder: Path) -> None:
    """Create the folder if it does not exist, and check that a model may be written into it.

    Raises:
        InputError: nothing can be written into it, or it holds files but no model.
    """
    prepare_folder(folder)
    remove_abandoned(folder)
    if any(folder.iterdir()) and not has_description(folder):
        raise InputError(
            f"--output: found {folder}, which holds other files than a model's; accepted are a "
            "new or empty folder, and the folder of a model, which is replaced"
        )
