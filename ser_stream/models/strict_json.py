"""Reading of JSON files that are not trusted: limits on size and depth, and finite numbers only."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from ser_stream.errors import InputError, shown
from ser_stream.files import read_limited

MAX_BYTES = 8 * 2**20
"""Size of the largest file that is read; a description with 100,000 words has 1.5 MiB."""
MAX_DEPTH = 16
"""Lists and objects within one another."""

# Half of a surrogate pair cannot be printed, and control characters may command a terminal.
_NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        InputError: the file is missing, too large, not JSON, or nested too deeply; a key is there
            twice; a number is not finite; or a text has control characters.
    """
    try:
        text = read_limited(path, MAX_BYTES).decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not JSON: not UTF-8") from error
    try:
        content = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_duplicates
        )
        _check(content, 0)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {' '.join(str(error).split())}") from error
    return content


def _refuse(name: str) -> float:
    raise ValueError(f"found {name}; accepted are finite numbers")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"found {shown(digits)}; accepted are finite numbers")
    return number


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in content if names.count(name) > 1)
        raise ValueError(f"found {shown(twice)} twice in one object")
    return content


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} lists and objects")
    if isinstance(value, str) and _NOT_TEXT.search(value):
        raise ValueError(f"found the text {shown(value)}; accepted are texts without control codes")
    if isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    if isinstance(value, dict):
        for name, item in value.items():
            _check(name, depth)
            _check(item, depth + 1)
