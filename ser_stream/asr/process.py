"""The parent's end of the process that recognises.

A Python of its own, not a fork (which would inherit threads' locks, and CUDA) and not one of
`multiprocessing` (which would import the program's main module again, and torch with it).
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np

from ser_stream.asr.base import AsrSettings
from ser_stream.asr.child import FAILED
from ser_stream.units import Seconds
from ser_stream.words import Word


class ProcessFailed(Exception):  # noqa: N818 - what happened, not whose fault it is
    """The process has ended, or does not answer and was killed; the message says why."""


class NotTaken(ProcessFailed):
    """The process had ended before it took the message: the next one can."""


class RecognizerProcess:
    """Started at once; usable when `wait_until_ready` has returned.

    Args:
        on_exit: called, from a thread of its own, when the process has ended.
    """

    def __init__(self, settings: AsrSettings, on_exit: Callable[[], None]):
        self._settings = settings
        path = [entry or os.getcwd() for entry in sys.path]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ser_stream.asr.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # It imports what we can import and, from Python 3.11 on, nothing that happens to lie
            # in the folder it is started in.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"},
        )
        self._on_exit = on_exit
        threading.Thread(target=self._wait, name="ser_stream-asr-exit", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, whatever it does. May be called from any thread, and again."""
        self._process.kill()

    def close(self) -> None:
        """End it, and free what it held."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:  # what was written last cannot be read any more
                continue

    def wait_until_ready(self, within: Seconds) -> None:
        """Have it load its recogniser. Raises ProcessFailed."""
        self._ask(self._settings, within)

    def recognize(
        self, samples: np.ndarray, start_s: Seconds, within: Seconds
    ) -> tuple[tuple[Word, ...], Seconds]:
        """The segment's words, and how long they took. Raises ProcessFailed."""
        _, words, took_s = self._ask((samples, start_s), within)
        return words, took_s

    def _ask(self, message: object, within: Seconds) -> tuple:
        """Send the message and wait for its reply; a process that is late is killed.

        Being killed is what ends the wait: so it ends too where the process cannot even read.
        """
        late = threading.Event()

        def expire() -> None:
            late.set()
            self.kill()

        deadline = threading.Timer(within, expire)
        deadline.daemon = True
        deadline.start()
        failure = NotTaken
        try:
            pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            failure = ProcessFailed
            reply = pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            if late.is_set():
                raise ProcessFailed(f"no answer within {within:g} s: killed") from error
            raise failure(self.how_it_ended()) from error
        finally:
            deadline.cancel()
        if reply[0] == FAILED:
            raise ProcessFailed(reply[1])
        return reply

    def how_it_ended(self) -> str:
        """Of a process that has ended, or is about to: why."""
        code = self._process.wait()
        return f"the process was killed by signal {-code}" if code < 0 else f"exit code {code}"

    def _wait(self) -> None:
        self._process.wait()
        self._on_exit()
