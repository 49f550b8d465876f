"""The standard streams of a program, whatever has become of them: closed, full, or without reader.

Standard error never raises and never holds up the program. Standard output raises `OutputLost` once
when it can no longer be written. Both accept every character in every encoding.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from ser_stream.text import valid_text
from ser_stream.units import Seconds

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT, STDERR = 1, 2
UNREAD_AFTER: Seconds = 1.0
"""Standard error whose reader does not read is waited for so long, once."""
PIPE_BUF = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe takes at once, if it takes any."""
ERRORS = "ser_stream.escape"
"""Name of the handler of characters that an encoding lacks."""
_PLAIN = {
    **{"█": "#", "░": "-", "…": "~", "±": "+-", "│": "|", "─": "-", "┼": "+", "·": ".", "●": "o"},
    **dict(zip("▁▂▃▄▅▆▇", "_.:-=+*", strict=True)),
}
"""Characters of the live view -> one that every encoding has, of the same width."""


class OutputLost(Exception):  # noqa: N818 - a state of the stream; who catches it decides
    """Standard output cannot be written any more; `StandardOutput.loss` says why."""


class StandardOutput(io.RawIOBase):
    """Standard output, whose first failure is raised as `OutputLost`; later text is discarded.

    It is raised in the main thread only, so that no other thread ends by it.

    Attributes:
        loss: why it cannot be written any more; None while it can.
        raises: whether `OutputLost` is still to be raised.
        on_loss: called once, in any thread, when `loss` has been set.
    """

    def __init__(self) -> None:
        self.loss: OSError | None = None
        self.on_loss: Callable[[], None] = lambda: None
        self._descriptor = STDOUT
        self.raises = True

    @property
    def reader_left(self) -> bool:
        """Whether it is a pipe whose reader has left, as in `ser-stream ... | head -1`.

        Where a socket's other end has gone, such as that of a log service, nobody has chosen so.
        """
        is_pipe = stat.S_ISFIFO(os.fstat(self._descriptor).st_mode)
        return is_pipe and isinstance(self.loss, BrokenPipeError)

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        if self.loss is None:
            try:
                return self._write(data)
            except OSError as error:
                self.lose(error)
            except KeyboardInterrupt:  # it was waiting for a reader that does not read
                self.lose(BrokenPipeError())
                raise
        if self.raises and threading.current_thread() is threading.main_thread():
            self.raises = False
            raise OutputLost
        return memoryview(data).nbytes

    def lose(self, error: OSError) -> None:
        """Write nothing any more."""
        if self.loss is None:
            self.loss = error
            self.on_loss()

    @contextlib.contextmanager
    def moved(self) -> Iterator[None]:
        """Write to a descriptor of its own; what others write to descriptor 1 goes to stderr."""
        self._descriptor = os.dup(STDOUT)
        os.dup2(STDERR, STDOUT)
        try:
            yield
        finally:
            os.dup2(self._descriptor, STDOUT)
            os.close(self._descriptor)
            self._descriptor = STDOUT

    def _write(self, data: ReadableBuffer) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # another process made the pipe or terminal non-blocking
                is_writable(self._descriptor, None)


class StandardError(io.RawIOBase):
    """Standard error; what cannot be written is discarded.

    A reader that does not read is waited for once, for `UNREAD_AFTER`; what comes until it reads
    again is discarded too, and a line says so.
    """

    def __init__(self) -> None:
        self._unread = False

    def fileno(self) -> int:
        return STDERR

    def isatty(self) -> bool:
        return os.isatty(STDERR)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        was_unread = self._unread
        self._unread = not is_writable(STDERR, 0.0 if was_unread else UNREAD_AFTER)
        if self._unread:
            return memoryview(data).nbytes
        with contextlib.suppress(OSError):  # closed, full, or its reader has gone
            if was_unread:
                os.write(STDERR, b"(messages were lost here: standard error was not read)\n")
            return os.write(STDERR, memoryview(data)[:PIPE_BUF])
        return memoryview(data).nbytes


class StandardStreams:
    """A context manager that replaces `sys.stdout` and `sys.stderr` by streams of this module.

    Streams that a caller has put in their place, as test programs do, are left alone.

    Attributes:
        output: standard output.
        missing: those of the descriptors 0, 1 and 2 that were closed.
    """

    def __init__(self) -> None:
        self.missing = open_missing_descriptors()
        self.output = StandardOutput()

    def __enter__(self) -> StandardStreams:
        self._before = sys.stdout, sys.stderr
        if sys.stdout is sys.__stdout__:
            sys.stdout = _text_stream(self.output, sys.__stdout__)
        if sys.stderr is sys.__stderr__:
            sys.stderr = _text_stream(StandardError(), sys.__stderr__, line_buffering=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._flush()
        sys.stdout = self._before[0]
        if kind is None or not issubclass(kind, Exception):  # otherwise a traceback will be printed
            sys.stderr = self._before[1]

    def finish(self, hurried: bool = False) -> OSError | None:
        """Write what is still buffered.

        Args:
            hurried: give up at once where the reader does not read.

        Returns:
            Why something could not be written. None where all was, and where a pipe's reader has
            left: it has got what it wanted.
        """
        if hurried and not is_writable(self.output.fileno(), 0.0):
            self.output.lose(BrokenPipeError())
            return None
        self._flush()
        return None if self.output.reader_left else self.output.loss

    def _flush(self) -> None:
        with contextlib.suppress(OutputLost):
            sys.stdout.flush()


def open_missing_descriptors() -> frozenset[int]:
    """Open /dev/null for those of the descriptors 0, 1 and 2 that are closed, and return them.

    Otherwise the next files and sockets would get these numbers, and messages would be written into
    them.
    """
    missing = set()
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)
            missing.add(descriptor)
    return frozenset(missing)


@contextlib.contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Yield standard output for one writer; what anything else prints goes to standard error."""
    stream = sys.stdout
    stream.flush()
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    with contextlib.ExitStack() as stack:
        if isinstance(raw, StandardOutput):
            stack.enter_context(raw.moved())
            stack.callback(_flush_quietly, stream)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield stream


def is_writable(descriptor: int, wait: Seconds | None) -> bool:
    """Wait until a write would return at once; return whether that is so in time.

    Args:
        wait: how long to wait; None: without end.
    """
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(None if wait is None else round(1000 * wait)))


def _flush_quietly(stream: TextIO) -> None:
    with contextlib.suppress(OutputLost):
        stream.flush()


def _text_stream(
    raw: io.RawIOBase, like: TextIO | None, line_buffering: bool = False
) -> io.TextIOWrapper:
    """Return a text stream with the encoding and buffering of another one.

    Args:
        like: the stream that Python has made; None where the descriptor was closed.
    """
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=like.encoding if like else "utf-8",
        errors=ERRORS,
        line_buffering=line_buffering or raw.isatty(),
        write_through=getattr(like, "write_through", False),
    )


def _escape(error: UnicodeError) -> tuple[str, int]:
    r"""Replace characters by similar ones, or by escapes that JSON knows: `\u20ac`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_escaped, error.object[error.start : error.end])), error.end


def _escaped(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return valid_text(character)
    units = character.encode("utf-16-be")  # one, or a pair of surrogates
    pairs = [units[i : i + 2].hex() for i in range(0, len(units), 2)]
    return _PLAIN.get(character) or "".join(f"\\u{unit}" for unit in pairs)


codecs.register_error(ERRORS, _escape)
