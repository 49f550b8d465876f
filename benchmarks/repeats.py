"""What 200 repetitions of a fault leave behind: memory, open files, threads, child processes.

    make soak                       or: python -m benchmarks.repeats --output FILE

Each fault is repeated in a process of its own, with real devices, processes and files. A fault of
the network alone is a double: damaged memory cannot be had on demand.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.measuring import MODEL, Result, child_environment, memory_mb, python, run_part
from benchmarks.sound import SPOKEN
from ser_stream.units import SAMPLE_RATE_HZ

WARM_UP = 20
"""Repetitions before the first measurement: caches fill in them."""
PATIENCE_S = 120.0

Repetition = Callable[[], None]
Fault = Callable[[Path], contextlib.AbstractContextManager[Repetition]]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition} did not come true within {PATIENCE_S:g} s")
        time.sleep(0.005)


@contextlib.contextmanager
def sound_server_dies(folder: Path) -> Iterator[Repetition]:
    """A PulseAudio server is killed while its microphone is heard, and started again."""
    from pulse import PulseServer
    from ser_stream import Recognizer
    from ser_stream.audio.microphone import Microphone

    with PulseServer() as server:
        server.add_sink("room")
        os.environ.update(server.env)
        microphone = Microphone(reopen_every_s=0.1, wait=True)
        stream = Recognizer(MODEL).stream(microphone)
        thread = threading.Thread(target=lambda: list(stream), daemon=True)
        thread.start()
        _wait_for(lambda: microphone.connected)

        def repeat() -> None:
            server.kill()
            _wait_for(lambda: not microphone.connected)
            server.start()
            server.add_sink("room")
            _wait_for(lambda: microphone.connected)

        yield repeat
        microphone.close()
        thread.join()


@contextlib.contextmanager
def speech_recogniser_killed(folder: Path) -> Iterator[Repetition]:
    """The process of PocketSphinx is killed while it waits; the next turn has its words."""
    from ser_stream.asr.base import AsrSettings
    from ser_stream.asr.worker import AsrWorker

    samples = soundfile.read(SPOKEN[1], dtype="float32")[0]
    settings = AsrSettings("pocketsphinx", language="en", grammar="demo")
    with AsrWorker(settings, backoff_s=0.01) as worker:
        turns = 0

        def repeat() -> None:
            nonlocal turns
            turns += 1
            worker.submit(samples, 0.0, turns, final=True)
            (result,) = worker.poll(PATIENCE_S)
            assert result.words and not result.error, result
            pid = worker.pid
            os.kill(pid, signal.SIGKILL)
            _wait_for(lambda: worker.pid not in (pid, None))

        yield repeat


@contextlib.contextmanager
def network_fails(folder: Path) -> Iterator[Repetition]:
    """The network's answers become NaN three times, and the model is opened again."""
    from benchmarks.soak_faults import NetworkSwitch
    from ser_stream import Recognizer
    from ser_stream.stream import guarded

    guarded.RELOAD_EVERY = 0.0
    switch = NetworkSwitch()
    recognizer = Recognizer(MODEL)

    def repeat() -> None:
        withheld = recognizer.status.failed_windows
        switch.failures = guarded.FAILURES_BEFORE_RELOAD
        while switch.failures:
            _push(recognizer)
        assert _push(recognizer) and recognizer.status.failed_windows >= withheld

    yield repeat


@contextlib.contextmanager
def recording_cut_off(folder: Path) -> Iterator[Repetition]:
    """A recording that was cut off is read, and refused at its end."""
    from ser_stream import Recognizer
    from ser_stream.errors import InputError

    path = folder / "cut.flac"
    path.write_bytes(SPOKEN[1].read_bytes()[:-20_000])
    recognizer = Recognizer(MODEL)

    def repeat() -> None:
        with contextlib.suppress(InputError):
            list(recognizer.stream(path))
            raise AssertionError("a recording that was cut off is no error")

    yield repeat


@contextlib.contextmanager
def model_refused(folder: Path) -> Iterator[Repetition]:
    """A damaged model is refused."""
    from ser_stream import Recognizer
    from ser_stream.errors import InputError
    from ser_stream.models.info import SHIPPED

    model = folder / "model"
    shutil.copytree(SHIPPED / MODEL, model)
    for path in model.glob("*.onnx"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def repeat() -> None:
        with contextlib.suppress(InputError):
            Recognizer(model, engine="onnx")
            raise AssertionError("a damaged model is accepted")

    yield repeat


@contextlib.contextmanager
def caller_raises(folder: Path) -> Iterator[Repetition]:
    """The program that uses the recogniser raises in the middle of a stream."""
    from ser_stream import Recognizer

    recognizer = Recognizer(MODEL)

    def repeat() -> None:
        with contextlib.suppress(ZeroDivisionError):
            for _ in recognizer.stream(SPOKEN[1]):
                raise ZeroDivisionError
            raise AssertionError("no estimate")

    yield repeat


@contextlib.contextmanager
def recognizer_closed(folder: Path) -> Iterator[Repetition]:
    """A recogniser is opened, used and closed."""
    from ser_stream import Recognizer

    def repeat() -> None:
        with Recognizer(MODEL) as recognizer:
            assert _push(recognizer)

    yield repeat


@contextlib.contextmanager
def graph_left(folder: Path) -> Iterator[Repetition]:
    """The publisher over DDS joins the ROS graph and leaves it."""
    from ser_stream.ros.dds import DdsPublisher
    from ser_stream.stream.status import StreamStatus

    os.environ.update(ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST", ROS_DOMAIN_ID="97")

    def repeat() -> None:
        with DdsPublisher() as publisher:
            publisher.on_source("repetition")
            publisher.on_status(StreamStatus(speaking=True))

    yield repeat


def _push(recognizer) -> list:  # type: ignore[no-untyped-def, type-arg]
    samples = soundfile.read(SPOKEN[0], dtype="float32")[0]
    pause = np.zeros(SAMPLE_RATE_HZ, np.float32)
    return recognizer.push(np.append(samples, pause), SAMPLE_RATE_HZ) + recognizer.finish()


FAULTS: dict[str, Fault] = {
    "sound server killed and started": sound_server_dies,
    "speech recogniser killed": speech_recogniser_killed,
    "network answers NaN, model opened again": network_fails,
    "recording cut off": recording_cut_off,
    "damaged model refused": model_refused,
    "caller raises in mid stream": caller_raises,
    "recogniser opened and closed": recognizer_closed,
    "ROS graph joined and left (`--dds`)": graph_left,
}
"""Name of a fault -> a context manager of what repeats it."""


def repeat_fault(name: str, times: int) -> Result:
    """Repeat a fault in this process, and return what it left behind."""
    with tempfile.TemporaryDirectory() as folder, FAULTS[name](Path(folder)) as repeat:
        took_s, left = [], []
        for number in range(WARM_UP + times):
            started = time.monotonic()
            repeat()
            if number >= WARM_UP - 1:
                took_s.append(time.monotonic() - started)
                left.append(_left_behind())
        slope, _ = np.polyfit(np.arange(len(left)), [each["rss_mb"] for each in left], 1)
        return {
            "times": times,
            "median_s": round(statistics.median(took_s), 3),
            "longest_s": round(max(took_s), 3),
            "kb_each": round(1000 * float(slope), 1) + 0.0,
            "first": left[0],
            "last": left[-1],
        }


def _left_behind() -> Result:
    tasks = list(Path("/proc/self/task").iterdir())
    children = [pid for task in tasks for pid in (task / "children").read_text().split()]
    return {
        "rss_mb": memory_mb()["rss_mb"],
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(tasks),
        "children": len(children),
    }


def measure(arguments: argparse.Namespace) -> Result:
    """Repeat each fault in a process of its own."""
    times = 3 if arguments.quick else arguments.times
    found: Result = {}
    for name in FAULTS:
        command = python("-m", "benchmarks.repeats", "repeat", name, times)
        done = subprocess.run(command, env=child_environment(), stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: ended with exit code {done.returncode}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
        print(f"{name}: {found[name]}", flush=True)
    return {"faults": found}


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--times", type=int, default=200, help="repetitions of each fault")


if __name__ == "__main__":
    if sys.argv[1:2] == ["repeat"]:
        logging.disable()  # a line for each repetition
        print(json.dumps(repeat_fault(sys.argv[2], int(sys.argv[3]))))
    else:
        run_part(measure, _add_options)
