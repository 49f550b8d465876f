"""The parameter `streams`: from names and patterns to topics of audio and namespaces of results.

| entry | topic of audio | results in |
|---|---|---|
| `robot1` | `/robot1/audio` | `/robot1/emotion` ... |
| `/*/audio` | `/robot1/audio`, `/robot2/audio` ... | `/robot1/emotion`, `/robot2/emotion` ... |
| `/*/mic/audio` | `/robot1/mic/audio` ... | `/robot1/emotion` ... |
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from ser_stream.errors import InputError, shown
from ser_stream.ros.messages import published_topics
from ser_stream.ros.names import MAX_TOPIC, check_namespace, full_name

ENTRY = re.compile(r"/?[A-Za-z_*][A-Za-z0-9_*]*(/[A-Za-z_*][A-Za-z0-9_*]*)*")
"""Names and patterns whose parts are accepted by ROS 2, where `*` is replaced."""

CHARACTER = "[A-Za-z0-9_]"
"""Regular expression of a character that ROS 2 allows in names."""

ACCEPTED = "namespaces, such as robot1, and patterns of topics, such as /*/audio"


@dataclasses.dataclass(frozen=True)
class StreamTopic:
    """The sound of one robot.

    Attributes:
        namespace: where its results are published, as "/robot1".
        topic: full name of the topic of audio.
    """

    namespace: str
    topic: str


class StreamNames:
    """Names and patterns of the streams that a node serves.

    Args:
        entries: namespaces of robots, or patterns of topics, in which `*` stands for any characters
            but `/`. One without a leading `/` is relative to the node's namespace.
        node_namespace: namespace of the node.

    Attributes:
        entries: the arguments.
        named: the streams of the namespaces, which are served at any time.

    Raises:
        InputError: an entry can be neither.
    """

    def __init__(self, entries: Sequence[str], node_namespace: str = "") -> None:
        for entry in entries:
            if not ENTRY.fullmatch(entry):
                raise InputError(f"streams: found {shown(entry)}; accepted are {ACCEPTED}")
            if "*" not in entry and entry.rpartition("/")[2] == "audio":
                namespace = entry.rpartition("/")[0]
                hint = f"; did you mean {namespace}?" if namespace else ""
                raise InputError(
                    f"streams: found {shown(entry)}, a topic; accepted are {ACCEPTED}{hint}"
                )
        self.entries = tuple(entries)
        names = [full_name(entry, node_namespace.strip("/")) for entry in entries]
        for name in names:
            _check_length(name)
        self.named = tuple(
            StreamTopic(n, f"{n}/audio") for n in dict.fromkeys(names) if "*" not in n
        )
        self._patterns = [_compiled(name) for name in names if "*" in name]

    def match(self, topic: str) -> StreamTopic | None:
        """Return the stream of a topic, if its full name matches a pattern.

        Its namespace is the part of the name up to the one that the pattern's last `*` stands for.
        """
        for pattern in self._patterns:
            if found := pattern.fullmatch(topic):
                return StreamTopic(found["namespace"], topic)
        return None


def stream_entries(value: object) -> tuple[str, ...]:
    """Return the entries of the parameter: a list, or text that spaces or commas divide.

    The texts of a list are not divided: one with a space is no name, and `StreamNames` refuses it.

    Raises:
        InputError: it is neither.

    >>> stream_entries("robot1, robot2")
    ('robot1', 'robot2')
    >>> stream_entries(["robot1", "/*/audio"])
    ('robot1', '/*/audio')
    """
    if value is None:  # rclpy leaves a parameter unset where a file says []
        return ()
    if isinstance(value, str):
        return tuple(entry for entry in re.split(r"[\s,]+", value) if entry)
    if not isinstance(value, Iterable):
        raise InputError(f"streams: found {shown(value)}; accepted are {ACCEPTED}")
    entries = tuple(value)
    if not all(isinstance(entry, str) for entry in entries):
        raise InputError(f"streams: found {shown(list(entries))}; accepted are {ACCEPTED}")
    return tuple(entry for entry in entries if entry)


def _check_length(name: str) -> None:
    if "*" not in name:
        check_namespace("streams", name.strip("/"), (topic.name for topic in published_topics()))
    elif len(name) > MAX_TOPIC:
        raise InputError(
            f"streams: found {shown(name)} ({len(name)} characters); accepted are up to {MAX_TOPIC}"
        )


def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern's regular expression, whose group `namespace` ends with the last `*`."""
    parts = pattern.split("/")
    last = max(number for number, part in enumerate(parts) if "*" in part)
    expressions = [
        part.replace("*", f"{CHARACTER}*" if part.strip("*") else f"{CHARACTER}+") for part in parts
    ]
    namespace, rest = "/".join(expressions[: last + 1]), expressions[last + 1 :]
    return re.compile(f"(?P<namespace>{namespace})" + "".join(f"/{part}" for part in rest))
