"""The launch arguments of the node's parameters, for ser.launch.py. Standard library only.

Launch runs in ROS's own Python, which may lack what the table of parameters imports. So the table
is written to a file beside the launch file::

    python -m ser_stream.ros.launch_arguments > launch/parameters.json
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ser_stream.errors import InputError, shown

Value = bool | int | float | str

PACKAGE = "ser_stream"
FILES = ("ser.launch.py", "replay.launch.py")
"""The launch files of this package: one of them includes the other."""

ROS2_LAUNCH_ARGUMENTS = (
    "emulate_tty", "launch-prefix", "launch-prefix-filter", "sigkill_timeout", "sigterm_timeout",
)  # fmt: skip
"""Names that `ros2 launch` itself reads."""


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


CONVERSIONS: dict[str, Callable[[str], Value]] = {
    "bool": _bool, "int": int, "float": _number, "str": str,
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
                f"launch argument {self.name}: found {shown(text)}; accepted are "
                f"{accepted[self.type]}"
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
        if name not in accepted and name not in ROS2_LAUNCH_ARGUMENTS:
            nearest = difflib.get_close_matches(name, accepted, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else "see --show-args"
            raise InputError(f"launch argument {name} does not exist; {hint}")


def is_launched_directly(argv: Sequence[str], folder: Path) -> bool:
    """Return whether `ros2 launch` was told to launch a file of this package.

    Otherwise another launch file includes it, whatever that is called, and has its own arguments.

    Args:
        argv: the command line of `ros2 launch`.
        folder: that of this package's launch files.
    """
    files = [(folder / name).resolve() for name in FILES]
    words = [text for text in argv if text and not text.startswith("-")]
    by_package = any(
        package == PACKAGE and name in FILES for package, name in itertools.pairwise(words)
    )
    return by_package or any(Path(text).resolve() in files for text in words)


def check_node_keys(file: Path, content: object, node: str) -> None:
    """Check that a file of parameters has some for the node. rcl ignores all others silently.

    Args:
        content: of the file. What is no such file is left to rcl, which refuses it.
        node: full name of the node, such as /robot1/ser_stream.

    Raises:
        InputError: none of the file's keys applies to the node.
    """
    keys = [key for key in _node_keys(content) if key]
    if keys and not any(_applies(key, node) for key in keys):
        found = ", ".join(keys)
        raise InputError(
            f"params_file: found only keys of other nodes in {file}: {found}; accepted is {node}, "
            "or /** for every node"
        )


def _node_keys(content: object, parents: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the keys that have parameters, nested ones joined as rcl does."""
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        if key == "ros__parameters":
            yield "/".join(parents)
        else:
            yield from _node_keys(value, (*parents, str(key)))


def _applies(key: str, node: str) -> bool:
    """Return whether rclpy gives the parameters of a key to a node.

    `/*` stands for one name, `/**` for any number of names.

    >>> _applies("/*/ser_stream", "/robot1/ser_stream"), _applies("ser_stream", "/r/ser_stream")
    (True, False)
    """
    pattern = f"/{key.removeprefix('/')}".replace("/*", r"(/\w+)")
    try:
        return re.fullmatch(pattern, node) is not None
    except re.error:  # not a name that rcl accepts
        return False


def to_json() -> str:
    """Return the content of launch/parameters.json, from the table of parameters."""
    from ser_stream.ros.parameters import PARAMETERS

    arguments = []
    for parameter in PARAMETERS:
        is_switch = isinstance(parameter.default, bool)
        choices = () if is_switch else parameter.choices  # those of launch are case-sensitive
        accepted = "" if choices else f" Accepted: {parameter.accepted}."
        description = f"{parameter.description}{accepted}"
        kind = type(parameter.default).__name__
        arguments.append(ParameterArgument(parameter.name, kind, description, choices))
    return json.dumps([dataclasses.asdict(argument) for argument in arguments], indent=1) + "\n"


if __name__ == "__main__":
    print(to_json(), end="")
