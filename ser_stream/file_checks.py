"""Whether a file is the one it should be: its hash, its stamp, and whether it was fetched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ser_stream.errors import InputError
from ser_stream.files import sha256_of

LFS_POINTER, ANNEX_POINTER = b"version https://git-lfs.github.com/spec/", b"/annex/objects/"
"""Beginnings of the files that Git LFS and git-annex put in the place of others."""
ANNEX_FOLDER = ".git/annex/objects/"
"""Part of the targets of git-annex's links."""
PLACEHOLDER_BYTES = 64
_NOT_FETCHED = "stands for a file that"


def check_sha256(path: Path, expected: str) -> None:
    """Check a file that comes with the package against the SHA-256 that the package has of it.

    Raises:
        InputError: it is missing, cannot be read, stands for a file that was not fetched, or is
            another one.
    """
    anew = "; install ser_stream again, or check it out again"
    try:
        found = sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}{anew}") from error
    require_sha256(path, found, expected, "ser_stream", anew)


def require_sha256(path: Path, found: str, expected: str, owner: str, advice: str) -> None:
    """Compare the SHA-256 of a file with the one that it should have.

    Args:
        owner: what states the expected one, for the error.
        advice: end of the error, which says what to do.

    Raises:
        InputError: they differ; or the file stands for one that was not fetched.
    """
    if found == expected:
        return
    if how_to_fetch := placeholder_advice(path):
        raise InputError(f"{path}: {how_to_fetch}")
    raise InputError(
        f"{path}: SHA-256 is {found[:12]}..., {owner} has {expected[:12]}...: another or a damaged "
        f"file{advice}"
    )


def placeholder_advice(path: str | Path) -> str:
    """Return what a file stands for that was not fetched, and how to fetch it; "" for any other.

    Git LFS and git-annex put small files, or links that lead nowhere, in the place of large files.
    """
    try:
        with open(path, "rb") as file:
            return advice_on_content(file.read(PLACEHOLDER_BYTES))
    except OSError:
        with contextlib.suppress(OSError):
            if ANNEX_FOLDER in os.readlink(path):
                return f"{_NOT_FETCHED} git-annex has not fetched; fetch it: git annex get"
        return ""


def advice_on_content(content: bytes) -> str:
    """Return `placeholder_advice` of the beginning of a file."""
    if content.startswith(LFS_POINTER):
        return f"{_NOT_FETCHED} Git LFS has not fetched; fetch it: git lfs pull"
    if content.startswith(ANNEX_POINTER):
        return f"{_NOT_FETCHED} git-annex has not fetched; fetch it: git annex get"
    return ""


def file_stamps(files: Iterable[tuple[str, Path]]) -> list[tuple[str, int, int]]:
    """Return name, size in bytes and time of the last change in nanoseconds of each file.

    They differ once a file has been replaced, and stay the same where its folder is moved. Of a
    file that cannot be found, both numbers are -1.

    Args:
        files: names that do not depend on where the files are, and their paths.
    """
    stamps = []
    for name, path in files:
        try:
            status = path.stat()
            stamps.append((name, status.st_size, status.st_mtime_ns))
        except OSError:  # whoever reads it says what is wrong
            stamps.append((name, -1, -1))
    return stamps
