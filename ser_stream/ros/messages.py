"""What is published in ROS 2: topics, message types, and contents of messages.

Needs neither rclpy nor Cyclone DDS. The content of a message is a dict by field name; nested
messages are dicts too. The messages of an estimate are in `ser_stream.ros.estimate_messages`. When
messages are published is decided in `ser_stream.ros.graph`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ser_stream.ros.locales import language_value
from ser_stream.ros.names import MAX_TOPIC, check_name
from ser_stream.ros.stamps import Stamp
from ser_stream.words import Speech

Content = dict[str, Any]
"""Fields of a message by name."""

Report = tuple[int, str, Mapping[str, str]]
"""Level, message and values of diagnostic_msgs/msg/DiagnosticStatus."""

MESSAGE_TYPES: dict[str, dict[str, str]] = {
    "builtin_interfaces/msg/Time": {"sec": "int32", "nanosec": "uint32"},
    "std_msgs/msg/Header": {"stamp": "builtin_interfaces/msg/Time", "frame_id": "string"},
    "std_msgs/msg/Bool": {"data": "bool"},
    "std_msgs/msg/String": {"data": "string"},
    "hri_msgs/msg/Expression": {
        "header": "std_msgs/msg/Header",
        "expression": "string",
        "valence": "float32",
        "arousal": "float32",
        "confidence": "float32",
    },
    # hri_msgs 2.1 renamed `language` to `locale`: see `ser_stream.ros.locales`.
    "hri_msgs/msg/LiveSpeech": {
        "header": "std_msgs/msg/Header",
        "incremental": "string",
        "final": "string",
        "confidence": "float64",
        "locale": "string",
    },
    "hri_msgs/msg/IdsList": {"header": "std_msgs/msg/Header", "ids": "string[]"},
    "vision_msgs/msg/ObjectHypothesis": {"class_id": "string", "score": "float64"},
    "vision_msgs/msg/Classification": {
        "header": "std_msgs/msg/Header",
        "results": "vision_msgs/msg/ObjectHypothesis[]",
    },
    "diagnostic_msgs/msg/KeyValue": {"key": "string", "value": "string"},
    "diagnostic_msgs/msg/DiagnosticStatus": {
        "level": "byte",
        "name": "string",
        "message": "string",
        "hardware_id": "string",
        "values": "diagnostic_msgs/msg/KeyValue[]",
    },
    "diagnostic_msgs/msg/DiagnosticArray": {
        "header": "std_msgs/msg/Header",
        "status": "diagnostic_msgs/msg/DiagnosticStatus[]",
    },
    # By these, DDS participants tell each other the names of their nodes. In Humble and older
    # distributions a gid has 24 bytes.
    "rmw_dds_common/msg/Gid": {"data": "uint8[16]"},
    "rmw_dds_common/msg/NodeEntitiesInfo": {
        "node_namespace": "string<=256",
        "node_name": "string<=256",
        "reader_gid_seq": "rmw_dds_common/msg/Gid[]",
        "writer_gid_seq": "rmw_dds_common/msg/Gid[]",
    },
    "rmw_dds_common/msg/ParticipantEntitiesInfo": {
        "gid": "rmw_dds_common/msg/Gid",
        "node_entities_info_seq": "rmw_dds_common/msg/NodeEntitiesInfo[]",
    },
}
"""Message type -> its fields in order, each with its type as a .msg file writes it."""


@dataclasses.dataclass(frozen=True)
class Topic:
    """A topic that is published, with its quality of service.

    Attributes:
        name: relative to the namespace, unless it begins with "/".
        type: a key of `MESSAGE_TYPES`.
        depth: length of the history (keep last).
        reliable: False is best effort, which reaches best-effort subscribers only.
        transient_local: late subscribers still receive the last `depth` messages.
    """

    name: str
    type: str
    depth: int = 10
    reliable: bool = True
    transient_local: bool = False


EMOTION = Topic("emotion", "hri_msgs/msg/Expression")
UTTERANCE_EMOTION = Topic("emotion/utterance", "hri_msgs/msg/Expression")
SCORES = Topic("emotion/scores", "vision_msgs/msg/Classification")
WINDOW = Topic("emotion/window", "diagnostic_msgs/msg/DiagnosticArray")
MULTIMODAL = Topic("emotion/multimodal", "hri_msgs/msg/Expression")
DETAILS = Topic("emotion/details", "std_msgs/msg/String")
IS_SPEAKING = Topic("is_speaking", "std_msgs/msg/Bool", depth=1, transient_local=True)
LISTENING = Topic("listening", "std_msgs/msg/Bool", depth=1, transient_local=True)
SPEECH = Topic("speech", "hri_msgs/msg/LiveSpeech")
DIAGNOSTICS = Topic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")

TRACKED_VOICES = Topic(
    "/humans/voices/tracked", "hri_msgs/msg/IdsList", depth=1, transient_local=True
)
"""The ids of all voices (REP-155). Known dialogue managers subscribe with transient local."""

VOICE_NAMES = {EMOTION: "expression", IS_SPEAKING: "is_speaking", SPEECH: "speech"}
"""Topic -> its name below `/humans/voices/<id>/`."""

MAX_VOICE_ID = MAX_TOPIC - len("/humans/voices//") - max(map(len, VOICE_NAMES.values()))
"""Characters of a voice's id."""


def published_topics(
    voice_id: str = "", asr: bool = False, text_model: bool = False
) -> tuple[Topic, ...]:
    """Return the topics that are published.

    Args:
        voice_id: id of the voice under which they are published too; "" = none.
        asr: speech recognition runs.
        text_model: there are estimates from audio and words.

    Raises:
        InputError: the id cannot be part of a topic name.
    """
    topics = [EMOTION, UTTERANCE_EMOTION, SCORES, WINDOW, DETAILS, IS_SPEAKING, LISTENING]
    topics += [SPEECH] * asr + [MULTIMODAL] * text_model + [DIAGNOSTICS]
    if voice_id:
        topics += [name for topic, name in voice_topics(voice_id).items() if topic in topics]
        topics.append(TRACKED_VOICES)
    return tuple(topics)


def voice_topics(voice_id: str = "anonymous_speaker") -> dict[Topic, Topic]:
    """Return the topics that are also published under a ROS4HRI (REP-155) name.

    REP-155 defines `expression` for faces only; publishing it for voices is an extension by
    analogy.

    Args:
        voice_id: the part `<id>` of `/humans/voices/<id>/`.

    Returns:
        Topic -> the same topic under its ROS4HRI name.

    Raises:
        InputError: the id cannot be part of a topic name.
    """
    check_name("voice_id", voice_id, nested=False, longest=MAX_VOICE_ID)
    return {
        topic: dataclasses.replace(topic, name=f"/humans/voices/{voice_id}/{name}")
        for topic, name in VOICE_NAMES.items()
    }


@dataclasses.dataclass(frozen=True)
class Sound:
    """The sound that a message is about.

    Attributes:
        start, end: when its first and its last sample were captured.
        frame_id: of the messages that it came in; "" where it came in none.
        source: name of its source.
        node: full name of the node that publishes.
    """

    start: Stamp
    end: Stamp
    frame_id: str = ""
    source: str = ""
    node: str = ""

    @property
    def header(self) -> Content:
        """Content of the header of messages about it."""
        return header(self.end, self.frame_id)


def speech_message(
    speech: Speech, language: str, sound: Sound, language_field: str = "locale"
) -> Content:
    """Return the content for `SPEECH`: `incremental` during a turn, `final` at its end.

    An empty final text withdraws the incremental texts of the turn.

    Args:
        language: the language that is spoken, with or without a region; "": the one that was
            recognised, if any.
        language_field: see `ser_stream.ros.locales`.
    """
    return {
        "header": sound.header,
        "incremental": "" if speech.final else speech.text,
        "final": speech.text if speech.final else "",
        "confidence": speech.confidence,
        language_field: language_value(language or speech.language, language_field),
    }


def flag_message(value: bool) -> Content:
    """Return the content for `IS_SPEAKING` and `LISTENING`."""
    return {"data": value}


def tracked_message(voice_ids: list[str], stamp: Stamp) -> Content:
    """Return the content for `TRACKED_VOICES`."""
    return {"header": header(stamp), "ids": voice_ids}


def diagnostics_message(
    node: str, hardware_id: str, reports: Mapping[str, Report], stamp: Stamp
) -> Content:
    """Return the content for `DIAGNOSTICS`.

    Args:
        node: full name of the node.
        hardware_id: name of the audio source.
        reports: component -> its report, made by `ser_stream.ros.health`.
    """
    return {"header": header(stamp), "status": statuses(node, hardware_id, reports)}


def statuses(node: str, hardware_id: str, reports: Mapping[str, Report]) -> list[Content]:
    """Return contents of diagnostic_msgs/msg/DiagnosticStatus, one for each component."""
    return [
        {
            "level": level,
            "name": f"{node}: {component}".lstrip("/"),
            "message": message,
            "hardware_id": hardware_id,
            "values": [{"key": key, "value": value} for key, value in values.items()],
        }
        for component, (level, message, values) in reports.items()
    ]


def time_content(stamp: Stamp) -> Content:
    """Return the content of builtin_interfaces/msg/Time."""
    return {"sec": stamp[0], "nanosec": stamp[1]}


def header(stamp: Stamp, frame_id: str = "") -> Content:
    """Return the content of std_msgs/msg/Header."""
    return {"stamp": time_content(stamp), "frame_id": frame_id}
