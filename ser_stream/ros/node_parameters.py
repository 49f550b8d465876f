"""From the values of the node's parameters to what they configure. Needs no rclpy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ser_stream.asr.base import AsrSettings
from ser_stream.audio.block import Channel
from ser_stream.errors import InputError
from ser_stream.ros.audio_messages import AudioFormat
from ser_stream.ros.parameters import Parameter
from ser_stream.stream.recognizer import Recognizer
from ser_stream.stream.settings import RecognizerSettings

if TYPE_CHECKING:
    from rcl_interfaces.msg import ParameterDescriptor

logger = logging.getLogger("ser_stream.ros")

Values = Callable[[str], Any]
"""Returns the value of a parameter by name."""


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """Return what rclpy needs for the declaration of a parameter."""
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    declared = ParameterDescriptor(
        description=parameter.description,
        read_only=parameter.read_only,
        additional_constraints=f"accepted: {parameter.accepted}",
    )
    if parameter.range is None:
        return declared
    lowest, highest = parameter.range
    if isinstance(parameter.default, int):
        limits = IntegerRange(from_value=int(lowest), to_value=int(highest))
        declared.integer_range = [limits]
    else:
        limits = FloatingPointRange(from_value=float(lowest), to_value=float(highest))
        declared.floating_point_range = [limits]
    return declared


def open_recognizer(value: Values) -> tuple[Recognizer, str]:
    """Load the recogniser that the parameters describe.

    Returns:
        The recogniser, and why it was loaded without speech recognition and text model although
        the parameters ask for them; "" if it was not.

    Raises:
        InputError: a parameter that does not concern words cannot be used.
    """
    audio_alone = RecognizerSettings(
        model=value("model"),
        window_s=value("window") or None,
        channel=_channel(value("channel")),
        device=value("torch_device"),
        **changeable_settings(value),
    )
    try:
        words = {"asr": asr_settings(value), "text_model": value("text_model")}
        return Recognizer(audio_alone.replace(**words)), ""
    except InputError as error:
        recognizer = Recognizer(audio_alone)  # raises the same error if it does not concern words
        logger.error("%s; goes on with sound alone", error)
        return recognizer, str(error)


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


def _none_if_negative(number: float) -> float | None:
    return None if number < 0 else number


def _channel(text: str) -> Channel:
    if text == "mix":
        return "mix"
    if text.isdecimal():
        return int(text)
    raise InputError(f"channel: found {text!r}; accepted are mix, or a number from 0")
