"""The end of a program by SIGINT, SIGTERM or SIGHUP: in order, and in bounded time.

The first signal begins the end; those of the next second are part of it, as when a terminal closes.
A later one ends the process at once. Signals that are ignored, as by `nohup`, stay ignored.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from ser_stream.standard_streams import StandardError, StandardOutput
from ser_stream.units import Seconds

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
SAME_REQUEST: Seconds = 1.0
"""Signals so soon after the first are the same request to end."""
STOP_WITHIN: Seconds = 5.0
"""Time for `stop` of `Termination.calling`; then `Terminated` is raised."""
END_WITHIN: Seconds = 9.0
"""Time from the signal to the end of the process. Docker kills after 10 s."""
LAST_WORDS: Seconds = 1.0
"""Longest time for `at_worst` of `Termination.calling`."""
RAISE_AGAIN_AFTER: Seconds = 0.5
"""Time for an exception that C code has printed to end the command as another exception."""
LOOK_EVERY_MS = 100
"""How often the watching thread looks at the time, once the end has begun."""
_LOOK, _LEAVE = 0, 255
"""Bytes to the watching thread that are no signal's number."""


class Terminated(KeyboardInterrupt):
    """A signal has asked the process to end.

    Attributes:
        number: number of the signal.
    """

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number, as a shell has it."""
        return 128 + self.number


class Termination:
    """A context manager, of the main thread, in which signals end the program in order.

    A signal raises `Terminated` once in `raising` or, within `calling`, calls a function. A
    thread watches: a main thread that hangs cannot keep the process from ending.

    Args:
        output: standard output, whose loss ends the program too within `calling`.

    Attributes:
        number: number of the first signal; None before.
        raised: the exception that was raised; None before. Who catches it may raise another one:
            the import of a module of C code makes it an ImportError.
    """

    def __init__(self, output: StandardOutput):
        self.number: int | None = None
        self.raised: Terminated | None = None
        self._output = output
        self._handlers: dict[int, object] = {}
        self._raises = False
        self._stop: Callable[[], None] | None = None
        self._at_worst: Callable[[], None] = lambda: None
        self._since: float | None = None  # monotonic time of the first signal, or of the loss
        self._stopping = self._forced = False
        self._early: int | None = None  # signal that came before `raising`
        self._ignored_at: float | None = None  # when the exception was printed, not raised
        self._own_signals = 0  # sent by `_act`, not noted yet
        self._thread: threading.Thread | None = None  # None: signals are left alone
        self._received, self._sending = socket.socketpair()
        self._received.setblocking(False)
        self._sending.setblocking(False)
        self._state = threading.Lock()  # `calling` does not end while the watching thread acts

    def __enter__(self) -> Termination:
        if os.name != "posix" or threading.current_thread() is not threading.main_thread():
            return self
        self._wakeup_before = signal.set_wakeup_fd(
            self._sending.fileno(), warn_on_full_buffer=False
        )
        for number in SIGNALS:
            before = signal.getsignal(number)
            if before is not None and before != signal.SIG_IGN:
                self._handlers[number] = before
                signal.signal(number, self._on_signal)
        self._output.on_loss = self._look
        self._hooks_before = sys.excepthook, sys.unraisablehook
        sys.excepthook, sys.unraisablehook = self._on_printed, self._on_unraisable
        self._thread = threading.Thread(
            target=self._watch, name="ser_stream-termination", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._restore()
            self._send(_LEAVE)
            self._thread.join()
        self._received.close()
        self._sending.close()

    @property
    def begun(self) -> bool:
        """Whether the end has begun: by a signal, or by the loss of standard output."""
        return self._since is not None

    @contextlib.contextmanager
    def raising(self) -> Iterator[None]:
        """Let a signal, also one that came before, raise `Terminated` while the context lasts."""
        self._raises = True
        if self._early is not None:
            self._on_signal(self._early, None)
        try:
            yield
        finally:
            with self._state:
                self._raises, self._ignored_at = False, None

    @contextlib.contextmanager
    def calling(
        self, stop: Callable[[], None], at_worst: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """Let a signal, or the loss of standard output, call a function while the context lasts.

        They raise nothing then: what runs can come to its usual end.

        Args:
            stop: makes the context end soon; called once, in another thread. `Terminated` is raised
                where that takes longer than `STOP_WITHIN`.
            at_worst: called in another thread where the process ends without leaving the context.
        """
        self._raises = self._output.raises = False
        self._stop, self._at_worst = stop, at_worst
        self._look()
        try:
            yield
        finally:
            with self._state:
                self._stop, self._at_worst = None, lambda: None
                self._raises = self.number is None
                self._output.raises = self._output.loss is None
            self._look()

    def _restore(self) -> None:
        """Give the signals back to those who had them before."""
        self._raises = False
        sys.excepthook, sys.unraisablehook = self._hooks_before
        signal.set_wakeup_fd(self._wakeup_before)
        for number, before in self._handlers.items():
            signal.signal(number, before)  # type: ignore[arg-type]
        self._output.on_loss = lambda: None

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Python's handler, which runs in the main thread when that gets to it."""
        if self._raises:
            self._raises = False
            self.raised = Terminated(self.number or number)
            raise self.raised
        self._early = self._early or number

    def _on_unraisable(self, found: sys.UnraisableHookArgs) -> None:
        """Take what a `__del__` or a callback of C code cannot raise."""
        if not self._is_ignored(found.exc_value):
            self._hooks_before[1](found)

    def _on_printed(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Take what C code prints, as that of numpy does where it is imported."""
        if not self._is_ignored(error):
            self._hooks_before[0](kind, error, trace)

    def _is_ignored(self, error: BaseException | None) -> bool:
        """Note it if the error is the one that was to end the command; return whether it is."""
        if error is None or error is not self.raised:
            return False
        self._ignored_at = time.monotonic()
        self._look()
        return True

    def _look(self) -> None:
        """Let the watching thread look at what has changed."""
        self._send(_LOOK)

    def _send(self, byte: int) -> None:
        with contextlib.suppress(BlockingIOError):  # it has enough to look at
            self._sending.send(bytes([byte]))

    def _watch(self) -> None:
        """Act on signals, on the loss of standard output, and on what takes too long."""
        while True:
            received, reader_gone = self._wait()
            if _LEAVE in received:
                return
            for number in received:
                if number != _LOOK:
                    self._note(number)
            with self._state:
                # Behind `calling`, the descriptor that was looked at may be closed.
                if reader_gone and self._stop is not None:
                    self._output.lose(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
                self._act()

    def _wait(self) -> tuple[bytes, bool]:
        """Wait for news; return the bytes received, and whether stdout's reader has gone."""
        poll = select.poll()
        poll.register(self._received, select.POLLIN)
        output = -1
        if self._stop is not None and self._output.loss is None:
            output = self._output.fileno()
            poll.register(output, 0)  # errors are always reported
        found = dict(poll.poll(None if self._since is None else LOOK_EVERY_MS))
        # Not POLLNVAL: the main thread has left `calling` and closed the descriptor meanwhile.
        reader_gone = bool(found.get(output, 0) & (select.POLLERR | select.POLLHUP))
        with contextlib.suppress(BlockingIOError):
            return self._received.recv(4096), reader_gone
        return b"", reader_gone

    def _note(self, number: int) -> None:
        """Note a signal; end the process at once if it comes after the first one's time."""
        if self._own_signals:
            self._own_signals -= 1
            return
        now = time.monotonic()
        if self.number is None:
            self.number, self._since = number, now
        elif self._since is not None and now - self._since > SAME_REQUEST:
            self._end_now()

    def _act(self) -> None:
        """Do what is due: call `stop`, raise `Terminated` nevertheless, or end the process."""
        if self._stop is not None and not self._stopping:
            if self.number is None and self._output.loss is None:
                return
            self._since = self._since or time.monotonic()
            self._stopping = True
            self._stop()
        if self._since is None:
            return
        taken_s = time.monotonic() - self._since
        if self._ignored_at is not None and time.monotonic() - self._ignored_at > RAISE_AGAIN_AFTER:
            self._ignored_at = None
            self._raise_in_main_thread()
        if self._stop is not None and not self._forced and taken_s > STOP_WITHIN:
            self._forced = True
            self._raise_in_main_thread()
        if taken_s > END_WITHIN:
            StandardError().write(f"ser-stream: not ended within {END_WITHIN:g} s\n".encode())
            self._end_now()

    def _raise_in_main_thread(self) -> None:
        """Raise `Terminated`, also out of a system call, as a write to a pipe that nobody reads."""
        self._raises = True
        self._own_signals += 1
        number = self.number or next(iter(self._handlers), signal.SIGTERM)
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    def _end_now(self) -> None:
        """End the process without any clean-up but `at_worst`."""
        last = threading.Thread(target=self._at_worst, daemon=True)
        last.start()
        last.join(LAST_WORDS)
        os._exit(1 if self.number is None else 128 + self.number)
