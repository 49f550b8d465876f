"""A PulseAudio server of one's own, as a sound card that tests can plug in, out and play to."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

PROGRAMS = ("pulseaudio", "pactl", "paplay", "parec")
missing_programs = [program for program in PROGRAMS if shutil.which(program) is None]
"""What has to be installed before `PulseServer` works."""


class PulseServer:
    """A context manager: a server with no sink at first, seen by processes started with `env`.

    What is played to a sink is heard by PortAudio's only devices, "default" and "pulse", as long
    as it is the only sink. Nothing outside a temporary folder is used or touched.
    """

    def __init__(self) -> None:
        # Not pytest's folder: the path of a socket must not exceed 107 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="pulse-"))
        (self._folder / ".asoundrc").write_text("pcm.!default pulse\nctl.!default pulse\n")
        own = {
            "HOME": self._folder,
            "XDG_RUNTIME_DIR": self._folder,
            "PULSE_RUNTIME_PATH": self._folder / "runtime",
            "PULSE_SERVER": f"unix:{self._folder}/socket",
        }
        foreign = ("PULSE_SINK", "PULSE_SOURCE", "PULSE_COOKIE", "ALSA_CONFIG_PATH", "DISPLAY")
        self.env = {name: text for name, text in os.environ.items() if name not in foreign}
        self.env |= {name: str(text) for name, text in own.items()}
        """Environment of processes that shall use this server."""
        self._process: subprocess.Popen | None = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Returns when the server answers."""
        (self._folder / "runtime").mkdir(exist_ok=True)
        protocol = f"module-native-protocol-unix socket={self._folder}/socket auth-anonymous=1"
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"]
        # A resampler as good as ours: what differs then is not Pulse's.
        command += ["--resample-method=soxr-hq", "--use-pid-file=no", "--disable-shm=yes"]
        command += ["-L", protocol]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while self._run("pactl", "info").returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """The server dies at once, as in a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """The server does not respond in the context, or until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.go_on()

    def go_on(self) -> None:
        """The server responds again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def add_sink(
        self, name: str, rate_hz: int = 48_000, channels: int = 1, channel_map: str = ""
    ) -> None:
        """A sink which sound comes back from: its monitor is a microphone."""
        options = f"sink_name={name} rate={rate_hz} channels={channels}".split()
        options += [f"channel_map={channel_map}"] if channel_map else []
        self._run("pactl", "load-module", "module-null-sink", *options, check=True)

    def remove_sinks(self) -> None:
        self._run("pactl", "unload-module", "module-null-sink", check=True)

    def play(self, path: str | Path, channel_map: str = "") -> None:
        """Play a sound file; returns at its end. The server maps channels by their names."""
        options = [f"--channel-map={channel_map}"] if channel_map else []
        self._run("paplay", *options, str(path), check=True)

    @contextlib.contextmanager
    def captured(self, sink: str, rate_hz: int) -> Iterator[Callable[[], np.ndarray]]:
        """Capture what is played to a sink while the context lasts.

        Yields a function that returns it, (n,) float64 with full scale +-1.
        """
        path = self._folder / "captured"
        command = ["parec", f"--device={sink}.monitor", "--format=s16le", "--channels=1"]
        with path.open("wb") as file:
            command += [f"--rate={rate_hz}", "--latency-msec=50"]
            process = subprocess.Popen(command, env=self.env, stdout=file)
            try:
                while path.stat().st_size == 0:
                    assert process.poll() is None
                    time.sleep(0.05)
                yield lambda: samples
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=30)
        samples = np.frombuffer(path.read_bytes(), np.int16) / 2**15

    def _run(self, *command: str, check: bool = False) -> subprocess.CompletedProcess:
        return subprocess.run(command, env=self.env, check=check, capture_output=True, timeout=30)
