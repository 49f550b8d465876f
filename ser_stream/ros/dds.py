"""ROS 2 without ROS: publishes in a robot's graph through Cyclone DDS.

To ROS 2 the publisher is a node like any other: `ros2 node list` shows it and `ros2 topic echo`
receives its messages. Which network it uses is in `ser_stream.ros.dds_network`, what it publishes
and when in `ser_stream.ros.graph`.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from cyclonedds.core import DDSException, Entity, Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import make_idl_struct, types
from cyclonedds.pub import DataWriter
from cyclonedds.topic import Topic as DdsTopic
from cyclonedds.util import duration

from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.outputs.base import Output
from ser_stream.ros.dds_interfaces import interface_addresses
from ser_stream.ros.dds_network import (
    GID,
    domain_id,
    message_types,
    network_configuration,
)
from ser_stream.ros.discovery import network_text
from ser_stream.ros.graph import GraphPublisher, NodeState
from ser_stream.ros.messages import Content, Topic, published_topics
from ser_stream.ros.names import check_name, check_namespace, full_name
from ser_stream.ros.security import check_dds
from ser_stream.ros.type_hash import FieldType, type_hash
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech

DISCOVERY_INFO = Topic(
    "ros_discovery_info",
    "rmw_dds_common/msg/ParticipantEntitiesInfo",
    depth=1,
    transient_local=True,
)
"""Where DDS participants of ROS 2 tell each other the names of their nodes."""


class DdsPublisher(Output):
    """An output that is a node of the robot's graph from its construction until `close`.

    `ser-stream listen` constructs it before it loads the model: by the first estimate, subscribers
    have discovered it.

    Args:
        domain: DDS domain; None: ROS_DOMAIN_ID, or 0.
        namespace: precedes the topics' names, one per robot: "robot1", or "lab/robot1".
        node_name: the name in `ros2 node list`.
        language: language that is spoken, for `speech`; "": what speech recognition says.
        asr: whether speech recognition runs.
        text_model: whether there are estimates from audio and words.

    Attributes:
        network: the domain, whom it reaches and through which network interfaces, in one line.

    Raises:
        InputError: an argument or a variable cannot be used, or DDS cannot start.
    """

    def __init__(
        self,
        domain: int | None = None,
        namespace: str = "",
        node_name: str = "ser_stream",
        language: str = "",
        asr: bool = False,
        text_model: bool = False,
    ) -> None:
        topics = published_topics(asr=asr, text_model=text_model)
        domain = domain_id(domain, os.environ)
        self._transport = DdsTransport(domain, namespace, node_name, topics)
        self.network = network_text(domain, os.environ, interface_addresses())
        # The program, which sees the same status, ends itself where inference hangs.
        self._graph = GraphPublisher(
            self._transport, self._transport.node_name, language, on_inference_timeout=None
        )
        self._model = ""
        self._graph.on_end()

    def __enter__(self) -> DdsPublisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Publish that nobody speaks and nothing is recognised any more, and leave the graph."""
        self._graph.on_end()
        self._transport.close()

    def on_model(self, name: str) -> None:
        """Take the name of the model, which is published with diagnostics."""
        self._model = name

    def on_source(self, name: str) -> None:
        """Begin the stream of a source, whose name is published with diagnostics."""
        self._graph.on_source(name)

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        """Publish an estimate, stamped with this machine's clock."""
        self._graph.on_estimate(estimate)

    def on_speech(self, speech: Speech) -> None:
        """Publish the words of a turn, at its end or so far."""
        self._graph.on_speech(speech)

    def on_status(self, status: StreamStatus) -> None:
        """Publish whether someone speaks, when it has changed, and diagnostics once a second."""
        self._graph.update(NodeState(status, model=self._model))


class DdsTransport:
    """A DDS participant that ROS 2 sees as a node, and a writer for each topic.

    Args:
        domain: DDS domain.
        namespace: precedes the topics' names.
        node_name: name of the node without its namespace.
        topics: what can be published.

    Attributes:
        node_name: full name of the node.

    Raises:
        InputError: a name or a variable cannot be used, or DDS cannot start.
    """

    def __init__(
        self, domain: int, namespace: str, node_name: str, topics: Iterable[Topic]
    ) -> None:
        topics = tuple(topics)
        namespace = namespace.strip("/")  # ROS names are written with and without it
        if namespace:
            check_namespace("namespace", namespace, (topic.name for topic in topics))
        check_name("node name", node_name, nested=False)
        check_dds(os.environ)
        self.node_name = full_name(node_name, namespace)
        self._classes = _message_classes(os.environ.get("ROS_DISTRO", ""))
        self._participant = _join(domain, network_configuration(os.environ))
        self._writers: dict[Topic, DataWriter] = {}
        for topic in topics:
            self._add_writer(topic, "rt" + full_name(topic.name, namespace))
        self._announce(namespace, node_name)

    def close(self) -> None:
        """Leave the graph, once: entities of DDS end with their last reference."""
        if self._writers:
            self._writers.clear()
            del self._participant

    def publish(self, topic: Topic, content: Content) -> None:
        self._writers[topic].write(self._classes.message(topic.type, content))

    def now_ns(self) -> int:
        return time.time_ns()

    def ok(self) -> bool:
        return bool(self._writers)

    def fields(self, message_type: str) -> Mapping[str, str]:
        return self._classes.definitions[message_type]

    def _add_writer(self, topic: Topic, dds_name: str) -> None:
        typehash = f"typehash={type_hash(topic.type)};".encode()
        dds_topic: DdsTopic = DdsTopic(self._participant, dds_name, self._classes[topic.type])
        self._writers[topic] = DataWriter(
            self._participant, dds_topic, Qos(*qos_policies(topic), Policy.Userdata(typehash))
        )

    def _announce(self, namespace: str, node_name: str) -> None:
        """Tell the graph the node's name; otherwise ROS 2 shows writers of a bare DDS program."""
        gids = [self._gid(writer) for writer in self._writers.values()]
        node = {
            "node_namespace": f"/{namespace}",
            "node_name": node_name,
            "reader_gid_seq": [],
            "writer_gid_seq": gids,
        }
        content = {"gid": self._gid(self._participant), "node_entities_info_seq": [node]}
        self._add_writer(DISCOVERY_INFO, DISCOVERY_INFO.name)  # has no namespace and no "rt/"
        self.publish(DISCOVERY_INFO, content)

    def _gid(self, entity: Entity) -> Content:
        length = FieldType.parse(self._classes.definitions[GID]["data"]).length
        assert length is not None  # an array
        return {"data": entity.get_guid().bytes.ljust(length, b"\0")}


class MessageClasses:
    """The classes that Cyclone DDS needs for messages, made from the messages' definitions.

    Args:
        definitions: in the form of `MESSAGE_TYPES`.

    >>> from ser_stream.ros.messages import MESSAGE_TYPES
    >>> MessageClasses(MESSAGE_TYPES)["std_msgs/msg/Bool"](data=True)
    Bool_(data=True)
    """

    def __init__(self, definitions: Mapping[str, Mapping[str, str]]) -> None:
        self.definitions = definitions
        self._classes: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        if name not in self._classes:
            package, kind, message = name.split("/")
            # Without annotations, a class is encoded as in ROS 2: final, XCDR version 1.
            self._classes[name] = make_idl_struct(
                f"{message}_",
                f"{package}::{kind}::dds_::{message}_",
                {field: self._field(text) for field, text in self.definitions[name].items()},
            )
        return self._classes[name]

    def message(self, name: str, content: Mapping[str, Any]) -> object:
        """Return a message of the type `name` with this content."""
        values = {}
        for field, text in self.definitions[name].items():
            values[field] = value = content[field]
            kind = FieldType.parse(text)
            if kind.is_message:
                values[field] = (
                    self.message(kind.element, value)
                    if kind.length is None
                    else [self.message(kind.element, each) for each in value]
                )
        return self[name](**values)

    def _field(self, text: str) -> Any:
        kind = FieldType.parse(text)
        idl: Any = types  # its classes are subscripted at run time
        if kind.is_message:
            element: Any = self[kind.element]
        elif kind.element == "string":
            element = idl.bounded_str[kind.bound] if kind.bound else str
        else:
            element = bool if kind.element == "bool" else getattr(types, kind.element)
        if kind.length is None:
            return element
        return idl.array[element, kind.length] if kind.length else idl.sequence[element]


@functools.cache  # Cyclone DDS keeps every class that it was given, until the process ends
def _message_classes(distribution: str) -> MessageClasses:
    """Return the classes of a ROS distribution's messages."""
    return MessageClasses(message_types(distribution))


def qos_policies(topic: Topic) -> tuple:
    """Return the quality of service of a writer or a reader of the topic."""
    return (
        Policy.Reliability.Reliable(max_blocking_time=duration(milliseconds=100))
        if topic.reliable
        else Policy.Reliability.BestEffort,
        Policy.Durability.TransientLocal if topic.transient_local else Policy.Durability.Volatile,
        Policy.History.KeepLast(topic.depth),
    )


def _join(domain: int, configuration: str | None) -> DomainParticipant:
    """Return a new participant of the domain.

    Raises:
        InputError: DDS cannot start.
    """
    try:
        _configure(domain, configuration)
        return DomainParticipant(domain, Qos(Policy.Userdata(b"enclave=/;")))
    except DDSException as error:
        raise InputError(
            f"DDS domain {domain}: cannot start ({error.msg}). Is CYCLONEDDS_URI right, is there a "
            "network, are there fewer than 100 nodes on this machine?"
        ) from error


@functools.cache  # keeps the Domain: without it, everything in the domain ends
def _configure(domain: int, configuration: str | None) -> Domain | None:
    """Configure a domain, which is possible once per process: later calls change nothing."""
    if configuration is None:
        return None
    try:
        return Domain(domain, configuration)
    except DDSException as error:
        if error.code != DDSException.DDS_RETCODE_PRECONDITION_NOT_MET:
            raise
        return None
