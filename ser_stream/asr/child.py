"""Main module of the speech recognition process, which `ser_stream.asr.process` starts.

Messages are pickled objects in pipes. Input: the settings, then segments (samples, start_s).
Output: (READY,) or (FAILED, reason), then for each segment (WORDS, words, language, seconds it
took) or (FAILED, reason). After a failure the process ends, since the recogniser's state is not
known.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from typing import BinaryIO

import numpy as np

from ser_stream.asr.factory import open_recognizer
from ser_stream.errors import InputError
from ser_stream.standard_streams import STDERR, STDOUT, open_missing_descriptors
from ser_stream.termination import SIGNALS
from ser_stream.units import Seconds

READY, WORDS, FAILED = "ready", "words", "failed"
NICENESS = 5
"""Priority below capture and emotion recognition, where cores are short."""


def main() -> None:
    """Recognise segments until the parent process ends."""
    open_missing_descriptors()
    for number in SIGNALS:  # sent to the whole group, they end the parent, which ends us
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    replies = os.fdopen(os.dup(STDOUT), "wb")
    # What libraries print goes to stderr, so that it does not mix with the replies.
    os.dup2(STDERR, STDOUT)
    try:
        _serve(sys.stdin.buffer, replies)
    except BaseException as error:
        if not isinstance(error, InputError):
            traceback.print_exc()
        _send(replies, (FAILED, _reason(error)))
    os._exit(1)  # at once: a thread is still reading requests


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    recognizer = open_recognizer(pickle.load(requests))
    segments: queue.SimpleQueue[tuple[np.ndarray, Seconds]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, segments), daemon=True).start()
    _send(replies, (READY,))
    while True:
        samples, start_s = segments.get()
        started = time.monotonic()
        words = recognizer.recognize(samples, start_s)
        language = getattr(recognizer, "language", "")
        _send(replies, (WORDS, words, language, time.monotonic() - started))


def _receive(requests: BinaryIO, segments: queue.SimpleQueue[tuple[np.ndarray, Seconds]]) -> None:
    """Read requests in a thread of its own, which notices the end of the parent at once."""
    while True:
        try:
            segments.put(pickle.load(requests))
        except (EOFError, OSError, pickle.UnpicklingError):  # the parent has ended
            os._exit(0)


def _send(replies: BinaryIO, message: tuple[object, ...]) -> None:
    pickle.dump(message, replies)
    replies.flush()


def _reason(error: BaseException) -> str:
    if isinstance(error, InputError):
        return str(error)
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
