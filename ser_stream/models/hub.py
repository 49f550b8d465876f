"""Checkpoints of the Hugging Face Hub by name, such as `superb/wav2vec2-base-superb-er`."""

from __future__ import annotations

import re
from pathlib import Path

from ser_stream.errors import InputError
from ser_stream.extras import require_extra

FILES = (
    "config.json",
    "preprocessor_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*.safetensors",
    "README.md",
    "LICENSE*",
)
"""Files that are downloaded: no pickled weights, no weights of other frameworks."""


def is_hub_name(name: str) -> bool:
    """Return whether `name` may be OWNER/NAME on the Hub.

    A path whose first part is an existing folder is taken for a mistyped folder.
    """
    matched = re.fullmatch(r"(\w[\w.-]*)/\w[\w.-]*", name)
    return matched is not None and not Path(matched.group(1)).exists()


def hub_folder(name: str) -> Path:
    """Return the folder of a checkpoint in transformers' cache, downloading what is missing.

    Raises:
        InputError: transformers is not installed, the Hub cannot be reached, or it has no such
            checkpoint.
    """
    require_extra(f"model {name!r}, a name on the Hugging Face Hub", "transformers")
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, allow_patterns=list(FILES), local_files_only=True))
        if has_weights(folder):  # the download was completed
            return folder
    except OSError:  # it is not in the cache
        pass
    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES)))
    except (OSError, ValueError) as error:
        raise InputError(
            f"model {name!r}: no such folder, and not available from the Hugging Face Hub "
            f"({type(error).__name__}). If the Hub has it: put config.json, "
            "preprocessor_config.json, model.safetensors and README.md of "
            f"https://huggingface.co/{name}/tree/main into a folder, by hand or with `hf download "
            f"{name} --local-dir DIR`, and name that folder"
        ) from error


def has_weights(folder: Path) -> bool:
    """Return whether the folder holds safetensors, in one file or several."""
    return any(
        (folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")
    )
