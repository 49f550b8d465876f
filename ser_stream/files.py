"""Writing of files in one step, and preparation of output paths before long work.

Every file of this package is written by `replacing`: without a name in its own folder, synced to
the disk, then named and renamed. Whatever ends the process, a full disk or the power, the file has
the content of before or the new one, and what was written of it so far is gone. Where the system or
the file system knows no files without names, they have temporary ones; the file of a process that
was killed is removed when another one is written into its folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ser_stream.errors import InputError
from ser_stream.text import valid_text, valid_texts

try:
    import fcntl
except ImportError:  # Windows: temporary files of killed processes stay
    fcntl = None  # type: ignore[assignment]

TEMPORARY = ".ser_stream.tmp"
"""Suffix of temporary files and folders, whose names begin with a dot."""
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
"""Modes of what nobody but its user may read."""

# Matches lists in the output of `json.dumps(..., indent=1)`, which has no line breaks within
# strings. Lists of strings with brackets are not matched, and keep a line per item.
_PLAIN_LIST = re.compile(r"\[\n\s*([^][{}]*)\n\s*\]")


@contextlib.contextmanager
def replacing(path: str | Path, private: bool = False) -> Iterator[BinaryIO]:
    """Yield a binary file to write; at the end it replaces `path`, or nothing where that failed.

    The mode follows the umask, as that of any new file. Of a symbolic link, the file behind it is
    replaced. What is no regular file, such as /dev/stdout or a pipe, is written directly.

    Args:
        private: nobody but this user may read the file, whatever the umask.

    Raises:
        OSError: the file cannot be written; `filename` is `path`. The file is as it was.
    """
    try:
        if _is_stream(Path(path)):
            with open(path, "wb") as stream:
                yield stream
            return
        target = Path(os.path.realpath(path))
        remove_abandoned(target.parent)
        temporary, descriptor = _new_file(target.parent, PRIVATE if private else 0o666)
        try:
            # Open for reading too: of such a file numpy reports why writing failed.
            with open(descriptor, "w+b") as file:
                yield file
                file.flush()
                os.fsync(descriptor)
                _give_name(descriptor, temporary)
                os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
    except OSError as error:
        if error.filename is not None and not str(error.filename).endswith(TEMPORARY):
            raise  # of another file
        raise named_error(error, path) from error


def write_bytes(path: str | Path, content: bytes | memoryview) -> None:
    """Write a file in one step, see `replacing`."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a file of UTF-8 text in one step, see `replacing` and `valid_text`."""
    write_bytes(path, valid_text(text).encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as UTF-8 JSON, with each list of plain values on one line; see `replacing`.

    Raises:
        OSError: the file cannot be written.
        TypeError: the value cannot be represented in JSON.
        ValueError: a number is not finite.
    """
    text = json.dumps(valid_texts(value), indent=1, allow_nan=False)
    text = _PLAIN_LIST.sub(lambda found: "[" + re.sub(r"\n\s*", " ", found[1]) + "]", text)
    write_text(path, text + "\n")


def copy_file(source: Path, path: Path) -> None:
    """Copy the content of a file in one step; the mode follows the umask. See `replacing`."""
    with source.open("rb") as content, replacing(path) as file:
        shutil.copyfileobj(content, file, 1 << 20)


def read_limited(path: Path, max_bytes: int) -> bytes:
    """Return the content of a file that is not trusted; memory is taken for `max_bytes` at most.

    Raises:
        InputError: the file is larger.
        OSError: it cannot be read.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "found a null character in its name", str(path))
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > max_bytes else file.read(max_bytes + 1)
    # Devices and pipes have no size.
    if size > max_bytes or len(content) > max_bytes:
        found = f"{size}" if size > max_bytes else f"more than {max_bytes}"
        raise InputError(f"{path}: found {found} bytes; accepted are {max_bytes} at most")
    return content


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder within `parent`; it is removed at the end, if it is still there.

    The folder of a process that was killed is removed when another file is written into `parent`.

    Raises:
        OSError: it cannot be made.
    """
    remove_abandoned(parent)
    folder = parent / f".{secrets.token_hex(4)}{TEMPORARY}"
    folder.mkdir()
    descriptor = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def plain_name(path: Path) -> Iterator[Path]:
    """Yield a name of a file or folder that every library accepts, while the context lasts.

    Many accept only names that are UTF-8. Of others it is a link in a temporary folder.
    """
    if valid_text(str(path)) == str(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "link")
        link.symlink_to(path.resolve())
        yield link


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files and folders in a folder whose processes have ended."""
    for path in folder.glob(f".*{TEMPORARY}"):
        with contextlib.suppress(OSError):  # of another user, or removed by another process
            descriptor = _lock(path)
            if descriptor is None:
                continue
            try:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            finally:
                os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Write a folder's names to the disk, so that a rename in it outlasts a loss of power."""
    if os.name != "posix":  # Windows cannot open folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


def named_error(error: OSError, path: str | Path) -> OSError:
    """Return the error with the name of the file that could not be written."""
    reason = error.strerror or str(error)
    return OSError(error.errno or errno.EIO, f"{reason}; nothing there was changed", str(path))


def _new_file(folder: Path, mode: int) -> tuple[Path, int]:
    """Create a file that belongs to this process; return its temporary path and its descriptor.

    Where possible the file has no name: see `_give_name`.
    """
    while True:
        path = folder / f".{secrets.token_hex(4)}{TEMPORARY}"
        descriptor = _file_without_name(folder, mode)
        if descriptor is None:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        if fcntl is None:
            return path, descriptor
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not os.fstat(descriptor).st_nlink or path.exists():  # not removed before it was locked
            return path, descriptor
        os.close(descriptor)


def _file_without_name(folder: Path, mode: int) -> int | None:
    """Return the descriptor of a new file in a folder; None where it needs a name."""
    if not hasattr(os, "O_TMPFILE") or not os.path.exists("/proc/self/fd"):
        return None
    try:
        return os.open(folder, os.O_RDWR | os.O_TMPFILE, mode)
    except OSError:  # if it is not for that, a file with a name cannot be made either
        return None


def _give_name(descriptor: int, path: Path) -> None:
    """Give a file its name, if it has none."""
    if os.fstat(descriptor).st_nlink:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:  # with a folder, Python follows the link in /proc
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=folder)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(folder)


def _lock(path: Path) -> int | None:
    """Return a descriptor that locks a temporary file; None where another process has it.

    Raises:
        OSError: it cannot be opened.
    """
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_stream(path: Path) -> bool:
    """Return whether a path is no regular file, or the name of an open one."""
    if str(path).startswith(("/dev/std", "/dev/fd/", "/proc/")):
        return True
    return path.exists() and not path.is_file()


def prepare_file(path: Path) -> None:
    """Make the file's folder, and check that the file can be written into it.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not _is_stream(path):
            with tempfile.TemporaryFile(dir=path.parent):
                pass
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
