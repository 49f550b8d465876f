"""Optional parts of the test suite, and how its tests are spread over worker processes.

An optional part needs more than Python packages: a sound server, ROS 2, corpora. Mark a test
`@pytest.mark.microphone`, `corpora`, `dds`, `huggingface`, `mqtt` or `ros`, and it is skipped, with
the reason, where the part is missing. Tests with the fixture `corpora_root` get the mark `corpora`
automatically. A table at the end of each run shows which parts were exercised.

`colcon test` runs tests/ros (see colcon.pkg) in ROS's own Python, without most packages: there,
test modules that need one are skipped.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import ser_stream  # noqa: F401 - switches off onnxruntime's telemetry before a test imports it
from mosquitto import missing as _missing_for_mqtt
from pulse import missing_programs
from ser_stream.extras import EXTRAS
from ser_stream.ros.main import REQUIRED

pytest_plugins = ["shared_fixtures", "ros_workspace"]

if find_spec("hypothesis"):
    import hypothesis

    # How long an example takes depends on what else the machine is doing.
    hypothesis.settings.register_profile("without deadline", deadline=None)
    hypothesis.settings.load_profile("without deadline")

# `support/launch_lifecycle.py` is run by `launch_test`. Collecting its doctests would import ROS's
# launch, after which loggers no longer propagate to pytest's handlers.
collect_ignore = ["support"]

# A shell starts background jobs with SIGINT ignored, and the programs under test inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CORPORA_VARIABLE = "SER_STREAM_CORPORA"
CORPORA_ROOT = Path(
    os.environ.get(CORPORA_VARIABLE) or Path(__file__).parents[2] / "shared" / "corpora"
)


MAY_BE_MISSING = {*REQUIRED, *EXTRAS, "hypothesis", "rich", "sounddevice"}
"""Packages whose absence `--skip-missing-packages` accepts."""

RANDOM_STATES = {"random": "seed", "numpy.random": "seed", "torch": "manual_seed"}
"""Module -> its function that sets the state of its own random numbers."""

# One test at a time of each of these parts, whatever files they are in: they share hardware, ports
# or real time. A test of several parts belongs to the first.
EXCLUSIVE_PARTS = ("ros", "dds", "microphone")


@dataclasses.dataclass(frozen=True)
class OptionalPart:
    """A part of the suite that is skipped where its requirements are not installed.

    Attributes:
        title: Name in the closing table.
        missing: Returns why the part cannot run here, or "" where it can.
    """

    title: str
    missing: Callable[[], str]


def _missing_for_microphone() -> str:
    missing = list(missing_programs)
    if find_library("portaudio") is None:
        missing.append("libportaudio2")
    # ALSA, and through it PortAudio, reaches PulseAudio by this plugin. Debian's folder depends on
    # the architecture.
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


def _missing_for_dds() -> str:
    return "" if find_spec("cyclonedds") else "no cyclonedds; pip install cyclonedds"


def _missing_for_agents(package: str, name: str) -> Callable[[], str]:
    return lambda: "" if find_spec(package) else f"no {name}; make test-agents"


OPTIONAL_PARTS = {
    "pipecat": OptionalPart("Pipecat", _missing_for_agents("pipecat", "pipecat-ai")),
    "livekit": OptionalPart("LiveKit Agents", _missing_for_agents("livekit", "livekit-agents")),
    "huggingface": OptionalPart("Hugging Face models", _missing_for_huggingface),
    "microphone": OptionalPart("microphone (PulseAudio)", _missing_for_microphone),
    "corpora": OptionalPart("corpora", _missing_for_corpora),
    "dds": OptionalPart("Cyclone DDS", _missing_for_dds),
    "mqtt": OptionalPart("MQTT (mosquitto)", _missing_for_mqtt),
    "ros": OptionalPart("ROS 2", _missing_for_ros),
    # Its fixtures skip its tests: whether there is a package index shows when pip asks for it.
    "installation": OptionalPart("installation (package index)", lambda: ""),
}


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Start every test with the same random state, whatever ran before it in its process."""
    for name, seed in RANDOM_STATES.items():
        if name in sys.modules:  # importing torch takes seconds, and many tests need none
            getattr(sys.modules[name], seed)(0)


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """Folder that holds each corpus in a folder of its name: ravdess, cremad, nemo..."""
    return CORPORA_ROOT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden/*.jsonl from this run"
    )
    parser.addoption(
        "--skip-missing-packages", action="store_true",
        help="skip test modules that need a package which is not installed",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "xdist_group: tests of one worker; known without xdist, too")
    for name, part in OPTIONAL_PARTS.items():
        config.addinivalue_line("markers", f"{name}: needs {part.title}")


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if not report.failed or not collector.config.getoption("--skip-missing-packages"):
        return
    missing = re.search(r"ModuleNotFoundError: No module named '(\w+)", str(report.longrepr))
    if missing and missing[1] in MAY_BE_MISSING:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: not installed: {missing[1]}")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
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
        item.add_marker(pytest.mark.xdist_group(_worker_group(item)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """End where groups have no effect: tests of one microphone would run at the same time.

    Raises:
        pytest.UsageError: pytest-xdist did not write the group into each test's name.
    """
    in_groups = session.config.getoption("loadgroup", False)  # set in workers
    if in_groups and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError(
            f"pytest {pytest.__version__} with this pytest-xdist ignores the groups of tests; "
            "accepted is pytest below 9.2"
        )


def _worker_group(item: pytest.Item) -> str:
    """Name of the tests that run one after another in the same worker process.

    Tests of an exclusive part form one group; all others are grouped by file, so that fixtures of
    module scope are set up once.
    """
    for part in EXCLUSIVE_PARTS:
        if item.get_closest_marker(part):
            return part
    return f"{item.path.parent.name}/{item.path.stem}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which optional parts were exercised; missing parts are listed even without a test."""
    if terminalreporter.config.option.collectonly:
        return
    exercised = Counter(
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for name, value in report.user_properties
        if name == "optional part"
    )
    skipped = {
        value: report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if hasattr(report, "user_properties")  # a module that skips itself has none
        for name, value in report.user_properties
        if name == "optional part"
    }
    rows = [("optional part", "exercised or skipped")]
    for name, part in OPTIONAL_PARTS.items():
        if n_run := exercised[name]:
            rows.append((part.title, f"exercised: {n_run} test{'s' if n_run > 1 else ''}"))
        else:
            reason = part.missing() or skipped.get(name) or "no test of it was chosen"
            rows.append((part.title, f"skipped: {reason}"))
    width = max(len(title) for title, _ in rows)
    terminalreporter.section("optional parts")
    for title, outcome in rows:
        terminalreporter.write_line(f"{title:{width}} | {outcome}")
