"""Typed settings: what `convert` accepts, and what its errors say."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from ser_stream.errors import InputError, shown
from ser_stream.validation import Tagged, convert


@dataclasses.dataclass(frozen=True)
class Circle:
    radius: Annotated[float, Meta(gt=0)]


@dataclasses.dataclass(frozen=True)
class Square:
    side: float = 1.0

    def __post_init__(self) -> None:
        if self.side == 13:
            raise ValueError("side: found 13; accepted is any other number")


@dataclasses.dataclass(frozen=True)
class Drawing:
    name: str
    count: Annotated[int, Meta(ge=1, le=9)] = 1
    colour: Literal["red", "blue"] = "red"
    filled: bool = False
    shares: dict[str, Annotated[float, Meta(ge=0)]] = dataclasses.field(default_factory=dict)
    size: tuple[float, float] = (1.0, 1.0)
    tags: tuple[str, ...] = ()
    limit: float | tuple[str, ...] | None = None
    square: Square | None = None
    squares: tuple[Square, ...] = ()
    shape: Annotated[Circle | Square, Tagged({"circle": Circle, "square": Square}, "square")] = (
        Square()
    )
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


def test_lists_become_tuples_and_whole_numbers_numbers():
    drawing = convert({"name": "a", "size": [1, 2], "tags": ["x"]}, Drawing, "here")
    assert drawing.size == (1.0, 2.0) and type(drawing.size[0]) is float
    assert drawing.tags == ("x",)


def test_nested_settings_become_their_dataclass():
    content = {"name": "a", "square": {"side": 2}, "squares": [{}, {"side": 3}]}
    drawing = convert(content, Drawing, "here")
    assert drawing.square == Square(2.0)
    assert drawing.squares == (Square(), Square(3.0))


def test_a_key_names_the_dataclass_of_tagged_settings():
    circle = {"kind": "circle", "radius": 2}
    assert convert({"name": "a", "shape": circle}, Drawing, "here").shape == Circle(2.0)
    assert convert({"name": "a", "shape": {"side": 4}}, Drawing, "here").shape == Square(4.0)


def test_a_union_takes_each_of_its_types():
    for value, expected in ((None, None), (3, 3.0), (["a"], ("a",))):
        assert convert({"name": "a", "limit": value}, Drawing, "here").limit == expected


def test_free_settings_are_kept_as_they_are():
    options = {"list": [1, [2]], "none": None}
    assert convert({"name": "a", "options": options}, Drawing, "here").options == options


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "count: found 0; accepted is a whole number, 1 to 9"),
        ({"count": 2.0}, "count: found 2.0; accepted is a whole number, 1 to 9"),
        ({"count": True}, "count: found True; accepted is a whole number, 1 to 9"),
        ({"count": [1]}, "count: found [1]; accepted is a whole number, 1 to 9"),
        ({"colour": "green"}, "colour: found 'green'; accepted are red, blue"),
        ({"colour": None}, "colour: found None; accepted are red, blue"),
        ({"filled": 1}, "filled: found 1; accepted is true or false"),
        ({"name": 3}, "name: found 3; accepted is a text"),
        ({"shares": {"x": -1}}, "shares.x: found -1; accepted is a number, 0 or more"),
        ({"shares": {1: 1.0}}, "shares: found 1; accepted is a text"),
        ({"shares": [1]}, "shares: found [1]; accepted are settings"),
        ({"size": [1]}, "size: found [1]; accepted is a list of 2"),
        ({"size": [1, "x"]}, "size[1]: found 'x'; accepted is a number"),
        ({"size": [1, float("nan")]}, "size[1]: found nan; accepted is a number"),
        ({"tags": "x"}, "tags: found 'x'; accepted is a list"),
        ({"limit": "x"}, "limit: found 'x'; accepted is a number or a list"),
        ({"square": 3}, "square: found 3; accepted are settings"),
        ({"square": {"side": []}}, "square.side: found []; accepted is a number"),
        ({"square": {"side": 13}}, "square: side: found 13; accepted is any other number"),
        ({"squares": [{}, {"side": "x"}]}, "squares[1].side: found 'x'; accepted is a number"),
        ({"shape": {"kind": "star"}}, "shape.kind: found 'star'; accepted are circle, square"),
        ({"shape": {"kind": "circle"}}, "shape: settings missing: radius"),
        ({"shape": "circle"}, "shape: found 'circle'; accepted are settings"),
        (
            {"square": {"sied": 1}},
            "square: unknown setting sied (did you mean side?); accepted are side",
        ),
        ({"square": {"x": 1, 2: 3}}, "square: unknown setting x, 2; accepted are side"),
        ({"options": 3}, "options: found 3; accepted are settings"),
    ],
)
def test_an_error_names_the_field_the_value_and_what_is_accepted(changes, message):
    with pytest.raises(InputError) as error:
        convert({"name": "a", **changes}, Drawing, "here")
    assert str(error.value) == f"here: {message}"


def test_a_missing_field_is_named():
    with pytest.raises(InputError, match="here: settings missing: name"):
        convert({}, Drawing, "here")


def test_content_other_than_settings_is_refused():
    with pytest.raises(InputError, match=r"here: found \[1\]; accepted are settings"):
        convert([1], Drawing, "here")


def test_long_values_are_cut():
    assert shown("line\nline") == "'line\\nline'"
    assert len(shown("x" * 1000)) == 80


class Unprintable:
    def __repr__(self):
        raise AssertionError("converted to text")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, (2,), {"a": None}, ()], "[1, (2,), {'a': None}, ()]"),
        (10**400, "a number of about 400 digits"),
        ([1.5, True, b"a", "\x1b"], "[1.5, True, b'a', '\\x1b']"),
        (["x" * 100, Unprintable()], "['" + "x" * 75 + "..."),
    ],
)
def test_of_a_large_value_only_what_is_shown_becomes_text(value, text):
    assert shown(value) == text


def test_a_list_of_lists_of_lists_is_shown_at_once():
    value = ["x"]
    for _ in range(100_000):
        value = [value, value]
    assert shown(value) == "[" * 77 + "..."
