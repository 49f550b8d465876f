"""Downloads from the Hugging Face Hub by name and revision, such as `someone/emotions@COMMIT`.

A name alone means other files tomorrow than today. So what is downloaded is named with its revision
too: the 40 hexadecimal digits of a commit. What is in the Hub's cache already is used by its name.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from pathlib import Path

from ser_stream.errors import InputError, shown
from ser_stream.extras import require_extra

log = logging.getLogger("ser_stream")

FILES = (
    "config.json",
    "preprocessor_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*.safetensors",
    "README.md",
    "LICENSE*",
)
"""Files of a checkpoint that are downloaded: no pickled weights, none of other frameworks."""

_NAME = re.compile(r"(\w[\w.-]{0,95})/\w[\w.-]{0,95}(@[^@/]*)?")
_COMMIT = re.compile("[0-9a-f]{40}")


def is_hub_name(name: str) -> bool:
    """Return whether `name` may be OWNER/NAME or OWNER/NAME@REVISION on the Hub.

    A path whose first part is an existing folder is taken for a mistyped folder.
    """
    matched = _NAME.fullmatch(name)
    return matched is not None and not Path(matched.group(1)).exists()


def split_name(name: str) -> tuple[str, str | None]:
    """Return the repository and the revision of OWNER/NAME@REVISION; None without a revision.

    Raises:
        InputError: the revision is no commit.
    """
    repository, at, revision = name.partition("@")
    if at and not _COMMIT.fullmatch(revision):
        raise InputError(
            f"model {shown(name)}: found the revision {shown(revision)}; accepted are the 40 "
            f"hexadecimal digits of a commit: https://huggingface.co/{repository}/commits/main"
        )
    return repository, revision if at else None


def hub_folder(name: str) -> Path:
    """Return the folder of a checkpoint in the Hub's cache, downloading what is missing.

    Raises:
        InputError: transformers is not installed, the name has no revision and is not in the cache,
            the Hub cannot be reached or has no such checkpoint, or a file arrived damaged.
    """
    require_extra(f"model {name!r}, a name on the Hugging Face Hub", "transformers")
    repository, revision = split_name(name)
    folder = cached_snapshot(repository, revision, FILES)
    if folder is not None and has_weights(folder):  # the download was completed
        if revision is None:
            log.info("model %s: revision %s of the Hub's cache", repository, folder.name)
        return folder
    if revision is None:
        raise InputError(
            f"model {name!r}: no such folder, and not in the Hugging Face Hub's cache. To download "
            f"it, name its revision, too: {name}@COMMIT, with the 40 hexadecimal digits from "
            f"https://huggingface.co/{name}/commits/main; {_by_hand(repository, 'main')}"
        )
    try:
        return download_snapshot(repository, revision, FILES)
    except InputError:
        raise
    except Exception as error:  # of any type: those of the HTTP client are none of Python's
        raise InputError(
            f"model {name!r}: no such folder, and not available from the Hugging Face Hub "
            f"({type(error).__name__}). If the Hub has it: {_by_hand(repository, revision)}"
        ) from error


def _by_hand(repository: str, revision: str) -> str:
    return (
        "put config.json, preprocessor_config.json, model.safetensors and README.md of "
        f"https://huggingface.co/{repository}/tree/{revision} into a folder, by hand or with `hf "
        f"download {repository} --revision {revision} --local-dir DIR`, and name that folder"
    )


def cached_snapshot(repository: str, revision: str | None, files: Sequence[str]) -> Path | None:
    """Return the folder of a repository in the Hub's cache, perhaps incomplete; None: not there.

    Args:
        revision: None: the one that the cache has as main.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=list(files), local_files_only=True
            )
        )
    except (OSError, ValueError):  # ValueError: the Hub has no such names
        return None


def download_snapshot(repository: str, revision: str, files: Sequence[str]) -> Path:
    """Download files of a repository into the Hub's cache and check them; return their folder.

    Raises:
        InputError: a file arrived damaged.
        Exception: of any type: the Hub cannot be reached, or has no such repository or revision, or
            the download breaks off.
    """
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(repository, revision=revision, allow_patterns=list(files)))
    check_snapshot(folder)
    return folder


def check_snapshot(folder: Path) -> None:
    """Compare the files of a snapshot with the hashes that the Hub gave, the names of its blobs.

    Those are the SHA-256 of large files, and the SHA-1 that Git has of small ones.

    Raises:
        InputError: a file has another hash.
    """
    for path in sorted(folder.iterdir()):
        expected = path.resolve().name
        if path.is_file() and re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", expected):
            found = _hash(path, of_git=len(expected) == 40)
            if found != expected:
                raise InputError(
                    f"{path}: hash is {found[:12]}..., the Hub has {expected[:12]}...: it arrived "
                    f"damaged; remove {path.resolve()} and {path}, and start again"
                )


def _hash(path: Path, of_git: bool) -> str:
    digest = hashlib.sha1(usedforsecurity=False) if of_git else hashlib.sha256()
    if of_git:
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def has_weights(folder: Path) -> bool:
    """Return whether the folder holds safetensors, in one file or several."""
    return any(
        (folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")
    )
