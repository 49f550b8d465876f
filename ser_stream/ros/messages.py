"""What is published in ROS 2: topics, message types and contents, in one place.

Needs neither rclpy nor Cyclone DDS. The content of a message is a dict by field name; nested
messages are dicts too::

    for topic, content in estimate_messages(estimate, stamp):
        transport.publish(topic, content)

When messages are published is decided in `ser_stream.ros.graph`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from ser_stream.emotion import AUDIO_TEXT, INTERVAL, UTTERANCE, EmotionEstimate
from ser_stream.errors import InputError
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
    # hri_msgs 2.1 renamed `language` to `locale`: see `language_field`.
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
MULTIMODAL = Topic("emotion/multimodal", "hri_msgs/msg/Expression")
DETAILS = Topic("emotion/details", "std_msgs/msg/String")
IS_SPEAKING = Topic("is_speaking", "std_msgs/msg/Bool", depth=1, transient_local=True)
SPEECH = Topic("speech", "hri_msgs/msg/LiveSpeech")
DIAGNOSTICS = Topic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")

TOPICS = (
    EMOTION, UTTERANCE_EMOTION, SCORES, MULTIMODAL, DETAILS, IS_SPEAKING, SPEECH, DIAGNOSTICS,
)  # fmt: skip

WORD_TOPICS = (MULTIMODAL, SPEECH)
"""Topics that need speech recognition."""

TRACKED_VOICES = Topic(
    "/humans/voices/tracked", "hri_msgs/msg/IdsList", depth=1, transient_local=True
)
"""The ids of all voices (REP-155). Known dialogue managers subscribe with transient local."""

HRI_NAMES = {
    "neutral": "neutral", "calm": "neutral", "happy": "happy", "excited": "excited", "sad": "sad",
    "angry": "angry", "frustrated": "annoyed", "fear": "scared", "disgust": "disgusted",
    "surprise": "surprised",
}  # fmt: skip
"""Emotion label -> constant of hri_msgs/msg/Expression."""


def full_name(name: str, namespace: str = "") -> str:
    """Return the name of a topic or node as `ros2 topic list` and `ros2 node list` show it.

    >>> full_name("emotion", "robot1")
    '/robot1/emotion'
    >>> full_name("/diagnostics", "robot1")
    '/diagnostics'
    """
    return name if name.startswith("/") else f"/{namespace}/{name}".replace("//", "/")


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
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", voice_id):
        raise InputError(
            f"voice_id: found {voice_id!r}; accepted are letters, digits and _, and no digit first"
        )
    names = {EMOTION: "expression", IS_SPEAKING: "is_speaking", SPEECH: "speech"}
    return {
        topic: dataclasses.replace(topic, name=f"/humans/voices/{voice_id}/{name}")
        for topic, name in names.items()
    }


def estimate_messages(estimate: EmotionEstimate, stamp: Stamp) -> list[tuple[Topic, Content]]:
    """Return the messages that publish one estimate, each with its topic.

    | estimate | topics |
    |---|---|
    | interval, audio | `emotion`, `emotion/scores`, `emotion/details` |
    | interval, audio+text | `emotion/multimodal`, `emotion/details` |
    | utterance, decisive | `emotion/utterance`, `emotion/details` |
    | utterance, not decisive, audio | `emotion/details` |
    | utterance, not decisive, audio+text | `emotion/multimodal`, `emotion/details` |

    An estimate that abstains gives no Expression, because Expression has no value for "unsure" and
    an invented one would be mistaken for an emotion. A turn therefore gives at most one message on
    `emotion/utterance`; a turn that ended unsure is visible in `emotion/details` only.
    """
    messages: list[tuple[Topic, Content]] = []
    topic = _expression_topic(estimate)
    if topic is not None and not estimate.abstains:
        messages.append((topic, _expression(estimate, stamp)))
    if topic == EMOTION:
        messages.append((SCORES, _classification(estimate, stamp)))
    messages.append((DETAILS, {"data": estimate.to_json()}))
    return messages


def _expression_topic(estimate: EmotionEstimate) -> Topic | None:
    if estimate.trigger == UTTERANCE and estimate.decisive:
        return UTTERANCE_EMOTION
    if estimate.modality == AUDIO_TEXT:
        return MULTIMODAL
    return EMOTION if estimate.trigger == INTERVAL else None


def language_field(fields: Mapping[str, str]) -> str:
    """Return the name of the field of LiveSpeech that holds the language.

    Args:
        fields: the fields of the LiveSpeech that is installed.

    >>> language_field(MESSAGE_TYPES["hri_msgs/msg/LiveSpeech"])
    'locale'
    """
    return "locale" if "locale" in fields else "language"


def speech_message(
    speech: Speech, language: str, stamp: Stamp, language_field: str = "locale"
) -> Content:
    """Return the content for `SPEECH`: `incremental` during a turn, `final` at its end.

    An empty final text withdraws the incremental texts of the turn.

    Args:
        language: the language that is spoken, as an ISO 639-1 or IETF BCP 47 code; "" = unknown.
        language_field: see the function of that name.
    """
    return {
        "header": _header(stamp),
        "incremental": "" if speech.final else speech.text,
        "final": speech.text if speech.final else "",
        "confidence": speech.confidence,
        language_field: language,
    }


def speaking_message(speaking: bool) -> Content:
    """Return the content for `IS_SPEAKING`."""
    return {"data": speaking}


def tracked_message(voice_ids: list[str], stamp: Stamp) -> Content:
    """Return the content for `TRACKED_VOICES`."""
    return {"header": _header(stamp), "ids": voice_ids}


def diagnostics_message(
    node: str, hardware_id: str, reports: Mapping[str, Report], stamp: Stamp
) -> Content:
    """Return the content for `DIAGNOSTICS`.

    Args:
        node: full name of the node.
        hardware_id: name of the audio source.
        reports: component -> its report, made by `ser_stream.ros.health`.
    """
    statuses = [
        {
            "level": level,
            "name": f"{node}: {component}".lstrip("/"),
            "message": message,
            "hardware_id": hardware_id,
            "values": [{"key": key, "value": value} for key, value in values.items()],
        }
        for component, (level, message, values) in reports.items()
    ]
    return {"header": _header(stamp), "status": statuses}


def _header(stamp: Stamp) -> Content:
    # A voice has no known position in space: frame_id is empty.
    return {"stamp": {"sec": stamp[0], "nanosec": stamp[1]}, "frame_id": ""}


def _expression(estimate: EmotionEstimate, stamp: Stamp) -> Content:
    return {
        "header": _header(stamp),
        "expression": HRI_NAMES[estimate.expression],
        "valence": estimate.valence,
        "arousal": estimate.arousal,
        "confidence": estimate.confidence,
    }


def _classification(estimate: EmotionEstimate, stamp: Stamp) -> Content:
    """All classes; the scores of labels that share an hri_msgs name (neutral, calm) are added."""
    scores: dict[str, float] = {}
    for label, score in estimate.scores.items():
        scores[HRI_NAMES[label]] = scores.get(HRI_NAMES[label], 0.0) + score
    results = [{"class_id": name, "score": score} for name, score in scores.items()]
    return {"header": _header(stamp), "results": results}
