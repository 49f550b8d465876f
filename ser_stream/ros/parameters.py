"""Every parameter of the node, once.

The node's declarations, config/ser.yaml and the README's list are made of this table.

    python -m ser_stream.ros.parameters yaml        # config/ser.yaml
    python -m ser_stream.ros.parameters markdown    # the README's list
"""

from __future__ import annotations

import dataclasses
import json
import sys

from ser_stream.asr.base import BACKENDS, NONE
from ser_stream.stream.settings import RANGES, RecognizerSettings

Value = bool | int | float | str


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of the node.

    Attributes:
        default: also says its type.
        description: for people; `ros2 param describe` shows it.
        choices: the values that are accepted; empty = any.
        low, high: range of a number.
        read_only: cannot change after the node has started.
    """

    name: str
    default: Value
    description: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    read_only: bool = True

    def refusal(self, value: Value) -> str:
        """Why a value of the right type is not accepted; "" if it is."""
        if self.choices and value not in self.choices:
            return f"{self.name}: found {value!r}; accepted are {', '.join(self.choices)}"
        if self.low is not None and not self.low <= value <= self.high:
            return f"{self.name}: found {value}; accepted are {self.low:g} to {self.high:g}"
        return ""

    @property
    def accepted(self) -> str:
        """What is accepted, in words."""
        if self.choices:
            return ", ".join(f"`{choice}`" for choice in self.choices)
        if self.low is not None:
            return f"{self.low:g} to {self.high:g}"
        return {bool: "true, false", str: "text", int: "whole number", float: "number"}[
            type(self.default)
        ]


PARAMETERS = (
    Parameter(
        "source", "microphone", "Where sound comes from.", choices=("microphone", "topic", "file")
    ),
    Parameter(
        "device", "", "Microphone: name, part of a name or index; empty is the system's default."
    ),
    Parameter("file", "", "Recording that is played in real time where source is file."),
    Parameter("channel", "mix", "Which channel to listen to, from 0, or mix: the mean of all."),
    Parameter(
        "audio_type", "AudioDataStamped",
        "Type of the topic audio. AudioData, AudioDataStamped: ros-drivers/audio_common; "
        "AudioStamped: mgonzs13/audio_common.",
        choices=("AudioData", "AudioDataStamped", "AudioStamped"),
    ),
    Parameter(
        "audio_rate", 16000,
        "Sample rate of AudioData and AudioDataStamped in Hz, until a message on audio_info says.",
        low=4000, high=192000,
    ),
    Parameter(
        "audio_channels", 1,
        "Channels of AudioData and AudioDataStamped, until a message on audio_info says.",
        low=1, high=32,
    ),
    Parameter(
        "audio_format", "S16LE",
        "Sample format of AudioData and AudioDataStamped, until a message on audio_info says.",
        choices=("S8", "U8", "S16LE", "S16BE", "S32LE", "F32LE"),
    ),
    Parameter("model", "default", "Shipped model, model folder, or Hugging Face checkpoint."),
    Parameter("torch_device", "auto", "cpu, cuda, or auto: a GPU where there is one."),
    Parameter(
        "window", 0.0, "Seconds of a window, in steps of the model; 0 is the model's own.",
        low=0.0, high=60.0,
    ),
    Parameter(
        "hop", 0.0, "Seconds between estimates, in steps of the model; 0 is the model's own.",
        low=0.0, high=60.0, read_only=False,
    ),
    Parameter(
        "min_speech", RecognizerSettings.min_speech_s,
        "Seconds of speech in a turn before it is judged.",
        low=RANGES["min_speech_s"][0], high=RANGES["min_speech_s"][1], read_only=False,
    ),
    Parameter(
        "min_confidence", -1.0,
        "Estimates less sure than this abstain, in 0 to 1; -1 is the model's own floor.",
        low=-1.0, high=1.0, read_only=False,
    ),
    Parameter(
        "smoothing", -1.0,
        "Weight of the past in interval estimates, in 0 to 0.99; -1 is the model's own.",
        low=-1.0, high=0.99, read_only=False,
    ),
    Parameter(
        "asr", NONE, "Speech recogniser: its words go to speech, and to the estimates.",
        choices=BACKENDS,
    ),
    Parameter(
        "asr_model", "",
        "Of faster_whisper: size, repository of the Hugging Face Hub, or folder; empty is base.",
    ),
    Parameter(
        "asr_language", "", "Language code such as en; empty: faster_whisper finds out, each time."
    ),
    Parameter("asr_device", "auto", "Of faster_whisper: cpu, cuda, or auto."),
    Parameter(
        "asr_compute_type", "default", "Of faster_whisper, as CTranslate2 names it, such as int8."
    ),
    Parameter(
        "asr_grammar", "", "Of pocketsphinx: file of what may be said; empty is open dictation."
    ),
    Parameter(
        "text_model", "",
        "Model that sees words beside sound: a second estimate for each window, on "
        "emotion/multimodal; empty is none.",
    ),
    Parameter("enabled", True, "Whether to listen; false is as if nobody spoke.", read_only=False),
    Parameter(
        "voice_id", "",
        "If not empty, estimates go to ROS4HRI's /humans/voices/VOICE_ID/ too; its own default is "
        "anonymous_speaker.",
    ),
    Parameter("autostart", True, "Configure and activate at once, without a lifecycle manager."),
)  # fmt: skip

BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


def to_yaml() -> str:
    """config/ser.yaml."""
    lines = [
        "# Parameters of the node ser_stream, with their defaults.",
        "# Made by: python -m ser_stream.ros.parameters yaml",
        "",
        "/**:",
        "  ros__parameters:",
    ]
    for parameter in PARAMETERS:
        change = "" if parameter.read_only else " May change while it runs."
        lines.append(f"    # {parameter.description}{change}")
        lines.append(f"    # Accepted: {parameter.accepted.replace('`', '')}.")
        lines.append(f"    {parameter.name}: {json.dumps(parameter.default)}")
    return "\n".join(lines) + "\n"


def to_markdown() -> str:
    """The README's list."""
    lines = ["| parameter | default | accepted | while running | |", "|---|---|---|---|---|"]
    for parameter in PARAMETERS:
        default = json.dumps(parameter.default)
        change = "no" if parameter.read_only else "yes"
        lines.append(
            f"| `{parameter.name}` | `{default}` | {parameter.accepted} | {change} | "
            f"{parameter.description} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print({"yaml": to_yaml, "markdown": to_markdown}[sys.argv[1]](), end="")
