"""What is published in ROS 2: topics, message types and contents. The one place that says so.

Needs neither rclpy nor Cyclone DDS: the node and `ser_stream.ros.dds` both publish what this
module makes. A message here is its content, a dict by field name, messages inside it likewise::

    for topic, content in estimate_messages(estimate, stamp):
        publish(topic.name, topic.type, content)
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Mapping

from ser_stream.emotion import AUDIO_TEXT, INTERVAL, UTTERANCE, EmotionEstimate
from ser_stream.errors import InputError
from ser_stream.words import Speech

log = logging.getLogger("ser_stream.ros")

Stamp = tuple[int, int]
"""(sec, nanosec) of builtin_interfaces/msg/Time."""

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
    # `locale` from hri_msgs 2.1 on; before it was called `language`: see `speech_message`.
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
    # How DDS nodes tell each other their names. Until Humble a gid had 24 bytes.
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
"""Type -> its fields in order, each with its type as a .msg file writes it."""


@dataclasses.dataclass(frozen=True)
class Topic:
    """A topic that is published.

    Attributes:
        name: relative, so that a namespace goes in front of it, unless it begins with "/".
        type: a key of `MESSAGE_TYPES`.
        depth: of the history, which keeps the last.
        reliable: or else best effort, which would reach best-effort subscribers only.
        transient_local: who subscribes later still gets the last `depth` messages.
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

TRACKED_VOICES = Topic(
    "/humans/voices/tracked", "hri_msgs/msg/IdsList", depth=1, transient_local=True
)
"""REP-155: which voices there are; known dialogue managers wait for it with transient local."""

HRI_NAMES = {
    "neutral": "neutral", "calm": "neutral", "happy": "happy", "excited": "excited", "sad": "sad",
    "angry": "angry", "frustrated": "annoyed", "fear": "scared", "disgust": "disgusted",
    "surprise": "surprised",
}  # fmt: skip
"""Label -> constant of hri_msgs/msg/Expression."""


def full_name(name: str, namespace: str = "") -> str:
    """Name of a topic as `ros2 topic list` shows it.

    >>> full_name("emotion", "robot1")
    '/robot1/emotion'
    >>> full_name("/diagnostics", "robot1")
    '/diagnostics'
    """
    return name if name.startswith("/") else f"/{namespace}/{name}".replace("//", "/")


def voice_topics(voice_id: str = "anonymous_speaker") -> dict[Topic, Topic]:
    """The topics that have a ROS4HRI (REP-155) name too -> the same topic under that name.

    `expression` exists in REP-155 for faces only; for voices it is ours, by analogy.

    Raises:
        InputError: the id cannot be part of a topic's name.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", voice_id):
        raise InputError(
            f"voice id: found {voice_id!r}; accepted are letters, digits and _, and no digit first"
        )
    names = {EMOTION: "expression", IS_SPEAKING: "is_speaking", SPEECH: "speech"}
    return {
        topic: dataclasses.replace(topic, name=f"/humans/voices/{voice_id}/{name}")
        for topic, name in names.items()
    }


class Stamps:
    """When the last sample was heard: stamps, which move forward unless the clock was set back."""

    MOST_BACK_NS = 2_000_000_000
    """What is further back is no jitter: a clock was set, or a recording begins again."""

    def __init__(self) -> None:
        # Of each kind, the newest instant that was heard, and the last stamp.
        self._last_ns: dict[tuple[str, ...], tuple[int, int]] = {}

    def __call__(self, heard_ns: int, *kind: str) -> Stamp:
        """Stamp of a message whose last sample was heard then, in nanoseconds.

        Where the clock is set back by up to 2 s, stamps stand still, but for a nanosecond each,
        until it has caught up; where by more, stamps begin anew, and the log says so.

        Args:
            kind: of message: each has stamps of its own. A second estimate is of sound that is
                older than that of the newest first one.
        """
        anew = heard_ns, heard_ns - 1
        newest_ns, last_ns = self._last_ns.get(kind, anew)
        back_ns = newest_ns - heard_ns
        if back_ns > self.MOST_BACK_NS:
            log.warning("the clock is %.1f s back, and so are stamps from now on", back_ns * 1e-9)
            self._last_ns.clear()
            newest_ns, last_ns = anew
        last_ns = max(heard_ns, last_ns + 1)
        self._last_ns[kind] = max(newest_ns, heard_ns), last_ns
        return stamp_of(last_ns)


def stamp_of(time_ns: int) -> Stamp:
    """Nanoseconds since the epoch as a stamp.

    >>> stamp_of(1_500_000_001)
    (1, 500000001)
    """
    return divmod(time_ns, 1_000_000_000)


def estimate_messages(estimate: EmotionEstimate, stamp: Stamp) -> list[tuple[Topic, dict]]:
    """What is published of one estimate: topics, each with a message's content.

    * interval: `emotion`, `emotion/scores`, `emotion/details`
    * utterance: `emotion/utterance`, `emotion/details`
    * of sound and text: `emotion/multimodal`, `emotion/details`; but of a whole turn, where it is
      decisive, `emotion/utterance`, and the one of sound alone is in the details only

    Of one that abstains there is no Expression: it has no value for "unsure", and a made up one
    would be taken for an emotion. So at most one `emotion/utterance` comes per turn; that a turn
    ended unsure is seen in the details.
    """
    messages = []
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


def speech_message(speech: Speech, language: str, stamp: Stamp) -> dict:
    """Content for `SPEECH`: `incremental` while a turn goes on, `final` at its end.

    A final text that is empty takes back what was incremental.

    Args:
        language: that is spoken, as ISO 639-1 or IETF BCP 47 write it; "" = not known.
    """
    return {
        "header": _header(stamp),
        "incremental": "" if speech.final else speech.text,
        "final": speech.text if speech.final else "",
        "confidence": speech.confidence,
        "locale": language,
    }


def speaking_message(speaking: bool) -> dict:
    """Content for `IS_SPEAKING`."""
    return {"data": speaking}


def tracked_message(voice_ids: list[str], stamp: Stamp) -> dict:
    """Content for `TRACKED_VOICES`."""
    return {"header": _header(stamp), "ids": voice_ids}


def _header(stamp: Stamp) -> dict:
    # A voice that is only heard has no place in space: no frame.
    return {"stamp": {"sec": stamp[0], "nanosec": stamp[1]}, "frame_id": ""}


def _expression(estimate: EmotionEstimate, stamp: Stamp) -> dict:
    return {
        "header": _header(stamp),
        "expression": HRI_NAMES[estimate.expression],
        "valence": estimate.valence,
        "arousal": estimate.arousal,
        "confidence": estimate.confidence,
    }


def _classification(estimate: EmotionEstimate, stamp: Stamp) -> dict:
    """All classes. Labels of one hri_msgs name (neutral and calm) are one class: their sum."""
    scores: dict[str, float] = {}
    for label, score in estimate.scores.items():
        scores[HRI_NAMES[label]] = scores.get(HRI_NAMES[label], 0.0) + score
    results = [{"class_id": name, "score": score} for name, score in scores.items()]
    return {"header": _header(stamp), "results": results}


def diagnostics_message(
    node: str, hardware_id: str, reports: Mapping[str, Report], stamp: Stamp
) -> dict:
    """Content for `DIAGNOSTICS`.

    Args:
        node: its full name.
        hardware_id: where the sound comes from.
        reports: what is diagnosed -> the report on it, of `ser_stream.ros.health`.
    """
    statuses = [
        {
            "level": level,
            "name": f"{node}: {what}".lstrip("/"),
            "message": message,
            "hardware_id": hardware_id,
            "values": [{"key": key, "value": value} for key, value in values.items()],
        }
        for what, (level, message, values) in reports.items()
    ]
    return {"header": _header(stamp), "status": statuses}
