"""Recording of sessions, by the program and in pieces."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from command import run, start
from paths import ROOT, SPOKEN
from ser_stream.cli import main
from ser_stream.sessions.read import read_session

RECORDING = SPOKEN / "3-sad.flac"


def listen(folder, *more):
    return main(["listen", "--model", "tiny", "--input", str(RECORDING), "--json",
                 "--record", str(folder), *more])  # fmt: skip


def session_of(parent):
    (folder,) = parent.iterdir()
    return folder


def events(folder):
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def of_kind(found, kind):
    return [event for event in found if event["event"] == kind]


def without_latency(estimate):
    return {name: value for name, value in estimate.items() if name not in ("latency_ms", "event")}


def above_1_khz(samples):
    """The part of the sound of which the high-pass filter changes neither level nor phase."""
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / 16_000) < 1_000] = 0
    return np.fft.irfft(spectrum, len(samples))


def test_estimates_are_those_of_the_json_output(tmp_path, capsys):
    assert listen(tmp_path) == 0
    out, err = capsys.readouterr()
    found = events(session_of(tmp_path))
    printed = [without_latency(json.loads(line)) for line in out.splitlines()]
    assert [without_latency(each) for each in of_kind(found, "estimate")] == printed
    assert len(printed) > 3
    assert (found[0]["event"], found[0]["model"]) == ("session", "tiny")
    assert found[-1] == {"event": "end", "reason": ""}
    assert of_kind(found, "source")[0]["name"] == str(RECORDING)
    assert f"recording emotions, words and status in {tmp_path}" in err and "no sound" in err


def test_sound_is_stored_only_if_asked_for(tmp_path, capsys):
    assert listen(tmp_path / "without") == 0
    assert listen(tmp_path / "with", "--record-audio") == 0
    files = {path.name for path in session_of(tmp_path / "without").iterdir()}
    assert files == {"README.txt", "events.jsonl"}
    folder = session_of(tmp_path / "with")
    samples, rate = soundfile.read(folder / "audio-1.flac")
    expected, _ = soundfile.read(RECORDING)
    assert rate == 16_000 and len(samples) == len(expected)
    assert np.corrcoef(above_1_khz(samples), above_1_khz(expected))[0, 1] > 0.99
    anchor = of_kind(events(folder), "audio")[0]
    assert anchor["time_s"] == pytest.approx(anchor["sample"] / rate, abs=1e-3)


def test_files_are_private_and_the_readme_says_why(tmp_path, capsys):
    assert listen(tmp_path / "new", "--record-audio") == 0
    folder = session_of(tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert "PERSONAL DATA" in (folder / "README.txt").read_text()


def test_each_run_has_a_folder_of_its_own(tmp_path, capsys):
    assert listen(tmp_path) == listen(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_several_sources_follow_one_another(tmp_path, capsys):
    assert listen(tmp_path, "--record-audio", "--input", str(RECORDING), str(RECORDING)) == 0
    folder = session_of(tmp_path)
    found = events(folder)
    assert [event["source"] for event in of_kind(found, "source")] == [1, 2]
    first, second = (soundfile.read(folder / f"audio-{n}.flac")[0] for n in (1, 2))
    assert np.array_equal(first, second)


def test_a_folder_that_cannot_be_written_is_one_line_and_nothing_is_heard(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    assert listen(file) == 2
    out, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if "error" in line]
    assert line.startswith(f"ser-stream: error: --record: found {file}, where nothing can be")
    assert out == ""


def test_record_audio_alone_is_an_error(capsys):
    assert main(["listen", "--record-audio"]) == 2
    assert "--record-audio: goes with --record DIR" in capsys.readouterr().err


def test_a_full_disk_ends_the_recording_and_not_recognition(tmp_path):
    """A limit on the size of files stands for the disk."""
    command = [sys.executable, "-m", "ser_stream.cli", "listen", "--model", "tiny", "--json",
               "--input", str(RECORDING), "--record", str(tmp_path), "--record-audio"]  # fmt: skip

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    # Coverage would be measured, and written to this disk.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    process = subprocess.run(
        command, env=env | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        preexec_fn=limit, timeout=120,
    )  # fmt: skip
    told = [line for line in process.stderr.splitlines() if "nothing more is recorded" in line]
    assert len(told) == 1 and "File too large" in told[0]
    assert "Traceback" not in process.stderr
    assert [json.loads(line)["trigger"] for line in process.stdout.splitlines()][-1] == "utterance"
    assert process.returncode == 2


def test_what_was_recorded_before_a_crash_can_be_read(tmp_path):
    process = start("listen", "--model", "tiny", "--json", "--realtime", "--input", RECORDING,
                    "--record", tmp_path, "--record-audio")  # fmt: skip
    while json.loads(process.stdout.readline())["trigger"] != "utterance":
        pass
    process.kill()
    process.communicate()
    folder = session_of(tmp_path)
    found = events(folder)
    assert of_kind(found, "estimate") and not of_kind(found, "end")
    session = read_session(folder)
    assert not session.complete and len(session.parts[0].samples()) > 16_000
    assert main(["review", str(folder)]) == 0


def test_ctrl_c_ends_the_session_in_order(tmp_path):
    process = start("listen", "--model", "tiny", "--json", "--realtime", "--input", RECORDING,
                    "--record", tmp_path)  # fmt: skip
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert events(session_of(tmp_path))[-1]["event"] == "end"


def test_a_file_name_of_any_bytes_is_recorded(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9\n.flac")
    path.write_bytes(RECORDING.read_bytes())
    code, _, err = run("listen", "--model", "tiny", "--json", "--input", path,
                       "--record", tmp_path / "r")  # fmt: skip
    assert code == 0, err
    name = of_kind(events(session_of(tmp_path / "r")), "source")[0]["name"]
    assert re.search(r"caf\\xe9\n\.flac$", name)
