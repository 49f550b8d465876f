"""The microphone with a real sound server: recorded sound equals the sound that is played.

PortAudio and ALSA read the environment when they start, so what is tested runs in processes of
its own. Whatever those do, ALSA and JACK must not write to their standard error.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import soundfile

from high_pass_reference import high_passed
from paths import ROOT
from pulse import PulseServer
from ser_stream.audio import devices, microphone
from ser_stream.audio.microphone import Microphone
from ser_stream.errors import InputError

RATE_HZ = 16_000

PRELUDE = '''
import json, logging, sys, threading, time
import numpy as np
from ser_stream.audio import microphone
from ser_stream.audio.conditioner import Conditioner
from ser_stream.audio.devices import find_device, list_devices
from ser_stream.audio.microphone import Microphone
from ser_stream.audio.timeline import Timeline
from ser_stream.errors import InputError

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")

def record(blocks):
    """Return all sound until the test writes a line, and half a second more for its delay."""
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    conditioner, heard, more = Conditioner(), [], 16
    for block in blocks:
        heard.append(conditioner(block))
        more -= stop.is_set()
        if more == 0:
            return np.concatenate(heard)
'''


class Child:
    """A Python process that uses the sound server."""

    def __init__(self, server: PulseServer, program: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", PRELUDE + program],
            env=server.env | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._watchdog = threading.Timer(30, self._process.kill)
        self._watchdog.start()

    def wait_for(self, text: str) -> str:
        """The first line from here on that contains the text."""
        for line in self._process.stdout:
            if text in line:
                return line
        pytest.fail(f"{text!r} was never printed; {self._process.stderr.read()}")

    def finish(self, signal_number: int | None = None) -> list[str]:
        """Lines up to the end, which must be a good one."""
        if signal_number is not None:
            self._process.send_signal(signal_number)
        lines, errors = self._process.communicate("stop\n" if signal_number is None else None)
        # PortAudio itself says, from its own thread, why a stream died (Debian builds it so).
        errors = [line for line in errors.splitlines() if not line.startswith("Expression '")]
        assert (self._process.returncode, errors) == (0, [])
        return lines.splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._watchdog.cancel()
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def server():
    with PulseServer() as server:
        yield server


@pytest.fixture
def robot_ears(server):
    server.add_sink("robot")
    return server


@pytest.fixture
def played(tmp_path):
    """Two seconds of noise, each instant unlike all others, and the file they are in.

    It ends at 1 kHz: below, a shift by half a sample, which no comparison could undo, is nothing.
    """
    rng = np.random.default_rng(1)
    spectrum = np.fft.rfft(rng.standard_normal(2 * RATE_HZ))
    spectrum[1000 * 2 :] = 0
    signal_ = np.fft.irfft(spectrum)
    signal_ *= 0.5 / np.abs(signal_).max()
    soundfile.write(tmp_path / "played.wav", signal_, RATE_HZ)
    return signal_, tmp_path / "played.wav"


def find(part: np.ndarray, recording: np.ndarray) -> tuple[int, float]:
    """Return where the part is in the recording, and their correlation (1: equal but for gain)."""
    size = len(recording) + len(part)
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(part, size))
    products = np.fft.irfft(spectrum, size)[: len(recording) - len(part) + 1]
    place = int(np.argmax(products))
    there = recording[place : place + len(part)]
    return place, float(products[place] / np.linalg.norm(part) / np.linalg.norm(there))


def assert_heard(played: np.ndarray, recording: np.ndarray) -> None:
    """Assert that the whole sound was recorded, without gaps and at the level it was played at."""
    played = high_passed(played)
    half = len(played) // 2
    first, first_likeness = find(played[:half], recording)
    second, second_likeness = find(played[half:], recording)
    assert min(first_likeness, second_likeness) > 0.98
    assert abs(second - first - half) < 0.001 * RATE_HZ
    heard = recording[first : first + len(played)]
    assert np.std(heard) == pytest.approx(np.std(played), rel=0.05)


@pytest.mark.microphone
def test_the_microphone_records_what_is_played(robot_ears, played, tmp_path):
    signal_, path = played
    program = f"""
blocks = Microphone().blocks()
next(blocks)
print("ready")
np.save({str(tmp_path / "heard.npy")!r}, record(blocks))
"""
    with Child(robot_ears, program) as child:
        child.wait_for("ready")
        robot_ears.play(path)
        child.finish()
    assert_heard(signal_, np.load(tmp_path / "heard.npy"))


@pytest.mark.microphone
@pytest.mark.parametrize("fate", ["source unplugged", "server killed"])
def test_a_lost_microphone_comes_back(robot_ears, played, tmp_path, fate):
    signal_, path = played
    program = f"""
mic = Microphone(reopen_every_s=0.2)
blocks = mic.blocks()
next(blocks)
print("ready", mic.connected, mic.reconnects)
for block in blocks:
    if mic.reconnects:
        break
print("again", mic.connected, mic.reconnects, mic.last_error)
np.save({str(tmp_path / "heard.npy")!r}, record(blocks))
blocks.close()
print("end", mic.connected)
"""
    with Child(robot_ears, program) as child:
        assert child.wait_for("ready") == "ready True 0\n"
        if fate == "source unplugged":
            robot_ears.remove_sinks()
            child.wait_for("looking for it every 0.2 s")
        else:
            robot_ears.kill()
            child.wait_for("looking for it every 0.2 s")
            robot_ears.start()
        robot_ears.add_sink("robot")
        child.wait_for("connected")
        assert child.wait_for("again").startswith("again True 1 ")
        robot_ears.play(path)
        assert child.finish() == ["end False"]
    assert_heard(signal_, np.load(tmp_path / "heard.npy"))


@pytest.mark.microphone
@pytest.mark.parametrize(
    ("lacking", "says"), [("source", "'default': cannot be opened"), ("server", "no microphone")]
)
def test_without_a_microphone_there_is_an_error_or_patience(server, lacking, says):
    program = """
try:
    next(Microphone().blocks())
except InputError as error:
    print("error:", error)
mic = Microphone(wait=True, reopen_every_s=0.2)
blocks = mic.blocks()
next(blocks)
print("connected", mic.connected, mic.last_error)
"""
    if lacking == "server":
        server.kill()
    with Child(server, program) as child:
        assert says in child.wait_for("error:")
        child.wait_for("looking for it every 0.2 s")
        if lacking == "server":
            server.start()
        server.add_sink("robot")
        assert "connected True" in child.finish()[-1]


@pytest.mark.microphone
@pytest.mark.parametrize(
    ("channel", "opened", "heard"),
    [(12, 13, {12}), (5, 6, {5}), ("auto", 8, set(range(8))), ("mix", 2, {0, 1})],
)
def test_any_channel_of_an_array_behind_a_sound_server_can_be_used(
    server, tmp_path, channel, opened, heard
):
    # ALSA's order of the channels that have names. A server maps channels by name.
    names = "front-left,front-right,rear-left,rear-right,front-center,lfe,side-left,side-right,"
    names += ",".join(f"aux{number}" for number in range(8))
    server.add_sink("array", RATE_HZ, channels=16, channel_map=names)
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    tones = [0.2 * np.sin(2 * np.pi * (200 + 100 * number) * time_s) for number in range(16)]
    soundfile.write(tmp_path / "tones.wav", np.stack(tones, axis=1), RATE_HZ)
    program = f"""
blocks, samples = Microphone(channel={channel!r}).blocks(), []
next(blocks)
print("ready")
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
for block in blocks:
    samples.append(block.samples)
    if stop.is_set():
        break
samples = np.concatenate(samples)
spectra = np.abs(np.fft.rfft(samples, axis=0))
print(json.dumps((np.argmax(spectra, axis=0) * block.sample_rate_hz / len(samples)).tolist()))
"""
    with Child(server, program) as child:
        child.wait_for("ready")
        server.play(tmp_path / "tones.wav", names)
        tones_hz = json.loads(child.finish()[-1])
    assert len(tones_hz) == opened
    for number in heard:
        assert tones_hz[number] == pytest.approx(200 + 100 * number, abs=3)


def device(name, channels, host_api="ALSA"):
    return devices.Device(0, name, host_api, channels, 48_000, True)


@pytest.mark.parametrize(
    ("found", "channel", "opened"),
    [
        (device("16SoundsUSB: USB Audio (hw:1,0)", 16), 12, 16),
        (device("16SoundsUSB: USB Audio (hw:1,0)", 16), "mix", 16),
        (device("ReSpeaker 4 Mic Array: USB Audio (hw:1,0)", 6), "auto", 6),
        (device("64 inputs (hw:2,0)", 64), "auto", 32),
        (device("Aggregate", 18, "Core Audio"), "auto", 18),
        (device("pulse", 32), 40, 32),
        (device("default", 1), 3, 1),
    ],
)
def test_a_sound_card_is_opened_with_all_its_channels(found, channel, opened):
    assert microphone.channels_to_open(found, channel) == opened


@pytest.mark.microphone
def test_devices_are_listed_and_found(robot_ears):
    program = """
from dataclasses import asdict
print(json.dumps([asdict(device) for device in list_devices()]))
print(json.dumps([find_device(query).name for query in (None, "", "pulse", "PUL")]))
try:
    find_device("kinect")
except InputError as error:
    print(error)
"""
    with Child(robot_ears, program) as child:
        listed, found, error = child.finish()
    listed = json.loads(listed)
    assert {device["name"] for device in listed} >= {"default", "pulse"}
    assert [device["name"] for device in listed if device["is_default"]] == ["default"]
    assert all(device["host_api"] == "ALSA" and device["channels"] > 0 for device in listed)
    assert json.loads(found) == ["default", "default", "pulse", "pulse"]
    assert "'kinect'" in error and "'pulse'" in error and "ser-stream devices" in error


@pytest.mark.microphone
def test_alsa_messages_are_logged(server):
    program = """
import ctypes
logging.getLogger("ser_stream.audio").setLevel(logging.DEBUG)
list_devices()
ctypes.CDLL("libasound.so.2").snd_pcm_open(ctypes.byref(ctypes.c_void_p()), b"nonsense", 1, 0)
"""
    with Child(server, program) as child:
        assert any("Unknown PCM" in line for line in child.finish())


@pytest.mark.microphone
def test_close_and_interrupt_end_the_stream_without_delay(robot_ears):
    program = """
mic = Microphone()
for count, block in enumerate(mic.blocks()):
    if count == 3:
        threading.Timer(0.3, mic.close).start()
        start = time.monotonic()
print("closed", time.monotonic() - start < 5.0)
try:
    for block in Microphone().blocks():
        print("listening")
except KeyboardInterrupt:
    print("interrupted")
"""
    with Child(robot_ears, program) as child:
        assert child.wait_for("closed") == "closed True\n"
        child.wait_for("listening")
        start = time.monotonic()
        assert child.finish(signal.SIGINT)[-1] == "interrupted"
        assert time.monotonic() - start < 5.0


@pytest.mark.microphone
def test_a_slow_reader_loses_the_oldest_blocks_and_keeps_correct_times(robot_ears):
    program = """
microphone.MAX_PENDING_S = 0.25
mic = Microphone()
conditioner, timeline = Conditioner(), Timeline(settle_s=mic.settle_s)
pause = threading.Event()
for count, block in enumerate(mic.blocks()):
    if count == 20:
        pause.wait(1.5)
    timeline.push(conditioner(block), block.time_s - conditioner.delay_s)
    if count == 60:
        break
print(json.dumps([mic.dropped_blocks, timeline.gaps, timeline.gap_s,
                  timeline.time_at(timeline.position) + conditioner.delay_s - block.time_s]))
"""
    with Child(robot_ears, program) as child:
        dropped, gaps, gap_s, error_s = json.loads(child.finish()[-1])
    assert dropped * 0.032 == pytest.approx(1.25, abs=0.15)
    assert gaps == 1
    assert gap_s == pytest.approx(dropped * 0.032, abs=0.1)
    assert abs(error_s) < 0.1


def test_nothing_touches_portaudio_before_it_is_needed():
    program = (
        "import sys\n"
        "from ser_stream.audio import block, clock, conditioner, devices, microphone, recording\n"
        "microphone.Microphone('Kinect', wait=True)\n"
        "print([name for name in ('sounddevice', 'torch') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_a_missing_library_says_what_to_install(monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(InputError, match="apt install libportaudio2"):
        next(Microphone().blocks())


def test_a_loss_is_logged_once(monkeypatch, caplog):
    monkeypatch.setattr(devices, "list_devices", list)
    attempts = []
    mic = Microphone(wait=True, reopen_every_s=0.01)

    def rescan():
        attempts.append(mic.last_error)
        if len(attempts) == 3:
            mic.close()

    monkeypatch.setattr("ser_stream.audio.microphone.rescan", rescan)
    with caplog.at_level(logging.INFO, "ser_stream.audio"):
        assert list(mic.blocks()) == []
    assert all("no microphone found" in error for error in attempts)
    assert len(caplog.records) == 1


def test_a_device_lost_for_long_is_searched_rarely_and_when_sound_cards_change(monkeypatch):
    """Each search leaks some memory in PortAudio, so they must not be frequent."""
    cards = iter(["none"] * 12 + ["USB"] * 99)
    monkeypatch.setattr(devices, "list_devices", list)
    monkeypatch.setattr(microphone, "sound_cards", lambda: next(cards))
    monkeypatch.setattr(microphone, "FREQUENT_RETRY_S", 0.0)
    mic = Microphone(wait=True, reopen_every_s=0.01)
    looks = []

    def rescan():
        looks.append(time.monotonic())
        mic.close()

    monkeypatch.setattr(microphone, "rescan", rescan)
    started = time.monotonic()
    assert list(mic.blocks()) == []
    assert len(looks) == 1
    assert 0.1 <= looks[0] - started < microphone.RARE_RETRY_EVERY_S / 2
