"""Types and limits of the options of networks, checked before a network is built.

The annotations of a network's constructor say what it accepts, as those of a recipe's settings do::

    def __init__(self, labels, features, hidden: Size = 128, layers: Count = 2, dropout: Share = 0):
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from ser_stream.validation import convert_value

Size = Annotated[int, Meta(ge=1, le=8192)]
"""Units, channels, or values of a vector."""
Count = Annotated[int, Meta(ge=1, le=64)]
"""Layers, heads, or parts of a window."""
Repeats = Annotated[int, Meta(ge=0, le=64)]
"""Parts of a network that may be left out."""
Frames = Annotated[int, Meta(ge=1, le=6000)]
"""Frames of a window, a chunk or a hop; at 10 ms, a minute at most."""
Buckets = Annotated[int, Meta(ge=0, le=5_000_000)]
"""Rows of a table of n-grams."""
Share = Annotated[float, Meta(ge=0, le=1)]
"""A probability or a weight from 0 to 1."""
Scale = Annotated[float, Meta(ge=0, le=1000)]
"""A factor."""

NOT_OPTIONS = ("self", "labels", "features")


def option_types(network: type) -> dict[str, Any]:
    """Return the options of a network's class and, where it passes others on, of its bases."""
    found: dict[str, Any] = {}
    for base in network.__mro__:
        if "__init__" not in vars(base):
            continue
        constructor = vars(base)["__init__"]
        hints = typing.get_type_hints(constructor, include_extras=True)
        parameters = inspect.signature(constructor).parameters.values()
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                found.setdefault(parameter.name, hints.get(parameter.name, Any))
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            break
    return {name: kind for name, kind in found.items() if name not in NOT_OPTIONS}


def checked_options(network: type, options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the options as the network's constructor takes them; lists become tuples.

    Options that the constructor does not have are returned as they are, for it to refuse.

    Args:
        where: source of the options, for error messages.

    Raises:
        InputError: an option is of another type, or beyond its limits.
    """
    types = option_types(network)
    checked = {}
    for name, value in options.items():
        given = list(value) if isinstance(value, tuple) else value  # by a caller in Python
        checked[name] = convert_value(given, types[name], where, name) if name in types else value
    return checked
