"""A session as an MCAP file, which Foxglove plots and plays.

Messages are JSON with a schema; those of `/audio` are `foxglove.RawAudio`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from mcap.writer import Writer

from ser_stream.files import replacing
from ser_stream.sessions.read import EstimateEvent, Session, SourcePart
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

NS = 1_000_000_000
AUDIO_S: Seconds = 0.1
"""Sound of one message."""

_NUMBER, _TEXT, _BOOL = {"type": "number"}, {"type": "string"}, {"type": "boolean"}
ESTIMATE = {
    "turn": {"type": "integer"}, "start_s": _NUMBER, "end_s": _NUMBER, "trigger": _TEXT,
    "modality": _TEXT, "expression": _TEXT, "reason": _TEXT, "confidence": _NUMBER,
    "valence": _NUMBER, "arousal": _NUMBER, "text": _TEXT,
}  # fmt: skip
_TIME = {"sec": {"type": "integer"}, "nsec": {"type": "integer"}}
RAW_AUDIO = {
    "timestamp": {"type": "object", "title": "time", "properties": _TIME},
    "data": {"type": "string", "contentEncoding": "base64"},
    "format": _TEXT,
    "sample_rate": {"type": "integer"},
    "number_of_channels": {"type": "integer"},
}
STATUS = {
    "level_dbfs": _NUMBER, "speaking": _BOOL, "gaps": _NUMBER, "skipped": _NUMBER, "source": _TEXT,
    "sound": _TEXT, "inference": _TEXT,
}  # fmt: skip


class Message(NamedTuple):
    """A message of the file, at a time in nanoseconds since 1970."""

    time_ns: int
    topic: str
    value: dict[str, Any]


def write_mcap(session: Session, path: Path) -> None:
    """Write the file; only this user can read it.

    Raises:
        InputError: the sound cannot be read.
        OSError: the file cannot be written.
    """
    scores = dict.fromkeys(session.about.labels, _NUMBER)
    estimate = {**ESTIMATE, "scores": {"type": "object", "properties": scores}}
    kinds = {
        "/emotion": ("ser_stream.Estimate", estimate),
        "/emotion/utterance": ("ser_stream.Estimate", estimate),
        "/emotion/multimodal": ("ser_stream.Estimate", estimate),
        "/status": ("ser_stream.Status", STATUS),
        "/audio": ("foxglove.RawAudio", RAW_AUDIO),
    }
    with replacing(path, private=True) as file:
        writer = Writer(file)
        writer.start(profile="", library="ser_stream")
        channels = {}
        for topic, (name, properties) in kinds.items():
            schema = {"title": name, "type": "object", "properties": properties}
            number = writer.register_schema(name, "jsonschema", json.dumps(schema).encode())
            channels[topic] = writer.register_channel(topic, "json", number)
        for message in sorted(_messages(session), key=lambda message: message.time_ns):
            content = json.dumps(message.value).encode()
            writer.add_message(channels[message.topic], message.time_ns, content, message.time_ns)
        writer.finish()


def _messages(session: Session) -> Iterator[Message]:
    for part in session.parts:
        start_ns = round(part.started.timestamp() * NS)
        for estimate in part.estimates:
            time_ns = start_ns + round(estimate.end_s * NS)
            yield Message(time_ns, _topic(estimate), _estimate(estimate))
        for status in part.status:
            value = msgspec.to_builtins(status)
            del value["event"]
            yield Message(start_ns + round(status.position_s * NS), "/status", value)
        yield from _sound(part, start_ns)


def _topic(estimate: EstimateEvent) -> str:
    """Return the topic, which is named as in ROS."""
    if estimate.trigger == "utterance":
        return "/emotion/utterance"
    return "/emotion" if estimate.modality == "audio" else "/emotion/multimodal"


def _estimate(estimate: EstimateEvent) -> dict[str, Any]:
    value = {name: getattr(estimate, name) for name in ESTIMATE if name != "text"}
    text = " ".join(word.text for word in estimate.words)
    return {**value, "text": text, "scores": estimate.scores}


def _sound(part: SourcePart, start_ns: int) -> Iterator[Message]:
    samples = part.samples()
    if not len(samples):
        return
    numbers = np.array([sample for sample, _ in part.anchors], np.float64)
    times = np.array([time_s for _, time_s in part.anchors], np.float64)
    length = round(AUDIO_S * SAMPLE_RATE_HZ)
    values = np.round(np.clip(samples, -1, 32767 / 32768) * 32768).astype("<i2")
    for first in range(0, len(values), length):
        data = values[first : first + length]
        # Before the first anchor and behind the last one, time goes on at the nominal rate.
        nearest = float(np.clip(first, numbers[0], numbers[-1]))
        time_s = np.interp(nearest, numbers, times) + (first - nearest) / SAMPLE_RATE_HZ
        time_ns = max(0, start_ns + round(time_s * NS))
        yield Message(
            time_ns,
            "/audio",
            {
                "timestamp": {"sec": time_ns // NS, "nsec": time_ns % NS},
                "data": base64.b64encode(data.tobytes()).decode(),
                "format": "pcm-s16",
                "sample_rate": SAMPLE_RATE_HZ,
                "number_of_channels": 1,
            },
        )
