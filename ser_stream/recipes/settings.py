"""Settings in YAML files, one of which may extend another, checked against a dataclass."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ser_stream.errors import InputError

T = TypeVar("T")

MERGED = ("augmentation", "features", "options", "optimisation", "clip")
"""Settings of which a file that extends another names only those that differ."""


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a file, over those of the file that its `extends` names, if it does.

    Raises:
        InputError: a file is missing, is not YAML, or extends itself.
    """
    return _read(path, ())


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise InputError(f"recipe {path}: extends itself")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"recipe {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"recipe {path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"recipe {path}: found {type(content).__name__}, expected settings")
    base = content.pop("extends", None)
    if base is None:
        return content
    return overlay(_read(path.parent / str(base), (*seen, path)), content)


def overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Settings of `below`, replaced by those of `above`; `MERGED` ones are replaced one by one.

    Options belong to an architecture: where that is another, none of them is kept.
    """
    merged = {**below, **above}
    if merged.get("architecture") != below.get("architecture", merged.get("architecture")):
        merged["options"] = above.get("options") or {}
        below = {name: value for name, value in below.items() if name != "options"}
    for name in MERGED:
        if isinstance(below.get(name), dict) and isinstance(above.get(name), dict):
            merged[name] = {**below[name], **above[name]}
    return merged


def of_experiment(settings: dict[str, Any]) -> bool:
    """Whether settings are of a paper's experiment, and not of a model that streams."""
    return "protocol" in settings


def known(kind: type, content: Any, where: str) -> dict[str, Any]:
    """A copy of the settings.

    Raises:
        InputError: they are no settings, or one is not a field of `kind`.
    """
    if not isinstance(content, dict):
        raise InputError(f"{where}: found {content!r}; accepted are settings")
    names = [field.name for field in dataclasses.fields(kind)]
    unknown = [name for name in content if name not in names]
    if unknown:
        raise InputError(
            f"{where}: unknown setting {', '.join(map(str, unknown))}; accepted are "
            f"{', '.join(names)}"
        )
    missing = [field.name for field in dataclasses.fields(kind) if _is_missing(field, content)]
    if missing:
        raise InputError(f"{where}: settings missing: {', '.join(missing)}")
    return dict(content)


def build(kind: type[T], content: Any, where: str) -> T:
    """A dataclass of settings from YAML, whose lists become tuples.

    Raises:
        InputError: an unknown or missing setting, or a value that `kind` does not accept.
    """
    settings = known(kind, {} if content is None else content, where)
    try:
        return kind(**{name: as_tuple(value) for name, value in settings.items()})
    except (ValueError, TypeError, InputError) as error:
        raise InputError(f"{where}: {error}") from error


def as_tuple(value: Any) -> Any:
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value


def listed(settings: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    """Make tuples of these settings, where they are there.

    Raises:
        InputError: one is not a list.
    """
    for name in names:
        if name in settings:
            if not isinstance(settings[name], list):
                raise InputError(f"{where}: {name}: found {settings[name]!r}; accepted is a list")
            settings[name] = as_tuple(settings[name])


def _is_missing(field: dataclasses.Field, content: dict[str, Any]) -> bool:
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    return required and field.name not in content
