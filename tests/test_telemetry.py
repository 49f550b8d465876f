"""onnxruntime sends nothing and stores nothing about its users.

Since version 1.29, its builds for Linux write a device id and a queue of events to the cache
directory, for their vendor's host, unless ORT_DISABLE_TELEMETRY is set when they are imported.
`ser_stream/__init__.py` sets it; child processes inherit it.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from paths import ROOT, SPOKEN

USE = (
    "import onnxruntime\n"
    f"onnxruntime.InferenceSession({str(ROOT / 'ser_stream/weights/silero-vad')!r} "
    "+ '/silero_vad_16k.onnx', providers=['CPUExecutionProvider'])\n"
)
SWITCHES = {"ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI"}
"""Variables of the environment that switch the telemetry off: continuous integration sets CI."""
IMPORTED_WITH_IT = {"onnxruntime", "faster_whisper", "silero_vad"}
"""Packages that are onnxruntime, or import it."""

PROCESSES = {
    "recognition": (
        "from ser_stream.cli import main\n"
        f"main(['listen', '--input', {str(SPOKEN / '2-happy.flac')!r}, '--json'])\n"
    ),
    "a module of the package": "import ser_stream.ros.parameters\n" + USE,
    "child process": (
        "import subprocess, sys, ser_stream\n"
        f"subprocess.run([sys.executable, '-c', {USE!r}], check=True)\n"
    ),
    "process of multiprocessing": (
        "import multiprocessing, runpy, ser_stream\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    child = context.Process(target=runpy.run_path, args=['use.py'])\n"
        "    child.start(); child.join(); assert child.exitcode == 0\n"
    ),
    "speech recognition": (
        "from ser_stream.asr.base import AsrSettings\n"
        "from ser_stream.asr.process import RecognizerProcess\n"
        "process = RecognizerProcess(AsrSettings('use:AsrSettings'), lambda: None)\n"
        "process.wait_until_ready(60)\n"
        "process.close()\n"
    ),
}
"""Process -> a program that uses onnxruntime in it; `use.py` lies in the current folder."""

SCRIPTS = sorted(
    path for folder in ("benchmarks", "launch", "tools") for path in (ROOT / folder).rglob("*.py")
)


@pytest.fixture
def home(tmp_path):
    """An empty home directory in which telemetry is not switched off."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def files_written(home, program):
    """Run a program and return the files that are then in the home directory."""
    script = home.parent / "program.py"
    script.write_text(program)
    (home.parent / "use.py").write_text(f"from ser_stream.asr.base import AsrSettings\n{USE}")
    environment = {k: v for k, v in os.environ.items() if k not in SWITCHES}
    environment |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment, cwd=home.parent, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("process", PROCESSES)
def test_nothing_is_written_to_the_home_directory(home, process):
    assert not files_written(home, PROCESSES[process])


def test_the_variable_is_what_keeps_onnxruntime_from_writing(home):
    import onnxruntime

    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29):
        pytest.skip(f"onnxruntime {onnxruntime.__version__} has no telemetry on Linux")
    # It writes in a thread of its own, which may be late.
    until_written = (
        "import pathlib, time\n"
        "ends = time.monotonic() + 60\n"
        f"while not list(pathlib.Path({str(home)!r}).rglob('deviceid')):\n"
        "    assert time.monotonic() < ends\n"
        "    time.sleep(0.05)\n"
    )
    assert any(path.name == "deviceid" for path in files_written(home, USE + until_written))


def test_libraries_that_download_models_are_told_not_to_report(home):
    """Transformers and faster-whisper download by huggingface_hub, which reports their use."""
    pytest.importorskip("huggingface_hub")
    program = (
        "import ser_stream\n"
        "from huggingface_hub import constants\n"
        "assert constants.HF_HUB_DISABLE_TELEMETRY\n"
    )
    assert files_written(home, program) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_script_that_imports_onnxruntime_imports_ser_stream_before(script):
    """Imports in functions are run later than those of the module."""
    ours = None
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        names = {
            name.split(".")[0]
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        ours = ours or "ser_stream" in names
        assert ours or not names & IMPORTED_WITH_IT, f"line {node.lineno}"
