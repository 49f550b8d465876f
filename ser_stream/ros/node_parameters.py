"""From the values of the node's parameters to what they configure. Needs no rclpy."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_stream.asr.base import NONE, AsrSettings
from ser_stream.asr.factory import check_settings
from ser_stream.audio.block import Channel, parse_channel
from ser_stream.errors import InputError, shown
from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.parameter_values import NEVER, Parameter
from ser_stream.ros.stream_names import StreamNames, stream_entries
from ser_stream.stream.pool import StreamPool
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.settings import RecognizerSettings

if TYPE_CHECKING:
    from rcl_interfaces.msg import ParameterDescriptor

    from ser_stream.sessions.record import SessionRecorder

logger = logging.getLogger("ser_stream.ros")

Values = Callable[[str], Any]
"""Returns the value of a parameter by name."""


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """Return what rclpy needs for the declaration of a parameter."""
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    declared = ParameterDescriptor(
        description=parameter.description,
        read_only=parameter.changeable == NEVER,
        additional_constraints=f"accepted: {parameter.accepted}",
        # The node checks types itself: rclpy's line names neither the parameter nor what is
        # accepted, and at start it is a traceback.
        dynamic_typing=True,
    )
    if parameter.outer_range is None:
        return declared
    lowest, highest = parameter.outer_range
    if isinstance(parameter.default, int):
        limits = IntegerRange(from_value=int(lowest), to_value=int(highest))
        declared.integer_range = [limits]
    else:
        limits = FloatingPointRange(from_value=float(lowest), to_value=float(highest))
        declared.floating_point_range = [limits]
    return declared


@dataclasses.dataclass(frozen=True)
class FleetSettings:
    """Which streams a node serves, where they are several.

    Attributes:
        names: their names and patterns.
        audio_type: message type of their topics.
        audio_format: format of ros-drivers' messages.
        max_streams: streams that are served at the same time.
        enabled: whether emotions are recognised at first.
    """

    names: StreamNames
    audio_type: str
    audio_format: AudioFormat
    max_streams: int
    enabled: bool


def fleet_settings(value: Values, node_namespace: str) -> FleetSettings | None:
    """Return the settings of several streams; None where the parameters describe a single one.

    Raises:
        InputError: an entry of `streams`, or a parameter that cannot be used with it.
    """
    entries = stream_entries(value("streams"))
    if not entries:
        return None
    for name, accepted in (
        ("source", "topic"),
        ("asr", NONE),
        ("text_model", ""),
        ("voice_id", ""),
        ("record", ""),
        ("record_audio", False),
    ):
        if value(name) != accepted:
            raise InputError(
                f"{name}: found {shown(value(name))}; accepted with streams "
                f"({', '.join(entries)}) is "
                f"{accepted!r}: several streams come from topics, have no words, are not recorded, "
                "and their namespaces tell their voices apart"
            )
    return FleetSettings(
        names=StreamNames(entries, node_namespace),
        audio_type=value("audio_type"),
        audio_format=audio_format(value),
        max_streams=value("max_streams"),
        enabled=value("enabled"),
    )


def open_pool(value: Values) -> StreamPool:
    """Load the pool that the parameters describe.

    Raises:
        InputError: a parameter cannot be used.
    """
    with _named_as_parameters():
        return StreamPool(_settings_without_words(value), value("max_streams"))


def open_recognizer(value: Values) -> tuple[Recognizer, str]:
    """Load the recogniser that the parameters describe.

    Returns:
        The recogniser, and why it was loaded without speech recognition and text model although
        the parameters ask for them; "" if it was not.

    Raises:
        InputError: a parameter that does not concern words cannot be used.
    """
    audio_alone = _settings_without_words(value)
    try:
        words = {"asr": asr_settings(value), "text_model": value("text_model")}
        check_settings(words["asr"])  # the recogniser would only report it
        return Recognizer(audio_alone.replace(**words)), ""
    except InputError as error:
        with _named_as_parameters():  # raises the same error if it does not concern words
            recognizer = Recognizer(audio_alone)
        logger.error("%s; goes on with sound alone", error)
        return recognizer, str(error)


def new_recorder(value: Values, recognizer: Recognizer) -> SessionRecorder | None:
    """Return what records a new session; None where the parameters ask for none.

    Raises:
        InputError: nothing can be written into the folder.
    """
    if not value("record"):
        return None
    from ser_stream.sessions.record import SessionRecorder

    settings = dataclasses.asdict(recognizer.settings)
    parent, audio = Path(value("record")).expanduser(), value("record_audio")
    recorder = SessionRecorder(
        parent, recognizer.info, settings, audio, channel(value), asked_by="record"
    )
    logger.info("%s", recorder.announcement)
    return recorder


def check_record(value: Values) -> None:
    """Check the parameters of recorded sessions.

    Raises:
        InputError: sound is to be recorded, and there is no folder.
    """
    if value("record_audio") and not value("record"):
        raise InputError("record_audio: found true without record; name the folder of the sessions")


def changeable_settings(value: Values) -> dict[str, Any]:
    """Return the settings of the recogniser that can be changed while a stream runs."""
    return {
        "hop_s": value("hop") or None,
        "min_speech_s": value("min_speech"),
        "min_confidence": _none_if_negative(value("min_confidence")),
        "smoothing": _none_if_negative(value("smoothing")),
    }


def asr_settings(value: Values) -> AsrSettings:
    """Return the settings of speech recognition."""
    return AsrSettings(
        value("asr"),
        model=value("asr_model"),
        language=value("asr_language"),
        device=value("asr_device"),
        compute_type=value("asr_compute_type"),
        grammar=value("asr_grammar"),
    )


def audio_format(value: Values) -> AudioFormat:
    """Return the format of ros-drivers' audio messages."""
    return AudioFormat(value("audio_rate"), value("audio_channels"), value("audio_format"))


def _settings_without_words(value: Values) -> RecognizerSettings:
    return RecognizerSettings(
        model=value("model"),
        engine=value("engine"),
        window_s=value("window") or None,
        channel=channel(value),
        device=value("torch_device"),
        label_sets=value("label_sets"),
        **changeable_settings(value),
    )


@contextlib.contextmanager
def _named_as_parameters() -> Iterator[None]:
    """Name `torch_device` in errors as the node does, where `device` is the microphone."""
    try:
        yield
    except InputError as error:
        if str(error).startswith("device"):
            raise InputError(f"torch_{error}") from error
        raise


def _none_if_negative(number: float) -> float | None:
    return None if number < 0 else number


def channel(value: Values) -> Channel:
    """Return the channel of the source that is used.

    Raises:
        InputError: the parameter names none.
    """
    try:
        return parse_channel(value("channel"))
    except ValueError as error:
        raise InputError(f"channel: {error}") from error
