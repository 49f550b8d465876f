"""Typed settings from YAML and JSON: dataclasses whose values msgspec checks.

A settings class is a frozen dataclass; its annotations say what each field accepts::

    epochs: Annotated[int, Meta(ge=1)]
    schedule: Literal["constant", "one_cycle", "plateau"] = "constant"

`convert` builds it from parsed YAML or JSON. msgspec checks types, ranges and choices (it is 0.7 MB
installed; pydantic would be 10 MB on every robot). `convert` adds what a person needs to correct
the file: the path of the field, the value that was found and what is accepted there. Unknown fields
are refused, and so are numbers that are not finite.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import math
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union

import msgspec

from ser_stream.errors import MAX_SHOWN, InputError, shown

T = TypeVar("T")

MAX_SEED = 2**32 - 1
Seed = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEED)]
"""Random seed that numpy and torch accept, together with the number of an epoch."""


@dataclasses.dataclass(frozen=True)
class Tagged:
    """Marks a field whose class is named by a key of its content: `Annotated[A | B, Tagged(...)]`.

    Attributes:
        choices: value of the key -> dataclass.
        default: value where the key is absent.
        key: name of the key.
    """

    choices: Mapping[str, type]
    default: str
    key: str = "kind"


def convert(content: Any, kind: type[T], where: str) -> T:
    """Build a dataclass of settings from parsed YAML or JSON; lists become tuples.

    Args:
        where: source of the content, for error messages, such as "recipe cat.yaml".

    Raises:
        InputError: a field is unknown, missing or has a value that is not accepted; the message is
            one line with `where`, the path of the field, the value and what is accepted.
    """
    return _dataclass(content, kind, _Place(where))


def convert_value(value: Any, hint: Any, where: str, path: str) -> Any:
    """Convert one value of parsed YAML or JSON to a type, as `convert` does the fields of a class.

    Args:
        hint: the type, with its range.
        where, path: source of the value, and its place in there, for error messages.

    Raises:
        InputError: the value is not accepted; see `convert`.
    """
    return _value(value, hint, _Place(where, path))


@dataclasses.dataclass(frozen=True)
class _Place:
    """The position of a value: the source of the content and the path of the field."""

    source: str
    path: str = ""

    def field(self, name: object) -> _Place:
        return _Place(self.source, f"{self.path}.{name}" if self.path else str(name))

    def item(self, number: int) -> _Place:
        return _Place(self.source, f"{self.path}[{number}]")

    def error(self, text: str) -> InputError:
        prefix = f"{self.source}: {self.path}: " if self.path else f"{self.source}: "
        return InputError(" ".join((prefix + text.removeprefix(f"{self.path}: ")).splitlines()))

    def not_accepted(self, value: object, hint: Any) -> InputError:
        return self.error(f"found {shown(value)}; accepted {_accepted(hint)}")


def _dataclass(content: Any, kind: type[T], place: _Place) -> T:
    if not isinstance(content, dict):
        raise place.error(f"found {shown(content)}; accepted are settings")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = [str(name)[:MAX_SHOWN] for name in content if name not in fields]
    if unknown:
        raise place.error(
            f"unknown setting {', '.join(with_suggestion(name, list(fields)) for name in unknown)}"
            f"; accepted are {', '.join(fields)}"
        )
    missing = [name for name, field in fields.items() if _required(field) and name not in content]
    if missing:
        raise place.error(f"settings missing: {', '.join(missing)}")
    hints = _hints(typing.cast(Hashable, kind))
    values = {name: _value(content[name], hints[name], place.field(name)) for name in content}
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:  # the class's own checks, of several fields together
        raise place.error(str(error)) from error


@functools.lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def with_suggestion(name: str, accepted: list[str]) -> str:
    """Return an unknown name, and the nearest of the accepted names if one is near."""
    nearest = difflib.get_close_matches(name, accepted, n=1)
    return f"{name} (did you mean {nearest[0]}?)" if nearest else name


def _value(value: Any, hint: Any, place: _Place) -> Any:
    tag = next((extra for extra in _metadata(hint) if isinstance(extra, Tagged)), None)
    if tag is not None:
        return _tagged(value, tag, place)
    if _is_union(hint):
        hint = _alternative(value, hint)
    if isinstance(value, list | dict) and hint is not Any:
        return _container(value, hint, place)
    return _scalar(value, hint, place)


def _tagged(content: Any, tag: Tagged, place: _Place) -> Any:
    if not isinstance(content, dict):
        raise place.error(f"found {shown(content)}; accepted are settings")
    choice = content.get(tag.key, tag.default)
    if not isinstance(choice, str) or choice not in tag.choices:
        raise place.field(tag.key).error(
            f"found {shown(choice)}; accepted are {', '.join(tag.choices)}"
        )
    rest = {name: value for name, value in content.items() if name != tag.key}
    return _dataclass(rest, tag.choices[choice], place)


def _alternative(value: Any, hint: Any) -> Any:
    """Return the alternative of a union that a list or settings belong to, else the union."""
    for alternative in typing.get_args(hint):
        if isinstance(value, list) and _is_list(alternative):
            return alternative
        if isinstance(value, dict) and _is_mapping(alternative):
            return alternative
    return hint


def _container(value: Any, hint: Any, place: _Place) -> Any:
    """Convert a list, a mapping or a nested dataclass, item by item."""
    arguments = typing.get_args(hint)
    if isinstance(value, list) and _is_list(hint):
        of_one_type = not arguments or arguments[-1] is ... or typing.get_origin(hint) is list
        if not of_one_type and len(value) != len(arguments):
            raise place.not_accepted(value, hint)
        hints = itertools.repeat(arguments[0] if arguments else Any) if of_one_type else arguments
        if of_one_type and arguments[:1] == (str,) and all(type(item) is str for item in value):
            return tuple(value)  # a vocabulary: ten thousand words, one by one, take 60 ms
        pairs = zip(value, hints, strict=False)
        items = [_value(item, of, place.item(i)) for i, (item, of) in enumerate(pairs)]
        return items if typing.get_origin(hint) is list else tuple(items)
    if isinstance(value, dict) and dataclasses.is_dataclass(hint):
        return _dataclass(value, typing.cast(type, hint), place)
    if isinstance(value, dict) and _is_mapping(hint):
        of_keys, of_values = arguments
        return {
            _scalar(name, of_keys, place): _value(v, of_values, place.field(name))
            for name, v in value.items()
        }
    raise place.not_accepted(value, hint)


def _scalar(value: Any, hint: Any, place: _Place) -> Any:
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint) or _is_list(hint) or _is_mapping(hint):
        raise place.not_accepted(value, hint)
    scalars = [a for a in _alternatives(hint) if not _is_list(a) and not _is_mapping(a)]
    try:
        converted = msgspec.convert(value, Union[tuple(scalars)])  # noqa: UP007
    except msgspec.ValidationError as error:
        raise place.not_accepted(value, hint) from error
    if isinstance(converted, float) and not math.isfinite(converted):
        raise place.not_accepted(value, hint)
    return converted


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if _is_union(hint) else (hint,)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (Union, types.UnionType)


def _is_list(hint: Any) -> bool:
    return hint in (list, tuple) or typing.get_origin(hint) in (list, tuple)


def _is_mapping(hint: Any) -> bool:
    return dataclasses.is_dataclass(hint) or typing.get_origin(hint) is dict


def _metadata(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()


def _accepted(hint: Any) -> str:
    """Return what a field accepts, with the verb: "is a number, 0 or more"."""
    alternatives = [a for a in _alternatives(hint) if a is not type(None)]
    text = " or ".join(_described(alternative) for alternative in alternatives)
    plural = typing.get_origin(alternatives[0]) is Literal or _is_mapping(alternatives[0])
    return f"are {text}" if plural else f"is {text}"


_NAMES: dict[Any, str] = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a text",
}  # fmt: skip


def _described(hint: Any) -> str:
    if typing.get_origin(hint) is Annotated:
        bounds = [_bounds(extra) for extra in _metadata(hint) if isinstance(extra, msgspec.Meta)]
        return ", ".join([_described(typing.get_args(hint)[0]), *filter(None, bounds)])
    if typing.get_origin(hint) is Literal:
        return ", ".join(map(str, typing.get_args(hint)))
    if _is_mapping(hint):
        return "settings"
    if _is_list(hint):
        arguments = typing.get_args(hint)
        of_one_type = not arguments or arguments[-1] is ... or typing.get_origin(hint) is list
        return "a list" if of_one_type else f"a list of {len(arguments)}"
    return _NAMES.get(hint, str(hint))


def _bounds(meta: msgspec.Meta) -> str:
    if meta.ge is not None and meta.le is not None:
        return f"{meta.ge:g} to {meta.le:g}"
    words: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("ge", lambda bound: f"{bound:g} or more"),
        ("gt", lambda bound: f"above {bound:g}"),
        ("le", lambda bound: f"at most {bound:g}"),
        ("lt", lambda bound: f"below {bound:g}"),
        ("min_length", lambda _bound: "not empty"),
        ("max_length", lambda bound: f"at most {bound:g} long"),
        ("pattern", lambda bound: f"of the form {bound}"),
    )
    found = ((text, getattr(meta, name)) for name, text in words)
    return " and ".join(text(bound) for text, bound in found if bound is not None)
