"""Reading of YAML that is not trusted: limits on size, depth and numbers; no aliases or tags.

What YAML turns into something else than it looks like is refused, so that nothing is guessed: 010
(eight), 1:30 (ninety), and a key that is there twice. Dates stay texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import yaml

from ser_stream.errors import InputError, shown
from ser_stream.files import read_limited

MAX_BYTES = 2**18
"""Size of the largest file that is read; the largest shipped one has 5 KiB. It takes 3 s."""
MAX_DEPTH = 16
"""Lists and mappings within one another."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")


def read_yaml(path: Path, where: str) -> Any:
    """Return the content of a YAML file.

    Args:
        where: names the file in error messages, such as "recipe cat.yaml".

    Raises:
        InputError: the file cannot be read or is too large; or see `parse_yaml`.
    """
    try:
        content = read_limited(path, MAX_BYTES)
    except OSError as error:
        raise InputError(f"{where}: {error.strerror or error}") from error
    try:
        return parse_yaml(content.decode("utf-8-sig"), where)
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not YAML: not UTF-8") from error


def parse_yaml(text: str, where: str) -> Any:
    """Return the content of a YAML document.

    Args:
        where: names the document in error messages.

    Raises:
        InputError: it is no YAML, has aliases or tags, is nested too deeply, has a key twice, or a
            number is too long, not finite or not decimal. The message is one line, with the place.
    """
    try:
        return _Loader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        place = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        problem = " ".join(str(error.problem or error.context).split())
        raise InputError(f"{where}: not YAML{place}: {problem}") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{where}: not YAML: {' '.join(str(error).split())}") from error


class _Loader(yaml.SafeLoader):
    """A loader of plain data with limits."""

    def __init__(self, text: str):
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            raise _refused(
                event, f"found the alias *{event.anchor[:40]}; write the value out instead"
            )
        if getattr(self.peek_event(), "tag", None) is not None:
            raise _refused(self.peek_event(), "found a tag, such as !!set; accepted is plain data")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _refused(self.peek_event(), f"nested deeper than {MAX_DEPTH} lists and mappings")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        found = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                raise _refused(key, "found a list or a mapping as a key; accepted are texts")
            if (key.tag, key.value) in found:
                raise _refused(key, f"found {shown(key.value)} twice in one mapping")
            found.add((key.tag, key.value))
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):  # as yes and true, or by the merge key <<
            raise _refused(node, "found a key twice in one mapping, written in two ways")
        return mapping

    def construct_integer(self, node: Any) -> int:
        """Return a decimal whole number of at most 19 digits."""
        digits = self.construct_scalar(node)
        if not _INTEGER.fullmatch(digits):
            raise _refused(
                node,
                f"found the number {shown(digits)}; accepted are decimal numbers of up to 19 "
                "digits, without zeros before them, and texts in quotes",
            )
        return int(digits)

    def construct_finite(self, node: Any) -> float:
        """Return a finite decimal number."""
        digits = self.construct_scalar(node)
        number = math.nan if ":" in digits else self.construct_yaml_float(node)
        if not math.isfinite(number):
            raise _refused(
                node,
                f"found the number {shown(digits)}; accepted are finite decimal numbers, and texts "
                "in quotes",
            )
        return number


_CONSTRUCTORS: dict[str, Callable[[_Loader, Any], Any]] = {
    "int": _Loader.construct_integer,
    "float": _Loader.construct_finite,
    "timestamp": _Loader.construct_yaml_str,
}
for _name, _constructor in _CONSTRUCTORS.items():
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _constructor)


def _refused(at: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
