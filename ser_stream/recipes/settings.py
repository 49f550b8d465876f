"""YAML files of settings; a file may extend another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ser_stream.errors import InputError, shown
from ser_stream.strict_yaml import read_yaml

MERGED = ("augmentation", "features", "options", "optimisation", "clip")
"""Groups of settings that are merged key by key; an extending file names only what differs."""


def read_settings(path: Path) -> dict[str, Any]:
    """Read a file; if it `extends` another (a path relative to it), it is laid over that file.

    Raises:
        InputError: a file is missing, is not YAML, or extends itself.
    """
    return _read(path, ())


def _read(path: Path, extending: tuple[Path, ...]) -> dict[str, Any]:
    if path in extending:
        raise InputError(f"recipe {path}: extends itself")
    content = read_yaml(path, f"recipe {path}")
    if not isinstance(content, dict):
        raise InputError(f"recipe {path}: found {type(content).__name__}; accepted are settings")
    base = content.pop("extends", None)
    if base is None:
        return content
    if not isinstance(base, str):
        raise InputError(
            f"recipe {path}: extends: found {shown(base)}; accepted is the path of a recipe"
        )
    return overlay(_read(path.parent / base, (*extending, path)), content)


def overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of `below`, replaced by those of `above`; `MERGED` ones key by key.

    Options belong to an architecture: where `above` names another architecture, the options of
    `below` are dropped.
    """
    merged = {**below, **above}
    if merged.get("architecture") != below.get("architecture", merged.get("architecture")):
        merged["options"] = above.get("options") or {}
        below = {name: value for name, value in below.items() if name != "options"}
    for name in MERGED:
        if isinstance(below.get(name), dict) and isinstance(above.get(name), dict):
            merged[name] = {**below[name], **above[name]}
    return merged
