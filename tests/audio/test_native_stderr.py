"""Redirection of file descriptor 2. On a terminal, it is tested with the live view."""

import ctypes
import os
import subprocess
import sys

from ser_stream.audio.native_stderr import NativeStderrFilter, redirect_native_stderr


def test_native_stderr_output_is_discarded(capfd):
    libc = ctypes.CDLL(None)
    with redirect_native_stderr():
        libc.perror(b"chatter")
    libc.perror(b"message")
    captured = capfd.readouterr().err
    assert "message" in captured and "chatter" not in captured


def test_a_closed_stderr_is_closed_again_afterwards():
    program = (
        "import os\nfrom ser_stream.audio.native_stderr import redirect_native_stderr\n"
        "os.close(2)\nwith redirect_native_stderr():\n    os.write(2, b'discarded')\n"
        "try:\n    os.fstat(2)\nexcept OSError:\n    print('closed')\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert shown.stdout == "closed\n"


def test_native_stderr_output_to_a_file_is_kept(tmp_path):
    program = (
        "import os\nfrom ser_stream.audio.native_stderr import redirect_native_stderr\n"
        "with redirect_native_stderr(print):\n    os.write(2, b'Expression 1\\n')\n"
    )
    with (tmp_path / "log").open("w") as log:
        subprocess.run([sys.executable, "-c", program], stderr=log, check=True)
    assert (tmp_path / "log").read_text() == "Expression 1\n"


def test_a_filter_takes_its_lines_and_passes_on_the_others(capfd):
    noise = NativeStderrFilter(lambda line: line.startswith("Note: "))
    with noise.taken() as first:
        os.write(2, b"Note: damaged\nan error of another thread\n")
    with noise.taken() as second:
        pass
    noise.close()
    assert first == ["Note: damaged\n"]
    assert second == []
    assert capfd.readouterr().err == "an error of another thread\n"
