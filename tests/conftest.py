"""Optional parts: tests that need more than Python, and a table that says which of them ran.

Mark a test `@pytest.mark.microphone`, `corpora`, `huggingface` or `ros`, and it is skipped, with
the reason, where the part is missing. A test that uses the fixture `corpora_root` carries its mark
already.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path

import pytest

from pulse import missing_programs

pytest_plugins = ["shared_fixtures"]

# For `launch_test`. Looking in it for doctests imports launch, and every logger that is made after
# that keeps to itself what it is told.
collect_ignore = ["support"]

# Who runs the tests in the background has SIGINT ignored, and so have the programs they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CORPORA_VARIABLE = "SER_STREAM_CORPORA"
CORPORA_ROOT = Path(
    os.environ.get(CORPORA_VARIABLE) or Path(__file__).parents[2] / "shared" / "corpora"
)


@dataclasses.dataclass(frozen=True)
class OptionalPart:
    """What it is called in the table, and why it is missing here ("" where it is not)."""

    title: str
    missing: Callable[[], str]


def _missing_for_microphone() -> str:
    missing = list(missing_programs)
    if find_library("portaudio") is None:
        missing.append("libportaudio2")
    # What ALSA, and with it PortAudio, reaches PulseAudio through; Debian has a folder per machine.
    plugin = "alsa-lib/libasound_module_pcm_pulse.so"
    if not any(any(Path("/usr").glob(f"{lib}/{plugin}")) for lib in ("lib*", "lib*/*")):
        missing.append("libasound2-plugins")
    return f"not installed: {', '.join(missing)}" if missing else ""


def _missing_for_corpora() -> str:
    return "" if CORPORA_ROOT.is_dir() else f"no folder {CORPORA_ROOT}; set {CORPORA_VARIABLE}"


def _missing_for_ros() -> str:
    try:
        import rclpy  # noqa: F401
    except ImportError as error:
        if not any(Path("/opt/ros").glob("*/setup.bash")):
            return "no /opt/ros/*/setup.bash"
        python = ".".join(map(str, sys.version_info[:2]))
        return f"rclpy does not load in Python {python}: {error}"
    return ""


def _missing_for_huggingface() -> str:
    return "" if find_spec("transformers") else "no transformers; pip install transformers"


OPTIONAL_PARTS = {
    "huggingface": OptionalPart("Hugging Face models", _missing_for_huggingface),
    "microphone": OptionalPart("microphone (PulseAudio)", _missing_for_microphone),
    "corpora": OptionalPart("corpora", _missing_for_corpora),
    "ros": OptionalPart("ROS 2", _missing_for_ros),
}


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """Folder that holds each corpus in a folder of its name: ravdess, cremad, nemo..."""
    return CORPORA_ROOT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden/*.jsonl from this run"
    )


def pytest_configure(config: pytest.Config) -> None:
    for name, part in OPTIONAL_PARTS.items():
        config.addinivalue_line("markers", f"{name}: needs {part.title}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = {name: part.missing() for name, part in OPTIONAL_PARTS.items()}
    for item in items:
        if "corpora_root" in getattr(item, "fixturenames", ()):
            item.add_marker("corpora")
        for name, reason in missing.items():
            if item.get_closest_marker(name):
                item.user_properties.append(("optional part", name))
                if reason:
                    item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which optional parts were exercised. Parts that are missing say so even without a test."""
    if terminalreporter.config.option.collectonly:
        return
    rows = [("optional part", "exercised or skipped")]
    for name, part in OPTIONAL_PARTS.items():
        n_run = sum(
            ("optional part", name) in report.user_properties
            for outcome in ("passed", "failed")
            for report in terminalreporter.stats.get(outcome, ())
        )
        if n_run:
            rows.append((part.title, f"exercised: {n_run} test{'s' if n_run > 1 else ''}"))
        else:
            rows.append((part.title, f"skipped: {part.missing() or 'no test of it was chosen'}"))
    width = max(len(title) for title, _ in rows)
    terminalreporter.section("optional parts")
    for title, outcome in rows:
        terminalreporter.write_line(f"{title:{width}} | {outcome}")
