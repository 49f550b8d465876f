"""The launch arguments of the node's parameters, for ser.launch.py. Standard library only.

Launch runs in ROS's own Python, which may lack what the table of parameters imports. So the table
is written to a file beside the launch file::

    python -m ser_stream.ros.launch_arguments > launch/parameters.json
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ser_stream.errors import InputError

Value = bool | int | float | str

LAUNCH_OWN = (
    "emulate_tty", "launch-prefix", "launch-prefix-filter", "sigkill_timeout", "sigterm_timeout",
)  # fmt: skip
"""Names that `ros2 launch` itself reads."""


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


CONVERSIONS: dict[str, Callable[[str], Value]] = {
    "bool": _bool, "int": int, "float": float, "str": str,
}  # fmt: skip
"""Type of a parameter -> the conversion of a text; ValueError: it has another type."""


@dataclasses.dataclass(frozen=True)
class ParameterArgument:
    """A launch argument that sets a parameter of the node.

    Attributes:
        type: of the parameter, a key of `CONVERSIONS`.
        choices: the texts that are accepted; empty = any.
    """

    name: str
    type: str
    description: str
    choices: Sequence[str] = ()

    def value(self, text: str) -> Value:
        """Return the parameter's value; whether its range allows it is left to the node.

        Raises:
            InputError: the text does not have the parameter's type.
        """
        try:
            return CONVERSIONS[self.type](text)
        except ValueError:
            accepted = {"bool": "true and false", "int": "whole numbers", "float": "numbers"}
            raise InputError(
                f"launch argument {self.name}: found {text!r}; accepted are {accepted[self.type]}"
            ) from None


def read_arguments(path: Path) -> list[ParameterArgument]:
    """Return the launch arguments that a file describes, which `to_json` has written."""
    return [ParameterArgument(**content) for content in json.loads(path.read_text("utf-8"))]


def check_names(given: Iterable[str], accepted: Sequence[str]) -> None:
    """Check the names of the launch arguments that a user has given.

    Raises:
        InputError: there is no such launch argument; the message names the nearest.
    """
    for name in given:
        if name not in accepted and name not in LAUNCH_OWN:
            nearest = difflib.get_close_matches(name, accepted, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else "see --show-args"
            raise InputError(f"launch argument {name} does not exist; {hint}")


def to_json() -> str:
    """Return the content of launch/parameters.json, from the table of parameters."""
    from ser_stream.ros.parameters import PARAMETERS

    arguments = []
    for parameter in PARAMETERS:
        is_switch = isinstance(parameter.default, bool)
        choices = ("true", "false") if is_switch else parameter.choices
        accepted = "" if choices else f" Accepted: {parameter.accepted}."
        description = f"{parameter.description}{accepted}"
        kind = type(parameter.default).__name__
        arguments.append(ParameterArgument(parameter.name, kind, description, choices))
    return json.dumps([dataclasses.asdict(argument) for argument in arguments], indent=1) + "\n"


if __name__ == "__main__":
    print(to_json(), end="")
