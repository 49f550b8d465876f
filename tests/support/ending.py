"""Processes that are ended in the middle of writing: killed, or with a full disk."""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")
"""Audit events of changes of names; files that are opened for writing and synced count too."""


def run_apart(work: Callable[[], object]) -> tuple[int, str]:
    """Run `work` in a child process; return its signal, 0 without one, and its error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work()
        except BaseException as error:
            os.write(writing, "".join(traceback.format_exception_only(error)).encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, pipe.read()


def killed_at(number: int, folder: Path, work: Callable[[], object]) -> bool:
    """Run `work` in a process that is killed before its change number `number` in `folder`.

    Changes are: a file is created, opened for writing, synced, renamed or removed, and so are
    folders.

    Returns:
        Whether it was killed; False: there are fewer changes.
    """

    def watched() -> None:
        _kill_before(number, folder)
        work()

    ended_by, error = run_apart(watched)
    assert not error, error
    return ended_by == signal.SIGKILL


def _kill_before(number: int, folder: Path) -> None:
    changes = 0

    def count(change: str) -> None:
        nonlocal changes
        changes += 1
        if changes > number:
            os.kill(os.getpid(), signal.SIGKILL)

    call_before_changes(folder, count)


def call_before_changes(folder: Path, call: Callable[[str], None]) -> None:
    """Call a function before each change in a folder, until this process ends.

    Args:
        call: is given the change, such as "rename model/.new".
    """

    def on_event(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(folder)):
                call(f"open {path}")
        elif event in CHANGES:
            path = os.fsdecode(arguments[0])
            if not os.path.isabs(path) or path.startswith(str(folder)):
                call(f"{event.removeprefix('os.')} {path}")

    sync = os.fsync

    def synced(descriptor: int) -> None:
        call(f"fsync {os.readlink(f'/proc/self/fd/{descriptor}')}")
        sync(descriptor)

    os.fsync = synced
    sys.addaudithook(on_event)


def with_largest_file(n_bytes: int, work: Callable[[], object]) -> Callable[[], None]:
    """Return `work` for a process in which no file may become larger: as on a full disk."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
        work()

    return limited


def temporaries(folder: Path) -> list[Path]:
    """Return the hidden files and folders below a folder: those that are not a model's."""
    return [path for path in folder.rglob("*") if path.name.startswith(".")]
