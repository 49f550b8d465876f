"""The direction of imports, and which parts of the package may import heavy libraries.

Every folder and module of `ser_stream` is a layer. A layer may import itself and the layers below.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import ser_stream
from paths import ROOT, SPOKEN
from ser_stream.ros.messages import MESSAGE_TYPES

PACKAGE = ROOT / "ser_stream"

LAYERS = (
    {"cli"},
    {"commands"},
    {"examples"},
    {"serving"},
    {"integrations"},
    {"ros"},
    {"sessions"},
    {"outputs"},
    {"papers"},
    {"training"},
    {"evaluation"},
    {"recipes"},
    {"data"},
    {"corpora"},
    {"stream"},
    {"engines"},
    {"asr"},
    {"models"},
    {"features", "audio"},
    {
        "emotion",
        "colours",
        "systemd",
        "words",
        "errors",
        "extras",
        "units",
        "files",
        "file_checks",
        "strict_yaml",
        "distributed",
        "child_environment",
        "memory",
        "progress",
        "standard_streams",
        "termination",
        "text",
        "validation",
        "__init__",
    },
)
"""From the top to the bottom; folders of one layer may import one another."""

MAY_IMPORT = {
    "torch": {
        "models", "data", "training", "evaluation", "papers", "distributed.py",
        "engines/torch.py",
        "engines/choose.py",  # where there is an NVIDIA driver, and for torch's threads
    },
    "safetensors": {"models", "papers"},
    "onnx": {"training"},
    "scipy": {"data", "training"},
    "tqdm": {"progress.py"},
    "librosa": {"features/sherman.py"},
    "matplotlib": {"evaluation", "papers", "sessions/plots.py"},
    "mcap": {"sessions/mcap.py"},
    "sklearn": {"papers"},
    "pyroomacoustics": {"data"},
    "transformers": {"models"},
    "faster_whisper": {"asr"},
    "pocketsphinx": {"asr", "examples"},
    "rclpy": {
        "ros/node.py", "ros/rclpy_transport.py", "ros/enable_service.py", "ros/audio_reader.py",
        "examples",
    },
    "cyclonedds": {"ros/dds.py", "examples"},
    "livekit": {"integrations/livekit.py", "examples"},
    "pipecat": {"integrations/pipecat.py", "examples"},
    "paho": {"integrations"},
    "py_trees": {"examples"},
    "starlette": {"serving"},
    "uvicorn": {"serving"},
    "prometheus_client": {"serving"},
    "websockets": {"examples"},
}  # fmt: skip
"""Library -> the folders and files that may import it."""

ROS_PACKAGE = re.compile(r"rclpy|launch\w*|bond|rosidl_\w+|ament_\w+|\w+_(msgs|interfaces|srvs)")
"""Names of ROS packages whose modules may be imported."""

WITHOUT_A_MODULE = {
    "test_architecture.py": "the package as a whole",
    "test_deploy.py": "deploy/, workflows, and Foxglove's layout",
    "test_docs.py": "the pages of docs/",
    "test_installation.py": "setup.py: what it installs, and with which versions that works",
    "test_privacy.py": "what the program and the node store and send",
    "test_telemetry.py": "programs, their child processes and scripts, with onnxruntime",
    "faults/test_outputs.py": "broken output streams, encodings and file names, of whole processes",
    "faults/test_termination.py": "every end of a process",
    "faults/test_lost_sound.py": "what is said of sound that a microphone loses",
    "faults/test_microphones.py": "answers to sound with offset, hum, or channels that cancel",
    "faults/test_recordings.py": "damaged recordings in all commands",
    "faults/test_asr_errors.py": "speech recognition that cannot be used, or dies",
    "faults/test_hangs.py": "inference and sound servers that hang, from end to end",
    "faults/test_limits.py": "files and arguments beyond all limits, of whole processes",
    "golden/test_golden.py": "estimates of the program from end to end",
    "serving/test_page_accessibility.py": "serving/page/, by axe-core in a browser",
    "ros/test_launch.py": "the launch files and the built package",
    "ros/test_node_audio.py": "the audio of ros/node.py, apart for its length",
    "ros/test_node_recording.py": "sessions that the node records",
    "ros/test_node_streams.py": "several robots in ros/node.py, apart for its length",
}
"""Test module that is not named after a module -> what it tests."""


def _modules() -> list[Path]:
    return sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def _imported_modules(path: Path) -> Iterator[str]:
    """Dotted names that the module in a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "ser_stream":
            yield from (f"ser_stream.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _imports(module: Path) -> Iterator[str]:
    return _imported_modules(PACKAGE / module)


def _layer(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("module", _modules(), ids=str)
def test_a_module_imports_from_its_own_layer_and_those_below(module):
    own = _layer(module.parts[0].removesuffix(".py"))
    for name in _imports(module):
        if not name.startswith("ser_stream"):
            continue
        imported = [*name.split("."), "__init__"][1]
        if imported.startswith("__") or imported in ser_stream.__all__:
            imported = "__init__"
        assert _layer(imported) >= own, f"{module} imports {name} from a layer above"


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_heavy_libraries_are_imported_only_where_they_belong(library):
    found = {
        module.as_posix()
        for module in _modules()
        for name in _imports(module)
        if name.split(".")[0] == library
    }
    allowed = MAY_IMPORT[library]
    assert not {path for path in found if path not in allowed and path.split("/")[0] not in allowed}


def test_package_xml_names_the_ros_packages_that_are_imported():
    tree = ElementTree.parse(ROOT / "package.xml")
    named = {element.text for element in tree.iter("exec_depend")}
    sources = [*(PACKAGE / "ros").glob("*.py"), *(ROOT / "launch").glob("*.py")]
    imported = {name.split(".")[0] for path in sources for name in _imported_modules(path)}
    needed = {name for name in imported if ROS_PACKAGE.fullmatch(name)}
    assert {"rclpy", "launch", "std_msgs"} <= needed
    needed |= {kind.split("/")[0] for kind in MESSAGE_TYPES}
    assert needed - {"rmw_dds_common"} <= named  # that is for the publisher without ROS


def test_no_test_imports_another_test_module():
    for path in (ROOT / "tests").rglob("*.py"):
        for name in _imported_modules(path):
            assert not name.split(".")[-1].startswith("test_"), f"{path} imports {name}"


def test_each_test_module_is_named_after_the_module_that_it_tests():
    """`tests/stream/test_live.py` tests `ser_stream/stream/live.py`, and so on."""
    tests = ROOT / "tests"
    for path in sorted(tests.rglob("test_*.py")):
        name = path.relative_to(tests)
        if name.as_posix() in WITHOUT_A_MODULE:
            continue
        folder = ROOT if name.parts[0] in ("tools", "benchmarks") else PACKAGE
        module = folder / name.with_name(name.name.removeprefix("test_"))
        assert module.is_file(), f"{path}: tests no module; {module} does not exist"


def test_exceptions_from_the_names_of_test_modules_are_needed():
    for name in WITHOUT_A_MODULE:
        folder, _, module = name.rpartition("test_")
        assert (ROOT / "tests" / name).is_file(), name
        assert not (PACKAGE / folder / module).exists(), name


def test_examples_import_only_what_other_programs_may():
    """One another, the public names of the package, the adapters, and settings of words."""
    public = {f"ser_stream.{name}" for name in ser_stream.__all__} | {"ser_stream.asr.base"}
    folders = ("ser_stream.examples.", "ser_stream.integrations.")
    for path in (PACKAGE / "examples").rglob("*.py"):
        ours = {name for name in _imported_modules(path) if name.startswith("ser_stream")}
        assert {name for name in ours if not name.startswith(folders)} <= public, path


def test_listening_imports_no_package_of_an_extra():
    """Even where they are installed: their memory and start-up time would be lost."""
    code = (
        "import sys\n"
        "from ser_stream import Recognizer\n"
        f"assert list(Recognizer().stream({str(SPOKEN / '1-neutral.flac')!r}))\n"
        "from ser_stream.extras import EXTRAS\n"
        "print(sorted(sys.modules.keys() & {*EXTRAS, 'silero_vad'}))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr
