"""Names that ROS 2 allows: characters and lengths of topics, namespaces and nodes. Needs no ROS."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ser_stream.errors import InputError, shown

MAX_TOPIC = 247
"""Characters of a topic's full name: the 255 of DDS, less the prefix that ROS 2 puts before it."""

MAX_NODE = 255
"""Characters of a node's name without its namespace."""

TOKEN = "[A-Za-z_][A-Za-z0-9_]*"
"""Regular expression of a part of a name."""


def full_name(name: str, namespace: str = "") -> str:
    """Return the name of a topic or node as `ros2 topic list` and `ros2 node list` show it.

    >>> full_name("emotion", "robot1")
    '/robot1/emotion'
    >>> full_name("/diagnostics", "robot1")
    '/diagnostics'
    """
    return name if name.startswith("/") else f"/{namespace}/{name}".replace("//", "/")


def check_name(what: str, name: str, nested: bool = True, longest: int = MAX_NODE) -> str:
    """Return a name of ROS 2 unchanged.

    Args:
        what: names it in the error message.
        nested: parts may be separated by "/".
        longest: characters that are accepted.

    Raises:
        InputError: ROS 2 does not allow the name.
    """
    if not re.fullmatch(rf"{TOKEN}(/{TOKEN})*" if nested else TOKEN, name):
        raise InputError(
            f"{what}: found {shown(name)}; accepted are letters, digits and _, no digit first"
            + (", and / between parts" if nested else "")
        )
    if len(name) > longest:
        raise InputError(
            f"{what}: found {shown(name)} ({len(name)} characters); accepted are up to {longest}"
        )
    return name


def check_namespace(what: str, namespace: str, topics: Iterable[str]) -> str:
    """Return a namespace unchanged.

    Args:
        what: names it in the error message.
        namespace: without "/" at its ends.
        topics: names of topics; those without a leading "/" have to fit behind the namespace.

    Raises:
        InputError: ROS 2 does not allow the namespace, or the name of one of the topics in it.
    """
    longest = max(len(full_name(topic, "")) for topic in topics if not topic.startswith("/"))
    return check_name(what, namespace, longest=MAX_TOPIC - longest - 1)


def explain_invalid_name(error: Exception) -> str:
    r"""Return rclpy's NameValidationException, which has three lines, as one.

    >>> explain_invalid_name(Exception("Invalid topic name: no:\n  '/a//b'\n     ^"))
    "Invalid topic name: found '/a//b' (5 characters); accepted are up to 247, with the namespace"
    """
    what, _, name = str(error).partition("\n")
    name = name.partition("\n")[0].strip().strip("'")
    kind = what.partition(":")[0]
    return (
        f"{kind}: found {shown(name)} ({len(name)} characters); accepted are up to {MAX_TOPIC}, "
        "with the namespace"
    )
