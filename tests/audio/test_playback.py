"""Playing through a real sound server, whose monitor gives the sound back.

PortAudio reads the environment when it starts, so what is tested runs in processes of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from paths import ROOT
from pulse import PulseServer

RATE_HZ = 16_000
TONES_HZ = (300.0, 500.0, 800.0, 1300.0, 2100.0)
TONE_S = 0.4

PLAY = """
import sys
from ser_stream.audio.playback import Loudspeaker, PlayedRecording
speaker = Loudspeaker()
for path in sys.argv[1:]:
    recording = PlayedRecording(path, speaker)
    for block in recording.blocks():
        print(block.time_s, flush=True)
speaker.close()
"""

REFUSED = """
from ser_stream.audio.playback import Loudspeaker
from ser_stream.errors import InputError
try:
    Loudspeaker()
except InputError as error:
    print(error)
"""


def run(program, *arguments, env):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.run(
        command, env=env | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout


def tones(path, channels):
    """Write tones, one after another, and then silence for the delay of the sound server."""
    times = np.arange(round(TONE_S * RATE_HZ)) / RATE_HZ
    sound = [0.5 * np.sin(2 * np.pi * hz * times) for hz in TONES_HZ]
    samples = np.concatenate([*sound, np.zeros(2 * RATE_HZ)])
    soundfile.write(path, np.column_stack([samples] * channels), RATE_HZ)
    return path


def loud_frequencies(samples):
    """The strongest frequency of each tenth of a second that is not silent, without repeats."""
    length = RATE_HZ // 10
    found = []
    for start in range(0, len(samples) - length, length):
        part = samples[start : start + length]
        if np.abs(part).max() > 0.2:
            strongest = 10.0 * np.argmax(np.abs(np.fft.rfft(part * np.hanning(length))))
            if not found or found[-1] != strongest:
                found.append(strongest)
    return found


@pytest.mark.microphone
@pytest.mark.parametrize("sink", [(48_000, 2), (44_100, 1)], ids=str)
def test_a_recording_is_heard_while_its_blocks_come(tmp_path, sink):
    path = tones(tmp_path / "tones.wav", channels=2)
    with PulseServer() as server:
        server.add_sink("speaker", *sink)
        with server.captured("speaker", RATE_HZ) as heard:
            times = run(PLAY, path, env=server.env).split()
    assert float(times[-1]) == pytest.approx(len(TONES_HZ) * TONE_S + 2)
    found = loud_frequencies(heard())
    assert [hz for hz in found if hz in TONES_HZ] == list(TONES_HZ)


@pytest.mark.microphone
def test_a_sound_server_without_loudspeaker_is_an_error_of_one_line():
    with PulseServer() as server:
        (line,) = run(REFUSED, env=server.env).splitlines()
    assert "loudspeaker" in line


def test_without_any_sound_system_the_error_says_so(tmp_path):
    env = os.environ | {"PULSE_SERVER": "none", "HOME": str(tmp_path)}
    (line,) = run(REFUSED, env=env).splitlines()
    assert line == "no loudspeaker found" or "PortAudio" in line
