"""`ser-stream demo` as a user runs it, with a real sound server and without any."""

from __future__ import annotations

import os
import re
import signal
import sys

import numpy as np
import pytest
import soundfile

from command import run, start
from paths import DEMO
from pulse import PulseServer
from ser_stream.cli import main

INTENDED = ["neutral", "happy", "sad", "angry"]
RATE_HZ = 16_000


@pytest.fixture
def without_sound_system(tmp_path):
    """Environment of a process in which there is no loudspeaker."""
    return os.environ | {"PULSE_SERVER": "none", "HOME": str(tmp_path)}


def table(out):
    """The lines of the table: (intended, what was recognised)."""
    lines = out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.split() == ["intended", "recognised"])
    last = next(i for i, line in enumerate(lines) if line.endswith("recordings as intended."))
    return [tuple(re.split(r"\s{3,}", line.strip())) for line in lines[first + 1 : last]]


def test_the_intended_emotion_is_shown_beside_the_recognised_one():
    code, out, err = run("demo", "--no-sound")
    assert code == 0
    rows = table(out)
    assert [intended for intended, _ in rows] == INTENDED
    agree = 0
    for intended, recognised in rows:
        answers = re.fullmatch(r"(\(?[a-z]+\??\)? \d+%)(, \(?[a-z]+\??\)? \d+%)*", recognised)
        assert answers, recognised
        agree += all(answer.split()[0] == intended for answer in recognised.split(", "))
    assert f"\n{agree} of 4 recordings as intended.\n" in out
    assert agree >= 3  # of voices that are synthesised, and that no model was trained on
    assert out.splitlines()[-1] == "The voice is synthesised. Your own: ser-stream listen"
    assert "not played" not in err


def test_what_is_said_is_shown():
    _, out, _ = run("demo", "--no-sound", "--model", "tiny")
    titles = [
        line for line in out.splitlines() if line.startswith(tuple(f"{e}: " for e in INTENDED))
    ]
    assert len(titles) == 4
    assert titles[2] == "sad: He is gone now. I sit here, and nobody calls."


def test_the_way_the_program_was_called_is_shown(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [".venv/bin/ser-stream", "demo"])
    assert main(["demo", "--no-sound", "--model", "tiny"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith("Your own: .venv/bin/ser-stream listen")


def test_a_model_that_cannot_be_used_is_one_line():
    code, out, err = run("demo", "--no-sound", "--model", "none")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("ser-stream: error: ") and "none" in line


def test_without_a_loudspeaker_one_line_says_so_and_ctrl_c_ends(without_sound_system):
    process = start("demo", env=without_sound_system)
    assert process.stdout.readline().startswith("neutral: ")
    assert " interval " in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [intended for intended, _ in table(out)] == ["neutral"]
    about_sound = [line for line in err.splitlines() if "played" in line]
    assert len(about_sound) == 1
    assert about_sound[0].startswith("ser-stream: the recordings are not played: ")
    assert err.splitlines()[-1].startswith("heard ")
    assert "Traceback" not in out + err


def test_a_reader_that_closes_the_pipe_ends_it(without_sound_system):
    process = start("demo", env=without_sound_system)
    assert process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err and "BrokenPipe" not in err


@pytest.mark.microphone
def test_all_recordings_are_heard_from_the_loudspeaker():
    with PulseServer() as server:
        server.add_sink("speaker")
        with server.captured("speaker", RATE_HZ) as heard:
            code, out, err = run("demo", env=server.env)
    assert code == 0, err
    assert "played" not in err
    assert [intended for intended, _ in table(out)] == INTENDED
    for path in sorted(DEMO.glob("*.flac")):
        # One of the parts: on a busy machine a sound server leaves out some sound.
        found = [likeness(part, heard()) for part in loudest_parts(path)]
        assert max(found) > 0.9, f"{path.name}: {found}"


@pytest.mark.microphone
def test_with_no_sound_nothing_is_heard():
    with PulseServer() as server:
        server.add_sink("speaker")
        with server.captured("speaker", RATE_HZ) as heard:
            code, _, _ = run("demo", "--no-sound", env=server.env)
    assert code == 0
    assert np.abs(heard()).max() < 0.001  # what the sound server adds as dither


def loudest_parts(path, length=RATE_HZ // 5, n=3):
    """The loudest of the parts of 0.2 s, which do not overlap."""
    samples = soundfile.read(path)[0]
    parts = samples[: len(samples) // length * length].reshape(-1, length)
    return parts[np.argsort(np.sum(parts**2, axis=1))[-n:]]


def likeness(part, heard):
    """The largest correlation coefficient of a part with any part of what was heard."""
    n_fft = len(heard) + len(part)
    spectra = np.fft.rfft(heard, n_fft), np.fft.rfft(part[::-1], n_fft)
    products = np.fft.irfft(spectra[0] * spectra[1], n_fft)[len(part) - 1 : len(heard)]
    power = np.convolve(heard**2, np.ones(len(part)), "valid")
    return np.max(products / np.sqrt(np.maximum(power, 1e-3) * np.sum(part**2)))
