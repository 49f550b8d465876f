"""A command of the user's that runs after each turn."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence

from ser_stream.child_environment import without_secrets
from ser_stream.emotion import UTTERANCE, EmotionEstimate
from ser_stream.errors import InputError, message_line, shown
from ser_stream.outputs.base import Output
from ser_stream.text import json_line
from ser_stream.units import Seconds

logger = logging.getLogger("ser_stream")

MAX_WAITING = 8
"""Turns that may wait for the command of an earlier one."""
LOOK_EVERY: Seconds = 0.2
"""How often a recording that waits for room looks whether the program is about to end."""
CLOSE_WITHIN: Seconds = 1.0
"""Time that commands have where a signal ends the program; a later one ends it at once."""
END_WITHIN: Seconds = 1.0
"""Time that a command has to end by SIGTERM, before it is killed."""
MAX_LINES = 20
"""Lines of its output that a command may print per turn."""
READ_BYTES = 65_536


class TurnCommand(Output):
    """Runs a command for each finished turn, one after another, in a thread of its own.

    The command gets the estimate that represents the turn as one line of JSON on its standard
    input, and the most important parts of it as environment variables, see `variables`. No shell is
    involved. Each run is a process group of its own, of which nothing is left when the command has
    ended. What it prints is logged line by line.

    Args:
        command: program and arguments, see `split`.
        timeout_s: longest time of one run; then its process group is ended.
        with_source: whether the first key of the JSON is `source`, the name of the source.
        live: whether sound comes at its own pace: the oldest turns are left out where the command
            is slower than speech. Recordings wait instead.
        ending: returns whether the program is about to end, by a signal for example.

    Attributes:
        left_out: number of turns for which the command did not run.
    """

    def __init__(
        self,
        command: Sequence[str],
        timeout_s: Seconds,
        live: bool,
        with_source: bool = False,
        ending: Callable[[], bool] = lambda: False,
    ) -> None:
        self.left_out = 0
        self._arguments = list(command)
        self._timeout_s = timeout_s
        self._live = live
        self._with_source = with_source
        self._ending = ending
        self._source = ""
        self._turns: deque[tuple[str, EmotionEstimate]] = deque()
        self._changed = threading.Condition()
        self._closed = self._killed = False
        self._process: subprocess.Popen[bytes] | None = None  # while one runs
        self._lines_left = MAX_LINES
        reading, self._writing = os.pipe()
        self._reader = threading.Thread(
            target=self._log_output, args=(reading,), name="ser_stream-on-turn-output", daemon=True
        )
        self._thread = threading.Thread(target=self._work, name="ser_stream-on-turn", daemon=True)
        self._reader.start()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Wait for the commands of all turns; where the program is about to end, not for long."""
        try:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            # Another thread calls this only where the process ends without any clean-up.
            if threading.current_thread() is threading.main_thread():
                self._wait()
        finally:
            self._kill()
        self._reader.join(END_WITHIN)
        if self.left_out:
            logger.warning("--on-turn: the command did not run for %d turns", self.left_out)

    def on_source(self, name: str) -> None:
        self._source = name

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        if estimate.trigger != UTTERANCE or not estimate.decisive:
            return
        with self._changed:
            while not self._live and len(self._turns) >= MAX_WAITING and not self._ending():
                self._changed.wait(LOOK_EVERY)
            if len(self._turns) >= MAX_WAITING:
                self._leave_out(self._turns.popleft()[1])
            self._turns.append((self._source, estimate))
            self._changed.notify_all()

    def _leave_out(self, estimate: EmotionEstimate) -> None:
        if not self.left_out:
            _warn(estimate, "left out, since the command is slower than speech")
        self.left_out += 1

    def _wait(self) -> None:
        while self._thread.is_alive() and not self._ending():
            self._thread.join(LOOK_EVERY)
        self._thread.join(CLOSE_WITHIN)

    def _kill(self) -> None:
        """End the command that runs, and begin no other one."""
        with self._changed:
            self._killed = True
            if self._process is not None:
                _signal_group(self._process, signal.SIGKILL)
            self.left_out += len(self._turns)
            self._turns.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._turns and not self._closed and not self._killed:
                    self._changed.wait()
                if self._killed or not self._turns:
                    os.close(self._writing)
                    return
                source, estimate = self._turns.popleft()
                self._changed.notify_all()
            if reason := self._run(source, estimate):
                _warn(estimate, reason)

    def _run(self, source: str, estimate: EmotionEstimate) -> str:
        """Run the command once; return why it failed, "" where it did not."""
        self._lines_left = MAX_LINES
        try:
            process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=self._writing,
                stderr=self._writing,
                env=without_secrets() | variables(source, estimate),
                start_new_session=True,
            )
        except OSError as error:
            return error.strerror or str(error)
        with self._changed:
            self._process = process
            if self._killed:
                _signal_group(process, signal.SIGKILL)
        try:
            content = json.loads(estimate.to_json())
            if self._with_source:
                content = {"source": source, **content}
            process.communicate(json_line(content).encode() + b"\n", self._timeout_s)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGTERM)
            _wait_for(process)
            return f"the command took longer than {self._timeout_s:g} s, and was ended"
        finally:
            _signal_group(process, signal.SIGKILL)  # also what it has left in the background
            _wait_for(process)
            with self._changed:
                self._process = None
        if self._killed:
            return "the command was ended together with the program"
        if process.returncode < 0:
            return f"the command was killed by signal {-process.returncode}"
        return f"the command's exit code is {process.returncode}" if process.returncode else ""

    def _log_output(self, reading: int) -> None:
        """Log what commands print, until no process can print any more."""
        rest = b""
        with open(reading, "rb", buffering=0) as pipe:
            while found := pipe.read(READ_BYTES):
                *lines, rest = (rest + found).split(b"\n")
                for line in lines:
                    self._log_line(line)
                rest = rest[-READ_BYTES:]
        if rest:
            self._log_line(rest)

    def _log_line(self, line: bytes) -> None:
        self._lines_left -= 1
        if self._lines_left >= 0:
            logger.info("on-turn: %s", message_line(line.decode("utf-8", "backslashreplace")))
        elif self._lines_left == -1:
            logger.info("on-turn: (further output of this turn's command is left out)")


def split(command: str) -> list[str]:
    """Return the words of a command, quoted as in a shell; the first is the path of a program.

    Raises:
        InputError: quotes are not closed, there is no word, or there is no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(f"--on-turn: found {shown(command)}: {error}") from error
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise InputError(
            f"--on-turn: found {shown(words[0] if words else command)}; accepted is a program on "
            "the PATH, or the path of one that may be executed, with its arguments; for a shell: "
            "--on-turn 'sh -c \"...\"'"
        )
    return [program, *words[1:]]


def variables(source: str, estimate: EmotionEstimate) -> dict[str, str]:
    """Return the environment variables of the command; words are in the JSON alone."""
    return {
        "SER_STREAM_SOURCE": source,
        "SER_STREAM_TURN": str(estimate.turn),
        "SER_STREAM_EXPRESSION": estimate.expression,
        "SER_STREAM_REASON": estimate.reason,
        "SER_STREAM_CONFIDENCE": f"{estimate.confidence:.4f}",
        "SER_STREAM_VALENCE": f"{estimate.valence:.3f}",
        "SER_STREAM_AROUSAL": f"{estimate.arousal:.3f}",
    }


def _warn(estimate: EmotionEstimate, reason: str) -> None:
    logger.warning("--on-turn: turn %d: %s", estimate.turn, reason)


def _wait_for(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_WITHIN)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
