"""The direction of imports, and which parts of the package may import heavy libraries.

Every folder and module of `ser_stream` is a layer. A layer may import itself and the layers below.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from paths import ROOT

PACKAGE = ROOT / "ser_stream"

LAYERS = (
    {"cli"},
    {"commands"},
    {"ros"},
    {"outputs"},
    {"papers"},
    {"training"},
    {"evaluation"},
    {"recipes"},
    {"data"},
    {"corpora"},
    {"stream"},
    {"asr"},
    {"models"},
    {"features", "audio"},
    {
        "emotion",
        "words",
        "errors",
        "units",
        "files",
        "distributed",
        "progress",
        "validation",
        "__init__",
    },
)
"""From the top to the bottom; folders of one layer may import one another."""

MAY_IMPORT = {
    "torch": {
        "models", "data", "training", "evaluation", "papers", "distributed.py",
        # The recogniser, until inference has an engine of its own.
        "stream/turn_encoder.py", "stream/scoring.py", "stream/text_scoring.py",
        "stream/pipeline.py", "stream/model_settings.py",
    },
    "rclpy": {"ros/node.py", "ros/rclpy_transport.py"},
    "cyclonedds": {"ros/dds.py"},
}  # fmt: skip
"""Library -> the folders and files that may import it."""


def _modules() -> list[Path]:
    return sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def _imports(module: Path) -> Iterator[str]:
    """Dotted names that a module imports, inside functions too."""
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "ser_stream":
            yield from (f"ser_stream.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _layer(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("module", _modules(), ids=str)
def test_a_module_imports_from_its_own_layer_and_those_below(module):
    own = _layer(module.parts[0].removesuffix(".py"))
    for name in _imports(module):
        if not name.startswith("ser_stream"):
            continue
        imported = [*name.split("."), "__init__"][1]
        if imported.startswith("__"):
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


def test_no_test_imports_another_test_module():
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not node.module.split(".")[-1].startswith("test_"), path


def test_the_tests_mirror_the_package():
    """`tests/stream/test_live.py` tests `ser_stream/stream/live.py`, and so on."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        assert folder.as_posix() in (".", "golden", "tools") or (PACKAGE / folder).is_dir(), path
