"""ROS 2 without ROS: takes part in a robot's graph through Cyclone DDS.

To ROS 2 it is a node like any other: `ros2 node list` shows it, `ros2 topic echo` hears it.

Who hears whom is decided by the variables that ROS 2 knows too:

* ROS_DOMAIN_ID: the domain, where none is given; 0 where this is unset.
* ROS_AUTOMATIC_DISCOVERY_RANGE: `SUBNET` (default): this machine and its network, by multicast.
  `LOCALHOST`: this machine. `SYSTEM_DEFAULT`: as Cyclone DDS does without configuration. `OFF` is
  refused: nobody could hear us.
* ROS_LOCALHOST_ONLY=1: as `LOCALHOST`, and goes before the range, as it does in ROS 2.
* ROS_STATIC_PEERS: `host;host`, asked too. With `LOCALHOST`: this machine and these hosts.
* ROS_DISTRO: for `humble` and older, names of nodes travel in the form of that time. Set it on a
  machine without ROS when the robot runs one of those.
* CYCLONEDDS_URI: goes behind what the above give, and so wins where both say something.
"""

from __future__ import annotations

import functools
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from xml.sax.saxutils import quoteattr

from ser_stream.emotion import EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.ros.health import ASR_PART, EMOTION_PART, Health, asr_report
from ser_stream.ros.messages import (
    DIAGNOSTICS,
    IS_SPEAKING,
    MESSAGE_TYPES,
    SPEECH,
    TOPICS,
    Stamps,
    Topic,
    diagnostics_message,
    estimate_messages,
    full_name,
    speaking_message,
    speech_message,
    stamp_of,
)
from ser_stream.ros.type_hash import FieldType, type_hash
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech

try:
    from cyclonedds.core import DDSException, Entity, Policy, Qos
    from cyclonedds.domain import Domain, DomainParticipant
    from cyclonedds.idl import make_idl_struct, types
    from cyclonedds.pub import DataWriter
    from cyclonedds.topic import Topic as DdsTopic
    from cyclonedds.util import duration
except ModuleNotFoundError as error:
    raise InputError(
        "DDS: Cyclone DDS is not installed; install it with: pip install 'ser_stream[dds]'"
    ) from error

MAX_DOMAIN = 232
"""The highest domain whose UDP ports, 7400 + 250 * domain and up, exist (DDSI-RTPS 9.6.1.1)."""

DISCOVERY_INFO = Topic(
    "ros_discovery_info",
    "rmw_dds_common/msg/ParticipantEntitiesInfo",
    depth=1,
    transient_local=True,
)
"""Where ROS 2 nodes on DDS tell each other their names."""

GID = "rmw_dds_common/msg/Gid"


class DdsPublisher:
    """Publishes estimates, words, who speaks and diagnostics on `ros.messages.TOPICS`.

    A context manager: a node of the graph from enter to exit. `ser-stream listen` enters before it
    loads the model: by the first estimate, subscribers have found it.

    Args:
        domain: DDS domain; None: ROS_DOMAIN_ID, or 0.
        namespace: goes in front of the topics' names: one per robot. "robot1", or "lab/robot1".
        node_name: the name in `ros2 node list`.
        language: that is spoken, for `speech`; "" = not known.

    Raises:
        InputError: an argument or a variable cannot be used. On enter: DDS cannot start.
    """

    def __init__(
        self,
        domain: int | None = None,
        namespace: str = "",
        node_name: str = "ser_stream",
        language: str = "",
    ):
        self.language = language
        self.domain = _domain_id(domain)
        namespace = namespace.strip("/")  # ROS names are written with and without it
        self.namespace = _checked_name("namespace", namespace) if namespace else ""
        self.node_name = _checked_name("node name", node_name, nested=False)
        self._configuration = network_configuration(os.environ)
        self._classes = MessageClasses(_message_types(os.environ.get("ROS_DISTRO", "")))
        self._participant: DomainParticipant | None = None
        self._writers: dict[str, DataWriter] = {}  # by the topic's name
        self._lock = threading.Lock()  # the poller publishes too
        self._stamps = Stamps()
        self._health = Health()
        self._speaking: bool | None = None
        self._source = ""
        self._poller: threading.Thread | None = None
        self._stopped = threading.Event()

    def __enter__(self) -> DdsPublisher:
        try:
            _configure(self.domain, self._configuration)
            self._participant = DomainParticipant(self.domain, Qos(Policy.Userdata(b"enclave=/;")))
        except DDSException as error:
            raise InputError(
                f"DDS domain {self.domain}: cannot start ({error.msg}). Is CYCLONEDDS_URI right, "
                "is there a network, are there fewer than 100 nodes on this machine?"
            ) from error
        for topic in TOPICS:
            self._add_writer(topic, "rt" + full_name(topic.name, self.namespace))
        self._introduce()
        self.speaking(False)
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        if self._poller is not None:
            self._poller.join()
        self.speaking(False)  # nobody shall wait forever for the end of speech
        self._writers.clear()
        self._participant = None

    def watch(self, status: Callable[[], StreamStatus], model: str) -> None:
        """From now on publish who speaks (asked 10 times a second) and diagnostics (once).

        Args:
            status: of the stream; called in a thread of its own.
            model: name of the model that runs.
        """
        self._health = Health(model)
        self._poller = threading.Thread(
            target=self._poll, args=(status,), name="ser_stream-dds", daemon=True
        )
        self._poller.start()

    def on_source(self, name: str) -> None:
        """Where the sound comes from, from now on."""
        with self._lock:
            self._source = name

    def on_estimate(self, estimate: EmotionEstimate) -> None:
        """Publish an estimate.

        Its stamp is the wall clock's time when its last sample was captured: now, less its latency.
        Of an utterance that is the sample by which the end of the turn was known, after the pause.
        """
        with self._lock:
            self._health.note(estimate)
            stamp = self._stamps(
                _heard_ns(estimate.latency_ms), estimate.trigger, estimate.modality
            )
            for topic, content in estimate_messages(estimate, stamp):
                self._publish(topic, content)

    def on_speech(self, speech: Speech) -> None:
        """Publish the words of a turn, so far or at its end."""
        with self._lock:
            stamp = self._stamps(_heard_ns(speech.latency_ms), SPEECH.name)
            self._publish(SPEECH, speech_message(speech, self.language, stamp))

    def on_status(self, status: StreamStatus) -> None:
        """Nothing: the status is asked for in a thread of its own, see `watch`."""

    def speaking(self, speaking: bool) -> None:
        """Publish whether someone speaks, if that has changed."""
        with self._lock:
            if speaking != self._speaking:
                self._speaking = speaking
                self._publish(IS_SPEAKING, speaking_message(speaking))

    def diagnostics(self, status: StreamStatus) -> None:
        """Publish one report on the stream. To be called once a second: see `Health`."""
        with self._lock:
            node = full_name(self.node_name, self.namespace)
            reports = {EMOTION_PART: self._health.report(status)}
            if status.asr is not None:
                reports[ASR_PART] = asr_report(status.asr, status.text_error)
            stamp = stamp_of(time.time_ns())
            content = diagnostics_message(node, self._source, reports, stamp)
            self._publish(DIAGNOSTICS, content)

    def _poll(self, status: Callable[[], StreamStatus]) -> None:
        polls = 0
        while not self._stopped.wait(0.1):
            now = status()
            self.speaking(now.speaking)
            polls += 1
            if polls % 10 == 0:
                self.diagnostics(now)

    def _publish(self, topic: Topic, content: Mapping) -> None:
        self._writers[topic.name].write(self._classes.message(topic.type, content))

    def _add_writer(self, topic: Topic, dds_name: str) -> None:
        typehash = f"typehash={type_hash(topic.type)};".encode()
        dds_topic = DdsTopic(self._participant, dds_name, self._classes[topic.type])
        self._writers[topic.name] = DataWriter(
            self._participant, dds_topic, Qos(*qos_policies(topic), Policy.Userdata(typehash))
        )

    def _introduce(self) -> None:
        """Tell the graph our name: without it, writers are shown as those of a bare DDS program."""
        gids = [self._gid(writer) for writer in self._writers.values()]
        node = {
            "node_namespace": "/" + self.namespace,
            "node_name": self.node_name,
            "reader_gid_seq": [],
            "writer_gid_seq": gids,
        }
        content = {"gid": self._gid(self._participant), "node_entities_info_seq": [node]}
        self._add_writer(DISCOVERY_INFO, DISCOVERY_INFO.name)  # has no namespace and no "rt/"
        self._publish(DISCOVERY_INFO, content)

    def _gid(self, entity: Entity) -> dict:
        length = FieldType.parse(self._classes.definitions[GID]["data"]).length
        return {"data": entity.get_guid().bytes.ljust(length, b"\0")}


def _heard_ns(latency_ms: float) -> int:
    """When the last sample was captured, by the wall clock, of what is known just now."""
    return time.time_ns() - round(latency_ms * 1e6)


class MessageClasses:
    """The classes that Cyclone DDS has for messages, made from their definitions.

    Args:
        definitions: in the form of `MESSAGE_TYPES`.

    >>> MessageClasses(MESSAGE_TYPES)["std_msgs/msg/Bool"](data=True)
    Bool_(data=True)
    """

    def __init__(self, definitions: Mapping[str, Mapping[str, str]]):
        self.definitions = definitions
        self._classes: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        if name not in self._classes:
            package, kind, message = name.split("/")
            # Without annotations, a class is encoded as ROS 2 does it: final, XCDR version 1.
            self._classes[name] = make_idl_struct(
                f"{message}_",
                f"{package}::{kind}::dds_::{message}_",
                {field: self._field(text) for field, text in self.definitions[name].items()},
            )
        return self._classes[name]

    def message(self, name: str, content: Mapping) -> object:
        """An instance, from a message's content."""
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

    def _field(self, text: str) -> object:
        kind = FieldType.parse(text)
        if kind.is_message:
            element = self[kind.element]
        elif kind.element == "string":
            element = types.bounded_str[kind.bound] if kind.bound else str
        else:
            element = bool if kind.element == "bool" else getattr(types, kind.element)
        if kind.length is None:
            return element
        return types.array[element, kind.length] if kind.length else types.sequence[element]


def qos_policies(topic: Topic) -> tuple:
    """What a writer or a reader of the topic asks for."""
    return (
        Policy.Reliability.Reliable(max_blocking_time=duration(milliseconds=100))
        if topic.reliable
        else Policy.Reliability.BestEffort,
        Policy.Durability.TransientLocal if topic.transient_local else Policy.Durability.Volatile,
        Policy.History.KeepLast(topic.depth),
    )


def network_configuration(environment: Mapping[str, str]) -> str | None:
    """Configuration of Cyclone DDS (XML) for ROS 2's variables; None: its own.

    CYCLONEDDS_URI is appended, as rmw_cyclonedds does.

    What is in it was tried with rmw_cyclonedds and rmw_fastrtps. By default Cyclone DDS 11 asks a
    silent peer only every 30 s, and forgets it after as long: a ROS node on this machine that
    starts later and does not use multicast would never be found.

    Raises:
        InputError: ROS_AUTOMATIC_DISCOVERY_RANGE is not known, or OFF.
    """
    users = environment.get("CYCLONEDDS_URI", "")
    reach = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "SUBNET"
    peers = [host for host in environment.get("ROS_STATIC_PEERS", "").split(";") if host]
    if environment.get("ROS_LOCALHOST_ONLY") == "1":
        reach, peers = "LOCALHOST", []
    if reach == "SYSTEM_DEFAULT":
        return users or None
    if reach not in ("SUBNET", "LOCALHOST"):
        raise InputError(
            f"ROS_AUTOMATIC_DISCOVERY_RANGE: found {reach!r}; accepted are SUBNET, LOCALHOST and "
            "SYSTEM_DEFAULT" + ("; with OFF nobody could hear us" if reach == "OFF" else "")
        )
    general = ""
    if reach == "LOCALHOST":
        general = "<AllowMulticast>false</AllowMulticast>"
        if not peers and not users:
            general += '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    asked = "".join(
        f'<Peer Address={quoteattr(host)} PruneDelay="inf"/>' for host in ["127.0.0.1", *peers]
    )
    ours = (
        f"<CycloneDDS><Domain><General>{general}</General><Discovery>"
        "<ParticipantIndex>auto</ParticipantIndex><SPDPInterval>2 s</SPDPInterval>"
        f"<Peers>{asked}</Peers></Discovery></Domain></CycloneDDS>"
    )
    return f"{ours},{users}" if users else ours


@functools.cache  # keeps it: with a Domain goes all that is in it
def _configure(domain: int, configuration: str | None) -> Domain | None:
    """Configure a domain. A process does that once; who comes later gets it as it is."""
    if configuration is None:
        return None
    try:
        return Domain(domain, configuration)
    except DDSException as error:
        if error.code != DDSException.DDS_RETCODE_PRECONDITION_NOT_MET:
            raise
        return None


def _domain_id(domain: int | None) -> int:
    name, found = "domain", domain
    if domain is None:
        name, found = "ROS_DOMAIN_ID", os.environ.get("ROS_DOMAIN_ID") or "0"
    if not re.fullmatch(r"\d{1,3}", str(found)) or int(found) > MAX_DOMAIN:
        raise InputError(f"{name}: found {found}; accepted are 0 to {MAX_DOMAIN}")
    return int(found)


def _checked_name(what: str, name: str, nested: bool = True) -> str:
    """A name as ROS 2 allows it."""
    token = "[A-Za-z_][A-Za-z0-9_]*"
    if not re.fullmatch(rf"{token}(/{token})*" if nested else token, name):
        raise InputError(
            f"{what}: found {name!r}; accepted are letters, digits and _, no digit first"
            + (", and / between parts" if nested else "")
        )
    return name


def _message_types(ros_distro: str) -> Mapping[str, Mapping[str, str]]:
    """The definitions of `MESSAGE_TYPES`, as that distribution of ROS 2 has them."""
    if ros_distro in ("foxy", "galactic", "humble"):
        return {**MESSAGE_TYPES, GID: {"data": "uint8[24]"}}
    return MESSAGE_TYPES
