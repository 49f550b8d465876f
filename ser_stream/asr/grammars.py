"""Finds grammars by name: those that come with the package, and files."""

from __future__ import annotations

import os
from pathlib import Path

from ser_stream.errors import InputError

SHIPPED = Path(__file__).parent.parent / "grammars"

JSGF, ARPA, SENTENCES = (".jsgf", ".gram", ".gsym"), (".lm", ".arpa"), (".txt",)
"""Endings of the files, which say their format."""


def shipped_grammars() -> list[str]:
    """Return the names of the grammars that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.jsgf"))


def find_grammar(name_or_file: str) -> Path:
    """Return the file of a grammar: a shipped one, or any file.

    Raises:
        InputError: there is no such grammar.
    """
    if name_or_file in shipped_grammars():
        return SHIPPED / f"{name_or_file}.jsgf"
    path = Path(name_or_file)
    if not os.path.isfile(path):  # also where the name is too long
        raise InputError(
            f"asr grammar {name_or_file}: no such file; accepted are "
            f"{', '.join(shipped_grammars())} (installed with the package), and a file"
        )
    return path
