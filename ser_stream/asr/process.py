"""Control of the speech recognition process from the listening process.

It is a new Python interpreter. A fork would inherit threads' locks and CUDA; `multiprocessing`
would import the program's main module again, and torch with it.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np

from ser_stream.asr.base import AsrSettings
from ser_stream.asr.child import FAILED
from ser_stream.asr.interpreter import child_environment
from ser_stream.units import Seconds
from ser_stream.words import Word


class ProcessFailed(Exception):  # noqa: N818 - a state of the process, not an error of the caller
    """The process has ended, or was killed because it did not answer; the message says why."""


class RequestNotReceived(ProcessFailed):
    """The process ended before it received the request, which the next process can answer."""


class NoAnswer(ProcessFailed):
    """The process did not answer in time and was killed: it hangs, or is far too slow."""


class RecognizerRefused(ProcessFailed):
    """The recogniser cannot be loaded: its model, language or grammar cannot be used."""


class RecognizerProcess:
    """A speech recognition process, usable when `wait_until_ready` has returned.

    Args:
        settings: settings of the recogniser.
        on_exit: called when the process has ended, from another thread.
    """

    def __init__(self, settings: AsrSettings, on_exit: Callable[[], None]):
        self._settings = settings
        process = subprocess.Popen(
            [sys.executable, "-m", "ser_stream.asr.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
        )
        assert process.stdin is not None and process.stdout is not None
        self._process, self._requests, self._replies = process, process.stdin, process.stdout
        self._on_exit = on_exit
        threading.Thread(target=self._wait, name="ser_stream-asr-exit", daemon=True).start()

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once. May be called from any thread, and more than once."""
        self._process.kill()

    def close(self) -> None:
        """End the process and close its pipes."""
        self.kill()
        self._process.wait()
        for pipe in (self._requests, self._replies):
            try:
                pipe.close()
            except BrokenPipeError:  # the last message was not read
                continue

    def wait_until_ready(self, within: Seconds) -> None:
        """Wait until the recogniser is loaded. Raises ProcessFailed, or RecognizerRefused."""
        self._request(self._settings, within, refusal=RecognizerRefused)

    def recognize(
        self, samples: np.ndarray, start_s: Seconds, within: Seconds
    ) -> tuple[tuple[Word, ...], str, Seconds]:
        """Return a segment's words, its language if known, and the time they took.

        Raises ProcessFailed.
        """
        _, words, language, took_s = self._request((samples, start_s), within)
        return words, language, took_s

    def _request(
        self, message: object, within: Seconds, refusal: type[ProcessFailed] = ProcessFailed
    ) -> tuple:
        """Send the message and wait for its reply; kill the process after the deadline.

        Killing ends the wait even where the process does not read its messages.

        Args:
            refusal: raised where the process replies that it has failed.
        """
        late = threading.Event()

        def expire() -> None:
            late.set()
            self.kill()

        deadline = threading.Timer(within, expire)
        deadline.daemon = True
        deadline.start()
        failure: type[ProcessFailed] = RequestNotReceived
        try:
            pickle.dump(message, self._requests, protocol=pickle.HIGHEST_PROTOCOL)
            self._requests.flush()
            failure = ProcessFailed
            reply = pickle.load(self._replies)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            if late.is_set():
                raise NoAnswer(f"no answer within {within:g} s: killed") from error
            raise failure(self.exit_reason()) from error
        finally:
            deadline.cancel()
        if reply[0] == FAILED:
            raise refusal(reply[1])
        return reply

    def exit_reason(self) -> str:
        """Wait until the process has ended, and return why, as a phrase for people."""
        code = self._process.wait()
        return f"the process was killed by signal {-code}" if code < 0 else f"exit code {code}"

    def _wait(self) -> None:
        self._process.wait()
        self._on_exit()
