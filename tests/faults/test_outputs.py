"""Broken output streams, encodings, and file names of any bytes, of real processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import sys

import pytest

from command import start
from paths import ROOT, SPOKEN
from pulse import PulseServer
from ser_stream.audio.microphone import Microphone
from ser_stream.cli import main
from ser_stream.text import valid_text
from terminal import in_a_terminal

PATIENCE_S = 60.0
LISTEN = ["-m", "ser_stream.cli", "listen", "--model", "tiny", "--json"]
FULL = "standard output: No space left on device"
ODD_NAME = b"caf\xe9 \xc3\xa9\xf0\x9f\x98\x80 [red]\n\x1b[31m.flac"
"""A name that is not UTF-8, with characters that few encodings have, markup, and control codes."""


def environment(**variables):
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | variables


def run(*arguments, env=None, **streams):
    """Run `ser-stream` with these streams; return its exit code and what its pipes held."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    process = subprocess.run(
        [sys.executable, *arguments], env=env or environment(), timeout=PATIENCE_S, **streams
    )
    return process.returncode, process.stdout, process.stderr


def in_shell(redirections, *arguments, program=LISTEN):
    """Run `ser-stream` with a shell's redirections, such as `2>&-`."""
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, *program, *arguments]
    process = subprocess.run(
        command, env=environment(), capture_output=True, timeout=PATIENCE_S, text=True
    )
    return process.returncode, process.stdout, process.stderr


def without_latency(out):
    return [{**json.loads(line), "latency_ms": 0} for line in out.splitlines()]


@pytest.fixture(scope="module")
def expected(speech_path):
    """Estimates of the recording, as they are printed where nothing is broken."""
    code, out, _ = run(*LISTEN, "--input", str(speech_path))
    assert code == 0
    return without_latency(out)


@contextlib.contextmanager
def broken_stderr(kind):
    """A write end for standard error, and what to redirect it with."""
    reading, writing = os.pipe()
    if kind == "reader gone":
        os.close(reading)
    else:  # unread: full from the start
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
    yield writing
    os.close(writing)
    if kind != "reader gone":
        os.close(reading)


@pytest.mark.parametrize("redirections", ["2>&-", "2>/dev/full", "0<&- 2>&-", "0<&-"])
def test_estimates_continue_without_standard_error(redirections, speech_path, expected):
    code, out, _ = in_shell(redirections, "--input", speech_path)
    assert (code, without_latency(out)) == (0, expected)


@pytest.mark.parametrize("kind", ["reader gone", "unread"])
def test_estimates_continue_without_a_reader_of_standard_error(kind, speech_path, expected):
    with broken_stderr(kind) as stderr:
        code, out, _ = run(*LISTEN, "--input", str(speech_path), stderr=stderr)
    assert (code, without_latency(out)) == (0, expected)


def test_standard_error_that_is_read_again_says_that_messages_were_lost(tmp_path):
    """Of the messages, those are lost for which there was no place."""
    program = (
        "import fcntl, os, sys\n"
        "from ser_stream.standard_streams import StandardStreams\n"
        "with StandardStreams():\n"
        "    fcntl.fcntl(2, 1031, 4096)\n"  # F_SETPIPE_SZ
        "    for number in range(9):\n"
        "        print(number, '.' * 1000, file=sys.stderr)\n"
        "    print('full', flush=True)\n"
        "    sys.stdin.read(1)\n"
        "    print('the last', file=sys.stderr)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.readline()
    read = os.read(process.stderr.fileno(), 4096).decode()
    _, rest = process.communicate("x", timeout=PATIENCE_S)
    assert read.startswith("0 ...") and process.returncode == 0
    assert rest == "(messages were lost here: standard error was not read)\nthe last\n"


@pytest.fixture(scope="module")
def microphone():
    """A sound server whose only sink is a microphone to others."""
    with PulseServer() as server:
        server.add_sink("ears")
        yield server


@pytest.mark.microphone
@pytest.mark.parametrize("redirections", ["2>&-", "2>/dev/full"])
def test_a_microphone_is_heard_without_standard_error(microphone, redirections):
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, *LISTEN]
    env = microphone.env | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    player = subprocess.Popen(
        ["sh", "-c", 'while paplay "$0"; do :; done', SPOKEN / "4-angry.flac"],
        env=microphone.env, start_new_session=True,
    )  # fmt: skip
    try:
        assert json.loads(process.stdout.readline())["model"] == "tiny"
    finally:
        os.killpg(player.pid, signal.SIGKILL)
        player.wait()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


@pytest.mark.microphone
def test_a_microphone_is_closed_when_the_reader_has_gone_though_nobody_speaks(microphone):
    process = start("listen", "--json", env=microphone.env)
    while "connected" not in process.stderr.readline():
        assert process.poll() is None
    process.stdout.close()
    assert process.wait(timeout=PATIENCE_S) == 0
    assert process.stderr.read().startswith("heard ")


def test_a_closed_standard_output_is_refused():
    code, _, err = in_shell(">&-", "--input", "none.wav")
    assert code == 2
    assert "standard output: it is closed" in err


@pytest.mark.parametrize("command", ["listen --input", "models", "--help"])
def test_a_full_standard_output_is_an_error(command, speech_path):
    program = ["-m", "ser_stream.cli", *command.split()]
    more = [speech_path] * ("--input" in command)
    code, _, err = in_shell(">/dev/full", *more, program=program)
    assert code == 1
    assert err.splitlines()[-1] == f"ser-stream: error: {FULL}"
    assert "Traceback" not in err and "Exception ignored" not in err


@pytest.mark.parametrize("listen", [LISTEN, LISTEN[:-1]], ids=["json", "lines"])
def test_head_is_a_success(listen, speech_path):
    script = 'set -o pipefail; "$@" | head -1'
    command = ["bash", "-c", script, "bash", sys.executable, *listen, "--input"]
    process = subprocess.run(
        [*command, *[speech_path] * 200], env=environment(), capture_output=True, timeout=PATIENCE_S
    )
    assert (process.returncode, process.stdout.count(b"\n")) == (0, 1)
    assert b"Broken" not in process.stderr


def test_a_socket_whose_other_end_has_gone_is_an_error(speech_path):
    """A log service that has crashed has not got what it wanted."""
    ours, theirs = socket.socketpair()
    process = start("listen", "--json", "--realtime", "--input", speech_path, stdout=theirs)
    theirs.close()
    ours.recv(1)
    ours.close()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "ser-stream: error: standard output: Broken pipe"


def test_a_terminal_that_has_gone_is_an_error(speech_path):
    """Its reader has not chosen to leave; it got SIGHUP only if it leads the session."""
    master, slave = pty.openpty()
    command = ["listen", "--realtime", "--input", *[speech_path] * 9]
    with start(*command, stdout=slave, stderr=slave) as process:
        os.close(slave)
        assert os.read(master, 4096)
        os.close(master)
        assert process.wait(timeout=PATIENCE_S) == 1


def test_a_slow_reader_of_a_pipe_that_does_not_block_gets_everything(speech_path, expected):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ
    os.set_blocking(writing, False)
    process = start("listen", "--json", "--input", speech_path, speech_path, stdout=writing)
    os.close(writing)
    with open(reading) as pipe:
        found = [json.loads(line) for line in pipe]
    assert process.wait(timeout=PATIENCE_S) == 0, process.stderr.read()
    process.stderr.close()
    assert len(found) == 2 * len(expected)


NOISY = (
    "import os, sys\n"
    "from ser_stream.audio.recording import Recording\n"
    "from ser_stream.cli import main\n"
    "blocks = Recording.blocks\n"
    "def noisy(self):\n"
    "    print('noise of Python')\n"
    "    os.write(1, b'noise of a C library\\n')\n"
    "    print(sorted(os.readlink(f'/proc/self/fd/{n}') for n in (0, 2)))\n"
    "    return blocks(self)\n"
    "Recording.blocks = noisy\n"
    "sys.exit(main(sys.argv[1:]))\n"
)


def test_what_libraries_print_is_not_in_the_json(speech_path, expected):
    arguments = ["listen", "--model", "tiny", "--json", "--input", speech_path]
    code, out, err = in_shell("", *arguments, program=["-c", NOISY])
    assert (code, without_latency(out)) == (0, expected)
    assert "noise of Python\n" in err and "noise of a C library\n" in err


def test_no_file_gets_the_number_of_a_closed_stream(speech_path):
    """What is written to standard error would be written into that file."""
    arguments = ["listen", "--model", "tiny", "--input", speech_path]
    code, out, _ = in_shell("0<&- 2>&-", *arguments, program=["-c", NOISY])
    assert code == 0
    assert "['/dev/null', '/dev/null']\n" in out


def test_the_node_says_nothing_on_standard_output_where_standard_error_is_closed():
    """`print(file=None)` writes to standard output."""
    program = "import sys; from ser_stream.ros import main\n"
    program += "main.find_spec = lambda name: None\nsys.exit(main.main())"
    assert in_shell("2>&-", program=["-c", program]) == (2, "", "")


def test_words_are_recognised_for_a_program_without_standard_error(two_turns_path):
    program = (
        "from ser_stream import Recognizer\n"
        "from ser_stream.asr.base import AsrSettings\n"
        "asr = AsrSettings('pocketsphinx', grammar='demo')\n"
        "with Recognizer('tiny', asr=asr) as recognizer:\n"
        f"    for estimate in recognizer.stream({str(two_turns_path)!r}):\n"
        "        print(*(word['text'] for word in estimate.words))\n"
    )
    code, out, _ = in_shell("2>&-", program=["-c", program])
    assert code == 0
    assert "he is gone now\n" in out


ENCODINGS = {
    "C locale": {"LC_ALL": "C"},
    "C locale, no UTF-8 mode": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "utf-16": {"PYTHONIOENCODING": "utf-16"},
    "ascii:strict": {"PYTHONIOENCODING": "ascii:strict"},
}


def odd_file(folder, source):
    path = folder / os.fsdecode(ODD_NAME)
    path.write_bytes(source.read_bytes())
    return path


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_takes_every_file_name(name, speech_path, tmp_path):
    path = odd_file(tmp_path, speech_path)
    encoding = ENCODINGS[name].get("PYTHONIOENCODING", "utf-8").partition(":")[0]
    env = environment(**ENCODINGS[name])
    arguments = ["--input", path, path, tmp_path / "none.wav"]
    code, out, err = run(*LISTEN, *arguments, env=env)
    sources = {json.loads(line)["source"] for line in out.decode(encoding).splitlines()}
    assert code == 2
    assert b"Traceback" not in err and b"UnicodeEncodeError" not in err
    assert sources == {valid_text(str(path))}
    assert r"caf\xe9 é😀 [red]" in sources.pop()
    code, out, err = run(*LISTEN[:-1], "--input", path, env=env)
    first = out.decode(encoding).splitlines()[0]
    assert (code, b"Traceback" in err) == (0, False)
    assert "caf" in first and r"[red]\n\x1b[31m.flac" in first


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_live_view_can_be_shown_in_every_encoding(encoding, speech_path, tmp_path):
    path = odd_file(tmp_path, speech_path)
    shown = in_a_terminal(
        "import sys\nfrom ser_stream.cli import main\n"
        f"sys.exit(main(['listen', '--model', 'tiny', '--input', {str(path)!r}]))\n",
        PYTHONIOENCODING=encoding,
    )
    assert r"[red]\n\x1b[31m" in shown.replace("\r\n", "")
    assert ("█" in shown, "##" in shown) == (encoding == "utf-8", encoding == "ascii")


def test_a_terminal_without_cursor_gets_a_line_per_estimate(speech_path):
    """Such as Emacs's shell, in which a live view would show nothing until the end."""
    shown = in_a_terminal(
        "import sys\nfrom ser_stream.cli import main\n"
        f"sys.exit(main(['listen', '--model', 'tiny', '--input', {str(speech_path)!r}]))\n",
        TERM="dumb",
    )
    assert "interval" in shown and "\x1b" not in shown


def test_colours_that_are_forced_do_not_bring_the_live_view_into_a_file(speech_path):
    env = environment(FORCE_COLOR="1")
    code, out, _ = run(*LISTEN[:-1], "--input", str(speech_path), env=env)
    assert code == 0
    assert b"interval" in out and b"\x1b[?25l" not in out  # which hides the cursor


@pytest.fixture
def odd_folder(tmp_path):
    folder = tmp_path / os.fsdecode(b"m\xf6del \xff")
    folder.mkdir()
    return folder


def test_a_model_in_a_folder_of_any_name(odd_folder, speech_path, capsys):
    for file in (ROOT / "ser_stream/weights/tiny").iterdir():
        (odd_folder / file.name).write_bytes(file.read_bytes())
    options = ["--input", str(speech_path), "--json", "--model", str(odd_folder)]
    for engine in ("onnx", "torch"):
        assert main(["listen", *options, "--engine", engine]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["model"] == "tiny"
    code, out, _ = run("-m", "ser_stream.cli", "export", odd_folder)
    assert code == 0
    assert rb"m\xf6del \xff/head.onnx: " in out


def test_a_recording_and_a_grammar_of_any_name_are_transcribed(
    odd_folder, grammar, two_turns_path, capsys
):
    sound, sentences = odd_file(odd_folder, two_turns_path), odd_folder / "g.txt"
    sentences.write_bytes(grammar.read_bytes())
    assert main(["transcribe", "--grammar", str(sentences), str(sound)]) == 0
    assert "he is gone" in json.loads(capsys.readouterr().out.splitlines()[0])["text"]
    assert main(["transcribe", "--grammar", "demo", str(odd_folder / "none.wav")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert r"m\xf6del \xff/none.wav: No such file" in line


def test_clips_of_any_name_are_evaluated(odd_folder, two_turns_path, capsys):
    odd_file(odd_folder, two_turns_path)
    name = ODD_NAME.replace(b'"', b'""')
    rows = [b"path,label", b'"' + name + b'",sad', b"none\xff.wav,sad"]
    (odd_folder / "labels.csv").write_bytes(b"\n".join(rows))
    assert main(["evaluate", "tiny", str(odd_folder), "--json"]) == 2
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["corpora"]["own"]["utterance"]["n"] == 1
    assert report["clips"].endswith(r"m\xf6del \xff")
    assert r"none\xff.wav" in err and "Traceback" not in err


def test_standard_output_that_was_reserved_is_not_taken_for_lost_at_the_end(tmp_path):
    program = (
        "import sys, time\n"
        "from ser_stream.standard_streams import StandardStreams, reserved_stdout\n"
        "from ser_stream.termination import Termination\n"
        "for _ in range(200):\n"
        "    with StandardStreams() as streams, Termination(streams.output) as termination:\n"
        "        with reserved_stdout(), termination.calling(lambda: None, lambda: None):\n"
        "            time.sleep(0.001)\n"
        "        time.sleep(0.002)  # the watching thread looks once more\n"
        "    assert streams.output.loss is None\n"
    )
    with (tmp_path / "out").open("wb") as out:
        assert run("-c", program, stdout=out)[0] == 0


def test_a_microphone_of_any_name_has_a_name_that_can_be_published():
    assert Microphone("caf\udce9").name == r"microphone caf\xe9"
