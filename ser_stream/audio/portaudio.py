"""Calls of PortAudio, which never return while the sound server behind it does not respond.

They run in one thread, since PortAudio takes no calls from several at once, and a call that hangs
holds up nobody else for ever: who waits for it is told, and may give up.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, Generic, TypeVar

from ser_stream.audio.native_stderr import SilentStderr
from ser_stream.errors import InputError
from ser_stream.units import Seconds

log = logging.getLogger("ser_stream.audio")

T = TypeVar("T")

SLOW_S: Seconds = 4.0
"""A call that takes longer is reported: a sound server that answers takes less."""
GIVE_UP_S: Seconds = 20.0
"""A call that takes longer is given up. Starting PortAudio may take seconds on a busy computer."""
EXIT_S: Seconds = 2.0
"""Longest time that the end of the process waits for PortAudio to end."""

NOT_RESPONDING = "the sound server does not respond"


class PortAudioCall(Generic[T]):
    """A call that runs, or waits to run, in PortAudio's thread."""

    def __init__(self, call: Callable[[], T], discard: Callable[[T], object]) -> None:
        self._call = call
        self._discard = discard
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._abandoned = False
        self._stderr: SilentStderr | None = None  # while the call runs
        self._found: tuple[T | None, BaseException | None] = (None, None)

    def run(self) -> None:
        """Run the call, in PortAudio's thread; what PortAudio prints is discarded.

        A call that was abandoned while it waited for others is left out.
        """
        if self._abandoned:
            return
        found: tuple[T | None, BaseException | None]
        with SilentStderr() as self._stderr:
            if self._abandoned:  # meanwhile
                self._show_stderr()
            try:
                result = self._call()
                found = result, None
            except BaseException as error:  # raised again where the result is waited for
                found = None, error
        with self._lock:
            self._found = found
            if self._abandoned and found[1] is None:
                self._discard(result)
            self._done.set()

    def wait(self, timeout_s: Seconds) -> bool:
        """Wait until the call has returned; return whether it has.

        Where it has not, what is written to standard error is seen again.
        """
        done = self._done.wait(timeout_s)
        if not done:
            self._show_stderr()
        return done

    def result(self) -> T:
        """Return what the call has returned, or raise what it has raised."""
        result, error = self._found
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def abandon(self) -> None:
        """Do not wait any longer: a result that comes later is discarded."""
        with self._lock:
            self._abandoned = True
            if self._done.is_set() and self._found[1] is None:
                self._discard(self._found[0])  # type: ignore[arg-type]
        self._show_stderr()

    def _show_stderr(self) -> None:
        if (stderr := self._stderr) is not None:
            stderr.show_again()


class _Thread:
    """The thread that runs calls in their order. It ends with the process, wherever it hangs."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[PortAudioCall[Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in the thread."""
        return threading.current_thread() is self._thread

    def start(self, call: PortAudioCall[Any]) -> None:
        """Run a call when those before it have returned."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="ser_stream-portaudio", daemon=True
                )
                self._thread.start()
        self._calls.put(call)

    def _run(self) -> None:
        while True:
            self._calls.get().run()


_thread = _Thread()


def start_call(
    call: Callable[[], T], discard: Callable[[T], object] = lambda result: None
) -> PortAudioCall[T]:
    """Let PortAudio's thread run a call, and return at once.

    Args:
        discard: called with the result of a call that was abandoned before it returned.
    """
    started = PortAudioCall(call, discard)
    _thread.start(started)
    return started


def run_call(
    call: Callable[[], T],
    on_slow: Callable[[str], object] = log.warning,
    discard: Callable[[T], object] = lambda result: None,
    ended: threading.Event | None = None,
) -> T:
    """Run a call in PortAudio's thread and return its result, or raise what it raises.

    Args:
        on_slow: called with a line for people where that takes longer than `SLOW_S`.
        discard: see `start_call`.
        ended: when it is set, a slow call is not waited for.

    Raises:
        InputError: the call does not return.
    """
    if _thread.is_current:
        return call()
    started = start_call(call, discard)
    try:
        if started.wait(SLOW_S):
            return started.result()
        on_slow(f"{NOT_RESPONDING}: no answer for {SLOW_S:g} s")
        ended = ended or threading.Event()
        for _ in range(round((GIVE_UP_S - SLOW_S) / 0.1)):
            if started.wait(0.1):
                return started.result()
            if ended.is_set():
                break
    except BaseException:  # Ctrl-C
        started.abandon()
        raise
    started.abandon()
    raise InputError(
        f"PortAudio: {NOT_RESPONDING}; is it stopped? Start it again, such as by systemctl --user "
        "restart pulseaudio, or pipewire"
    )


def load_portaudio() -> ModuleType:
    """Import sounddevice, which starts PortAudio.

    Raises:
        InputError: that fails; the message says what to install.
    """
    return run_call(_import_sounddevice)


def _import_sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ImportError as error:
        raise InputError("no Python package sounddevice: pip install sounddevice") from error
    except OSError as error:  # raised by sounddevice where the library is missing
        raise InputError("no PortAudio library: apt install libportaudio2") from error
    except Exception as error:  # sounddevice.PortAudioError, which cannot be named yet
        raise InputError(f"PortAudio cannot be started: {error}") from error
    with suppress(OSError):  # not Linux
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_log_alsa)
    handler = getattr(sounddevice, "_exit_handler", None)
    if handler is not None:  # it would wait for ever
        atexit.unregister(handler)
        atexit.unregister(_end_portaudio)
        atexit.register(_end_portaudio, handler)
    return sounddevice


def _end_portaudio(handler: Callable[[], object]) -> None:
    """End PortAudio at the end of the process, unless that does not return."""
    start_call(handler).wait(EXIT_S)


@ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)
def _log_alsa(file: bytes, line: int, function: bytes, error: int, text: bytes) -> None:
    """Log ALSA's messages, mostly overruns, which it would write to the terminal."""
    # ctypes cannot access the variable arguments that belong into the text.
    log.debug("ALSA, %s: %s", function.decode(), text.decode())
