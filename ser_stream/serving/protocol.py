"""The messages of the service: what clients may send, and what they are sent.

docs/serve.md describes them for people, docs/serve.asyncapi.yaml for programs.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser_stream.audio.block import MAX_CHANNELS, SAMPLE_RATES_HZ
from ser_stream.emotion import EmotionEstimate, rounded
from ser_stream.errors import InputError, shown
from ser_stream.serving.recognising import RecognisedStream
from ser_stream.stream.status import StreamStatus
from ser_stream.text import json_line, valid_text
from ser_stream.units import Seconds
from ser_stream.validation import convert
from ser_stream.words import Speech

MAX_TEXT_BYTES = 16_384
"""Size of the longest text message of a client."""
MAX_REASON_BYTES = 123
"""Size of the reason of a WebSocket's end, RFC 6455, section 5.5."""

FORMATS = {"u8": "u1", "s16le": "<i2", "s32le": "<i4", "f32le": "<f4"}
"""Format of the samples -> numpy's name of its type."""

FINISHED, GOING_AWAY, TOO_LARGE, INTERNAL_ERROR, OVERLOADED = 1000, 1001, 1009, 1011, 1013
BAD_MESSAGE, BAD_TOKEN, BAD_ORIGIN, NO_STREAM, TOO_LATE, NAME_IN_USE, TOO_MANY_MESSAGES = (
    4400, 4401, 4403, 4404, 4408, 4409, 4429,
)  # fmt: skip
"""Codes with which the service closes a WebSocket: of RFC 6455, and of its own, named after HTTP's
(4404 is its 404)."""


class RefusedError(Exception):
    """What ends a connection.

    Attributes:
        code: of the end of the WebSocket.
    """

    def __init__(self, code: int, reason: object):
        super().__init__(str(reason))
        self.code = code

    @property
    def short_reason(self) -> str:
        """The reason, as long as one may be that closes a WebSocket; the message has all of it."""
        encoded = str(self).encode("utf-8", "backslashreplace")
        if len(encoded) <= MAX_REASON_BYTES:
            return encoded.decode()
        return encoded[: MAX_REASON_BYTES - 3].decode("utf-8", "ignore") + "..."


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings of one stream; see `RecognizerSettings`. None means that of the service."""

    window_s: float | None = None
    hop_s: float | None = None
    min_speech_s: float | None = None
    min_confidence: float | None = None
    smoothing: float | None = None
    channel: int | str | None = None

    def given(self) -> dict[str, Any]:
        """Return the settings that are not None."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}


@dataclasses.dataclass(frozen=True)
class Hello:
    """The first message of a stream.

    Attributes:
        rate: sample rate in Hz.
        channels: number of channels, interleaved.
        format: of the samples, one of `FORMATS`.
        name: of the stream; "" lets the service choose one.
        live: whether the sound comes at its own pace, as from a microphone: where the service does
            not keep up, sound is left out. False: it may come as fast as the service reads it, and
            every window is scored.
        options: settings of this stream.
        status: whether the stream's status is sent too, five times a second.
        picture: whether a picture of the sound is sent too, see `Picture`.
        words: whether words are to be recognised, where the service has a recogniser free.
    """

    rate: Annotated[int, Meta(ge=SAMPLE_RATES_HZ[0], le=SAMPLE_RATES_HZ[1])]
    channels: Annotated[int, Meta(ge=1, le=MAX_CHANNELS)] = 1
    format: Literal["u8", "s16le", "s32le", "f32le"] = "s16le"
    name: Annotated[str, Meta(max_length=100, pattern=r"^[\w .:/@+-]*\Z")] = ""
    live: bool = True
    options: Options = Options()
    status: bool = False
    picture: bool = False
    words: bool = False

    def samples(self, message: bytes) -> NDArray[Any]:
        """Return the samples (n, channels) of a binary message.

        Raises:
            InputError: it does not hold whole samples of all channels.
        """
        kind = np.dtype(FORMATS[self.format])
        frame = kind.itemsize * self.channels
        if len(message) % frame:
            raise InputError(
                f"sound: found a message of {len(message)} bytes; accepted are multiples of "
                f"{frame}: {self.channels} channels of {self.format}"
            )
        return np.frombuffer(message, kind).reshape(-1, self.channels)


@dataclasses.dataclass(frozen=True)
class Mute:
    """Whether sound is ignored from now on, because the robot itself speaks."""

    muted: bool


@dataclasses.dataclass(frozen=True)
class Change:
    """Settings that replace those of the running stream; None: that of the model."""

    settings: dict[str, float | None]


@dataclasses.dataclass(frozen=True)
class Finish:
    """The end of the sound: the estimate of the last turn is to follow."""


MESSAGES: dict[str, type] = {"hello": Hello, "mute": Mute, "change": Change, "finish": Finish}
"""Value of the key `type` -> what the rest of the message holds."""


def parse(text: str) -> Hello | Mute | Change | Finish:
    """Return what a client's text message says.

    Raises:
        InputError: it is too long, no JSON, or not one of `MESSAGES`.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise InputError(
            f"message: found a text of {len(text)} characters; accepted are {MAX_TEXT_BYTES}"
        )
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise InputError(f"message: not JSON: {error}") from error
    kind = content.pop("type", None) if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in MESSAGES:
        found = shown(kind) if isinstance(content, dict) else shown(content)
        raise InputError(
            f"message: found the type {found}; accepted are objects whose type is one of "
            f"{', '.join(MESSAGES)}"
        )
    return convert(content, MESSAGES[kind], f"message {kind}")


def ready(stream: RecognisedStream, about: dict[str, Any]) -> str:
    """Return the answer to a hello, which names the stream and its settings."""
    words = stream.status.asr is not None
    return json_line(
        {
            "type": "ready",
            "stream": stream.name,
            **about,
            "words": words,
            "settings": _settings(stream),
        }
    )


def changed(stream: RecognisedStream) -> str:
    """Return the answer to a change."""
    return json_line({"type": "changed", "settings": _settings(stream)})


def muted(stream: RecognisedStream) -> str:
    """Return the answer to a mute."""
    return json_line({"type": "muted", "muted": stream.muted})


def estimate(found: EmotionEstimate) -> str:
    """Return an estimate: the keys of docs/json.md, behind the type."""
    return '{"type": "estimate", ' + found.to_json().removeprefix("{")


def speaking(now: bool, time_s: Seconds) -> str:
    """Return that someone begins to speak, or has ended."""
    return json_line({"type": "speaking", "speaking": now, "time_s": round(time_s, 3)})


def speech(found: Speech) -> str:
    """Return the words of a turn so far, or of a whole turn."""
    return json_line(
        {
            "type": "speech",
            "text": found.text,
            "words": [rounded(word.to_dict()) for word in found.words],
            "stable": found.stable,
            "final": found.final,
            "start_s": round(found.start_s, 3),
            "end_s": round(found.end_s, 3),
            "latency_ms": round(found.latency_ms, 1),
            "language": found.language,
            "late": found.late,
        }
    )


def status(stream: str, found: StreamStatus) -> str:
    """Return the state of a stream."""
    return json_line({"type": "status", "stream": stream, **status_fields(found)})


def status_fields(found: StreamStatus) -> dict[str, Any]:
    """Return the fields of a status that are sent, numbers rounded."""
    fields = dataclasses.asdict(found)
    for name in ("position_s", "level_dbfs", "gap_s", "scoring_s", "dropped_s"):
        fields[name] = round(fields[name], 3) if math.isfinite(fields[name]) else None
    return fields


def refused(reason: object) -> str:
    """Return that a message had no effect; the stream goes on."""
    return json_line({"type": "refused", "message": str(reason)})


def error(refusal: RefusedError) -> str:
    """Return why the connection is about to be closed, as a whole."""
    content = {"type": "error", "code": refusal.code, "message": str(refusal)}
    return json_line(content)


def finished(found: StreamStatus) -> str:
    """Return the last message of a stream: all of its estimates have been sent."""
    return json_line({"type": "finished", **status_fields(found)})


def streams(names: list[str]) -> str:
    """Return the streams that may be watched."""
    return json.dumps({"type": "streams", "streams": [valid_text(name) for name in names]})


def _settings(stream: RecognisedStream) -> dict[str, Any]:
    found = stream.settings
    return {
        "window_s": found.window_s,
        "hop_s": found.hop_s,
        "min_speech_s": found.min_speech_s,
        "min_confidence": found.min_confidence,
        "smoothing": found.smoothing,
        "channel": found.channel,
    }
