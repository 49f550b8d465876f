"""The parameters of the node, in one table.

The node's declarations, config/ser.yaml and the list in docs/ros.md are made from it::

    python -m ser_stream.ros.parameters yaml        # config/ser.yaml
    python -m ser_stream.ros.parameters markdown    # the list in docs/ros.md
"""

from __future__ import annotations

import json
import sys

from ser_stream.asr.base import ACCEPTED_LANGUAGES, BACKENDS, LANGUAGE, NONE
from ser_stream.engines.names import AUTO, ENGINES
from ser_stream.ros.audio_messages import AUDIO_TYPES, SAMPLE_FORMATS
from ser_stream.ros.bond import TIMEOUTS_S as BOND_TIMEOUTS_S
from ser_stream.ros.messages import published_topics
from ser_stream.ros.parameter_values import ALWAYS, NEVER, Parameter
from ser_stream.ros.stream_names import ACCEPTED, StreamNames, stream_entries
from ser_stream.stream.settings import RANGES, RecognizerSettings

PARAMETERS = (
    Parameter(
        "source", "microphone", "Where the audio comes from.",
        choices=("microphone", "topic", "file"),
    ),
    Parameter(
        "device", "",
        "Microphone: its name, a part of its name, or its index; empty: the system's default.",
    ),
    Parameter("file", "", "Recording to play in real time if source is file."),
    Parameter(
        "channel", "mix",
        "Channel to listen to: its number, from 0; mix: the mean of all; auto: the channel with "
        "the clearest speech.",
        pattern="mix|auto|[0-9]{1,2}",
        form='mix, auto, or a channel\'s number as text, such as "0"',
    ),
    Parameter(
        "audio_type", "AudioDataStamped",
        "Message type of the topic audio. AudioData, AudioDataStamped: ros-drivers/audio_common; "
        "AudioStamped: mgonzs13/audio_common; AudioBuffer: naoqi_bridge_msgs.",
        choices=AUDIO_TYPES,
    ),
    Parameter(
        "audio_rate", 16000,
        "Sample rate of AudioData and AudioDataStamped in Hz, until audio_info announces another.",
        range=(4000, 192000),
    ),
    Parameter(
        "audio_channels", 1,
        "Channels of AudioData and AudioDataStamped, until audio_info announces another number.",
        range=(1, 32),
    ),
    Parameter(
        "audio_format", "S16LE",
        "Sample format of AudioData and AudioDataStamped, until audio_info announces another.",
        choices=tuple(SAMPLE_FORMATS),
    ),
    Parameter(
        "streams", "",
        "Several robots in one process, with source topic: namespaces such as robot1, whose topic "
        "is /robot1/audio, and patterns of topics such as /*/audio; empty: one stream.",
        may_be_list=True, form=ACCEPTED, check=lambda value: StreamNames(stream_entries(value)),
    ),
    Parameter(
        "max_streams", 100, "Streams that are served at the same time, with streams.",
        range=(1, 1000),
    ),
    Parameter("model", "default", "Shipped model, model folder, or Hugging Face checkpoint."),
    Parameter(
        "engine", AUTO,
        "What runs the network: ONNX Runtime (onnx; onnx-int8 with weights in eight bits), torch, "
        "or auto: torch where there is a GPU for it, else onnx.",
        choices=ENGINES,
    ),
    Parameter("torch_device", "auto", "Where torch runs: cpu, cuda, or auto: a GPU if any."),
    Parameter(
        "window", 0.0, "Length of a window in seconds, in steps of the model; 0: the model's own.",
        range=(0.0, 60.0),
    ),
    Parameter(
        "hop", 0.0, "Seconds between estimates, in steps of the model; 0: the model's own.",
        range=(0.0, 60.0), changeable=ALWAYS,
    ),
    Parameter(
        "min_speech", RecognizerSettings.min_speech_s,
        "Seconds of speech that a turn needs to be judged; several short turns count together.",
        range=RANGES["min_speech_s"], changeable=ALWAYS,
    ),
    Parameter(
        "min_confidence", -1.0,
        "Estimates with a lower confidence (0 to 1) abstain; -1: the model's own threshold.",
        range=(0.0, 1.0), special=-1.0, changeable=ALWAYS,
    ),
    Parameter(
        "smoothing", -1.0,
        "Weight (0 to 0.99) of earlier windows in interval estimates; -1: the model's own.",
        range=(0.0, 0.99), special=-1.0, changeable=ALWAYS,
    ),
    Parameter(
        "label_sets", False,
        "Whether estimates on emotion/details have label_set, the labels that hold the true one in "
        "nine of ten cases; the model must be calibrated for it.",
    ),
    Parameter(
        "asr", NONE, "Speech recogniser; its words are published on speech and in the estimates.",
        choices=BACKENDS,
    ),
    Parameter(
        "asr_model", "",
        "Model of faster_whisper: a size, OWNER/NAME@COMMIT of the Hugging Face Hub, or a folder; "
        "empty: tiny, which keeps up on one core.",
    ),
    Parameter(
        "asr_language", "",
        "Language code, such as en, or en_GB with its region; empty: faster_whisper detects it in "
        "each segment.",
        pattern=LANGUAGE, form=ACCEPTED_LANGUAGES,
    ),
    Parameter("asr_device", "auto", "Device of faster_whisper: cpu, cuda, or auto."),
    Parameter(
        "asr_compute_type", "auto",
        "Compute type of faster_whisper, as CTranslate2 names it; auto: the fastest that the "
        "device supports, on a CPU int8.",
    ),
    Parameter(
        "asr_grammar", "",
        "Grammar of pocketsphinx, what can be said: robot-commands or demo, which come with the "
        "package, or a file; empty: open dictation, which is slow.",
    ),
    Parameter(
        "text_model", "",
        "Model of audio and words, which gives a second estimate of each window on "
        "emotion/multimodal; empty: none.",
    ),
    Parameter(
        "record", "",
        "Folder in which each activation stores a session for ser-stream review: estimates, words "
        "and status, which are personal data; empty: nothing is stored.",
    ),
    Parameter(
        "record_audio", False, "Whether sessions hold the sound too, with record.",
    ),
    Parameter(
        "enabled", True, "Whether to recognise emotions; false: as if nobody spoke.",
        changeable=ALWAYS,
    ),
    Parameter(
        "voice_id", "",
        "Publish under ROS4HRI's /humans/voices/VOICE_ID/ too, such as anonymous_speaker; empty: "
        "do not.",
        check=published_topics, form="letters, digits and _, and no digit first; or empty",
    ),
    Parameter(
        "autostart", True, "Configure and activate at start, without a lifecycle manager.",
        changeable=NEVER,
    ),
    Parameter(
        "bond_timeout", 0.0,
        "Form a bond with Nav2's lifecycle manager while active, and report a manager that has "
        "been silent for so many seconds; 0: no bond.",
        range=BOND_TIMEOUTS_S, special=0.0,
    ),
)  # fmt: skip

BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


def to_yaml() -> str:
    """Return the content of config/ser.yaml."""
    lines = [
        "# Parameters of the node ser_stream, with their defaults.",
        "# Made by: python -m ser_stream.ros.parameters yaml",
        "",
        "/**:",
        "  ros__parameters:",
    ]
    for parameter in PARAMETERS:
        changeable = " Can be changed while the node runs."
        lines.append(
            f"    # {parameter.description}{changeable if parameter.changeable == ALWAYS else ''}"
        )
        lines.append(f"    # Accepted: {parameter.accepted.replace('`', '')}.")
        lines.append(f"    {parameter.name}: {json.dumps(parameter.default)}")
    return "\n".join(lines) + "\n"


def to_markdown() -> str:
    """Return the table of parameters in docs/ros.md."""
    lines = [
        "| parameter | default | accepted | while running | meaning |",
        "|---|---|---|---|---|",
    ]
    for parameter in PARAMETERS:
        default = json.dumps(parameter.default)
        lines.append(
            f"| `{parameter.name}` | `{default}` | {parameter.accepted} | {parameter.changeable} | "
            f"{parameter.description} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print({"yaml": to_yaml, "markdown": to_markdown}[sys.argv[1]](), end="")
