"""Supervision of `ser-stream listen`: heartbeats, and an end where inference hangs."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from ser_stream.commands.shared import print_error
from ser_stream.errors import InputError
from ser_stream.outputs.base import Output
from ser_stream.stream.status import StreamStatus
from ser_stream.stream.watchdog import INFERENCE_FAILED, CaptureWatchdog, InferenceWatchdog
from ser_stream.systemd import SystemdNotifier
from ser_stream.units import Seconds

CLEAN_UP_S: Seconds = 2.0
"""Longest time that the terminal's clean-up is waited for before the process ends."""


class Supervision(Output):
    """The last one of the outputs: the others have published that inference hangs before it ends.

    Args:
        view: the output that owns the terminal.
        live: whether sound comes at its own pace.
        others: further outputs that have something to end before the process does.
    """

    def __init__(self, view: Output, live: bool, others: Sequence[Output] = ()) -> None:
        self._to_end = [view, *others]
        self._watchdog = InferenceWatchdog()
        self._capture = CaptureWatchdog() if live else None
        self._systemd = SystemdNotifier()
        self._source = ""

    def __enter__(self) -> Supervision:
        return self

    def __exit__(self, *_: object) -> None:
        self._systemd.stopping()

    def on_source(self, name: str) -> None:
        if not self._source:
            self._systemd.ready()
        self._source = name

    def on_status(self, status: StreamStatus) -> None:
        if self._watchdog.update(status.scoring_s):
            self._end(self._watchdog.message)
        problem = status.source or status.inference
        state = f"{self._source}: {problem or 'listening'}, {status.windows} windows"
        alive = self._capture is None or self._capture.update(status)
        self._systemd.update(state, alive)

    def _end(self, reason: str) -> NoReturn:
        """End the process at once: a thread that hangs cannot be ended."""
        clean_up = threading.Thread(target=self._clean_up, args=(reason,), daemon=True)
        clean_up.start()
        clean_up.join(CLEAN_UP_S)
        os._exit(INFERENCE_FAILED)

    def _clean_up(self, reason: str) -> None:
        for output in self._to_end:
            with contextlib.suppress(Exception):  # the message must come, whatever they do
                output.__exit__(None, None, None)
        advice = f"the process ends with exit code {INFERENCE_FAILED}; start it again"
        print_error(InputError(f"{reason}: {advice}"))
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
