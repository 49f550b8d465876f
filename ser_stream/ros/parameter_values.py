"""One parameter of the node: which values it accepts, and the line that refuses any other."""

from __future__ import annotations

import array
import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

from ser_stream.errors import InputError, shown

Value = bool | int | float | str

ALWAYS, UNCONFIGURED, NEVER = "yes", "while unconfigured", "no"
"""When `ros2 param set` can change a parameter, as the table in docs/ros.md says it."""

TYPE_NAMES: dict[type, str] = {
    bool: "boolean", int: "integer", float: "number with a decimal point", str: "text",
    list: "list", tuple: "list", array.array: "list",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of the node.

    Attributes:
        default: its type is the type of the parameter.
        description: shown by `ros2 param describe`.
        choices: the values that are accepted; empty = any.
        range: the lowest and the highest number that are accepted; None = any.
        special: a number outside of the range that is accepted, too; None = none.
        pattern: the regular expression of accepted texts; "" = any. `form` says it in words.
        form: the accepted texts in words, where they follow a pattern or pass a check.
        check: raises InputError, with the whole line, for a value that is not accepted.
        changeable: when it can be changed: `ALWAYS`, `UNCONFIGURED` or `NEVER`.
        may_be_list: a list of texts is accepted in place of a text.
    """

    name: str
    default: Value
    description: str
    choices: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    special: float | None = None
    pattern: str = ""
    form: str = ""
    check: Callable[[Any], object] | None = None
    changeable: str = UNCONFIGURED
    may_be_list: bool = False

    def error(self, value: object) -> str:
        """Return why a value is not accepted, as one line; "" if it is."""
        if not self._has_type(value):
            found = "nothing" if value is None else f"{_written(value)} ({_type_name(value)})"
            return f"{self.name}: found {found}; accepted {self._accepted_values(value)}"
        if not self._fits(value):
            return f"{self.name}: found {_written(value)}; accepted {self._accepted_values(value)}"
        if self.check is not None:
            try:
                self.check(value)
            except InputError as error:
                return str(error)
        return ""

    @property
    def accepted(self) -> str:
        """The values that are accepted, as the table in docs/ros.md has them."""
        if self.choices:
            return ", ".join(f"`{choice}`" for choice in self.choices)
        if self.range is not None:
            return self._range_text
        if self.may_be_list:
            return "list of texts, or text with spaces"
        if self.form:
            return self.form
        return {bool: "true, false", str: "text", int: "whole number", float: "number"}[
            type(self.default)
        ]

    @property
    def outer_range(self) -> tuple[float, float] | None:
        """The range, widened to the special number; None = any."""
        if self.range is None or self.special is None:
            return self.range
        return min(self.special, self.range[0]), max(self.special, self.range[1])

    @property
    def _range_text(self) -> str:
        assert self.range is not None
        special = "" if self.special is None else f"{self.special:g}, or "
        return f"{special}{self.range[0]:g} to {self.range[1]:g}"

    def _has_type(self, value: object) -> bool:
        if self.may_be_list and (value is None or isinstance(value, list | tuple | array.array)):
            return True  # rclpy leaves a parameter unset where a file says []
        return type(value) is type(self.default)

    def _fits(self, value: object) -> bool:
        if self.choices and value not in self.choices:
            return False
        if self.range is not None and isinstance(value, int | float):
            # False for NaN, too.
            return value == self.special or self.range[0] <= value <= self.range[1]
        return not (self.pattern and isinstance(value, str)) or bool(
            re.fullmatch(self.pattern, value)
        )

    def _accepted_values(self, found: object) -> str:
        """The accepted values with the verb, and an example where the type is what is wrong."""
        if self.choices:
            return f"are {', '.join(self.choices)}"
        if self.form:
            return f"are {self.form}"
        if isinstance(self.default, bool):
            return "are true and false"
        if isinstance(self.default, str):
            in_quotes = "" if found is None else f" in quotes{self._example(found)}"
            return f"is text{in_quotes}"
        kind = "whole numbers" if isinstance(self.default, int) else "numbers with a decimal point"
        limits = ""
        if self.range:
            limits = (
                f" from {self._range_text}" if self.special is None else f": {self._range_text}"
            )
        return f"are {kind}{limits}{self._example(found)}"

    def _example(self, found: object) -> str:
        """How to write what was found with the right type; "" where that would not be accepted."""
        if self._has_type(found) or isinstance(found, bool) or not isinstance(found, int | float):
            return ""
        if isinstance(self.default, str):
            return f", such as {json.dumps(_written(found))}"
        return f", such as {type(self.default)(found)}" if self._fits(found) else ""


def _written(value: object) -> str:
    """A value as a parameter file has it, cut where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    return shown(list(value) if isinstance(value, array.array | tuple) else value)


def _type_name(value: object) -> str:
    return TYPE_NAMES.get(type(value), type(value).__name__)
