"""`ser-stream listen` on real files and a real sound server.

What depends on the process (its streams, signals and exit code) is tested in one of its own.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from command import estimates, run, start
from estimates import KEYS
from paths import SPOKEN
from pulse import PulseServer
from ser_stream.cli import main


@pytest.fixture
def listen(capsys):
    """A function that runs `ser-stream listen` here; it returns exit code, stdout and stderr."""

    def listen(*arguments):
        try:
            code = main(["listen", *map(str, arguments)])
        except SystemExit as error:  # of argparse
            code = error.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return listen


def utterances(out):
    return [e for e in estimates(out) if e["trigger"] == "utterance"]


def test_with_json_stdout_holds_only_json(speech_path):
    code, out, err = run("listen", "--input", speech_path, "--json")
    assert code == 0
    for estimate in estimates(out):
        assert list(estimate) == KEYS
    assert len(utterances(out)) == 1
    assert "1 utterance, " in err


def test_with_several_recordings_json_names_the_source(listen, speech_path, tmp_path):
    other = tmp_path / "other.flac"
    other.write_bytes(speech_path.read_bytes())
    _, out, _ = listen("--input", speech_path, other, "--json")
    assert [list(estimate) for estimate in estimates(out)] == [["source", *KEYS]] * len(
        estimates(out)
    )
    assert [u["source"] for u in utterances(out)] == [str(speech_path), str(other)]


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "opus", "mp3"])
def test_every_format_gives_the_same_turns(listen, tmp_path, speech, ending, speech_path):
    path = tmp_path / f"speech.{ending}"
    kind = {"format": "OGG", "subtype": "OPUS"} if ending == "opus" else {}
    soundfile.write(path, speech, 16_000, **kind)
    code, out, _ = listen("--input", path, "--json")
    (expected,) = utterances(listen("--input", speech_path, "--json")[1])
    (found,) = utterances(out)
    assert code == 0
    assert found["end_s"] == pytest.approx(expected["end_s"], abs=0.15)
    assert found["level_dbfs"] == pytest.approx(expected["level_dbfs"], abs=0.5)


def test_plain_lines_where_there_is_no_terminal(speech_path):
    code, out, _ = run("listen", "--input", speech_path)
    assert code == 0
    assert str(speech_path) in out
    assert out.count("interval") >= 4
    assert out.count("utterance") == 1


def wav(path, samples, rate_hz):
    """A WAV file of any rate and channel count, also those that no writer accepts."""
    samples = np.asarray(samples, np.float32)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    data = samples.tobytes()
    header = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt "
    header += (16).to_bytes(4, "little") + (3).to_bytes(2, "little")
    header += channels.to_bytes(2, "little") + rate_hz.to_bytes(4, "little")
    header += (rate_hz * channels * 4).to_bytes(4, "little")
    header += (channels * 4).to_bytes(2, "little") + (32).to_bytes(2, "little")
    path.write_bytes(header + b"data" + len(data).to_bytes(4, "little") + data)
    return path


BAD_FILES = {
    "missing": (lambda path: path, "No such file"),
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (lambda path: path.write_text("no sound"), "not audio"),
    "header only": (lambda path: wav(path, [], 16_000), "holds no samples"),
    "0 Hz": (lambda path: wav(path, [0.0] * 999, 0), "bad.wav"),
    "400 kHz": (lambda path: wav(path, [0.0] * 999, 400_000), "400000 Hz; accepted are 4000 to"),
    "64 channels": (
        lambda path: wav(path, np.zeros((99, 64)), 16_000),
        "64 channels; accepted are 1 to 32",
    ),
    "a folder": (lambda path: path.mkdir(), "is a directory"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_an_unusable_file_prints_one_line_and_exits_with_2(listen, tmp_path, kind):
    make, message = BAD_FILES[kind]
    path = tmp_path / "bad.wav"
    make(path)
    code, out, err = listen("--input", path, "--json")
    assert (code, out) == (2, "")
    (line,) = [line for line in err.splitlines() if "error" in line]
    assert message in line
    assert str(path) in line
    assert "Traceback" not in err


def test_a_truncated_file_gives_its_estimates_and_then_an_error(listen, tmp_path, speech_path):
    path = tmp_path / "cut.flac"
    path.write_bytes(speech_path.read_bytes()[:-20_000])
    code, out, err = listen("--input", path, "--json")
    assert code == 2
    assert estimates(out)
    assert "breaks off after" in err


def test_a_bad_file_does_not_stop_the_others(listen, tmp_path, speech_path):
    code, out, err = listen("--input", tmp_path / "none.wav", speech_path, "--json")
    assert code == 2
    assert "none.wav: No such file" in err
    assert len(utterances(out)) == 1


def test_nan_infinite_and_clipped_samples_are_no_error(listen, tmp_path, speech):
    broken = np.clip(speech * 30, -1, 1)
    broken[40_000:40_100] = np.nan
    broken[41_000] = np.inf
    code, out, _ = listen("--input", wav(tmp_path / "nan.wav", broken, 16_000), "--json")
    assert code == 0
    assert all(e["clipped"] for e in estimates(out))
    assert all(0 <= e["confidence"] <= 1 for e in estimates(out))


def test_ten_milliseconds_and_silence_give_no_estimate_and_no_error(listen, tmp_path):
    for seconds in (0.01, 3.0):
        path = wav(tmp_path / "quiet.wav", np.zeros(round(16_000 * seconds)), 16_000)
        assert listen("--input", path, "--json")[:2] == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nonsense"], "'nonsense': no such folder; accepted are default"),
        (["--hop", "0.33"], "hop: found 0.33 s"),
        (["--window", "60"], "window: found 60 s"),
        (["--channel", "7"], "channel 7"),
        (["--channel", "left"], "'left'; accepted are mix, auto"),
        (["--hop", "soon"], "'soon'"),
        (["--min-confidence", "2"], "min_confidence: found 2.0"),
        (["--min-speech", "0"], "min_speech_s: found 0.0; accepted are 0.1 to 10.0"),
        (["--device", "x"], "not allowed with"),
    ],
)
def test_an_invalid_option_prints_one_line_and_exits_with_2(
    listen, speech_path, arguments, message
):
    code, _, err = listen("--input", speech_path, *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_without_a_microphone_the_error_says_what_to_do(tmp_path):
    code, _, err = run("listen", env=os.environ | {"PULSE_SERVER": "none", "HOME": str(tmp_path)})
    assert code == 2
    assert "no microphone found" in err or "PortAudio" in err


def test_help_does_not_import_torch():
    code = "import sys; from ser_stream.cli import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'numpy', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_ctrl_c_ends_with_one_line(speech_path):
    process = start("listen", "--input", speech_path, "--realtime", "--json")
    assert json.loads(process.stdout.readline())  # it is listening
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err.splitlines()[-1].startswith("heard ")
    assert "Traceback" not in out + err


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_that_closes_the_pipe_is_no_error(speech_path, options):
    process = start("listen", "--input", *[speech_path] * 30, *options)
    assert process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err and "BrokenPipe" not in err


def test_models_are_listed():
    code, out, _ = run("models")
    assert code == 0
    lines = out.splitlines()
    assert lines[:2] == [
        "default",
        "  use         ser-stream listen --model default (or no option)",
    ]
    assert "  network     whisper_states, 17.6 MiB" in lines
    assert "  network     voice_lstm, 4.1 MiB" in lines
    assert "  licence     all corpora allow commercial use" in lines
    assert "  UA          CREMA-D 73.2, EmoDB 89.7 %, speakers not in training" in lines
    assert "  use         ser-stream listen --text-model can-english --asr BACKEND" in lines
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_closed_stdout_is_not_an_error(speech_path):
    process = start("listen", "--input", speech_path, "--json")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in process.stderr.read()


@pytest.mark.microphone
def test_estimates_of_the_microphone_agree_with_those_of_the_file(speech_path):
    # Where frames and blocks begin is chance. With 0 to 32 ms of silence in front and faint noise,
    # the scores of this recording's turn spread over 0.12, those of the others more; the tolerance
    # is twice that.
    speech_path = speech_path.with_name("1-neutral.flac")
    (expected,) = utterances(run("listen", "--input", speech_path, "--json")[1])
    with PulseServer() as server:
        server.add_sink("ears")
        process = start("listen", "--json", env=server.env)
        while "connected" not in process.stderr.readline():
            assert process.poll() is None
        server.play(speech_path)
        heard = []
        for line in process.stdout:
            heard.append(json.loads(line))
            if heard[-1]["trigger"] == "utterance":
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    found = heard[-1]
    assert process.returncode == 0
    duration = expected["end_s"] - expected["start_s"]
    assert found["end_s"] - found["start_s"] == pytest.approx(duration, abs=0.15)
    assert found["level_dbfs"] == pytest.approx(expected["level_dbfs"], abs=0.5)
    for label, score in expected["scores"].items():
        assert found["scores"][label] == pytest.approx(score, abs=0.24)
    assert found["expression"] == expected["expression"]
    assert 0 < found["start_s"] < 30  # since it began to listen
    assert all(estimate["latency_ms"] < 1000 for estimate in heard)


def test_the_shipped_text_model_gives_second_estimates(listen):
    # With a grammar, for open dictation takes longer than it may on a busy machine.
    words = ["--asr", "pocketsphinx", "--grammar", "demo", "--text-model", "can-english"]
    code, out, err = listen(*words, "--json", "--input", SPOKEN / "2-happy.flac")
    assert code == 0, err
    assert '"audio+text"' in out


def test_messages_reach_the_terminal_beside_another_log_handler(capsys, monkeypatch):
    """A ROS node in the same process installs such a handler."""
    logger = logging.getLogger("ser_stream")
    monkeypatch.setattr(logger, "handlers", [logging.NullHandler()])
    assert main(["models"]) == 0
    logger.warning("the microphone is gone")
    assert capsys.readouterr().err.count("ser-stream: the microphone is gone\n") == 1
