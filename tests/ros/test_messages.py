"""Topics, types and contents of the messages that are published in ROS 2."""

from __future__ import annotations

import subprocess
import sys

import pytest

from estimates import estimate
from ser_stream.asr.worker import AsrStatus
from ser_stream.errors import InputError
from ser_stream.ros.estimate_messages import estimate_messages
from ser_stream.ros.health import Health, asr_report
from ser_stream.ros.messages import (
    MESSAGE_TYPES,
    SPEECH,
    TRACKED_VOICES,
    Sound,
    diagnostics_message,
    flag_message,
    published_topics,
    speech_message,
    tracked_message,
    voice_topics,
)
from ser_stream.ros.type_hash import FieldType
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech, Word

STAMP = (1_700_000_000, 5)
SOUND = Sound(start=(1_699_999_995, 234_560_005), end=STAMP, frame_id="head_mic")
HEADER = {"stamp": {"sec": 1_700_000_000, "nanosec": 5}, "frame_id": "head_mic"}


AUDIO_TOPICS = {
    "emotion": ("hri_msgs/msg/Expression", True, False, 10),
    "emotion/utterance": ("hri_msgs/msg/Expression", True, False, 10),
    "emotion/scores": ("vision_msgs/msg/Classification", True, False, 10),
    "emotion/window": ("diagnostic_msgs/msg/DiagnosticArray", True, False, 10),
    "emotion/details": ("std_msgs/msg/String", True, False, 10),
    "is_speaking": ("std_msgs/msg/Bool", True, True, 1),
    "listening": ("std_msgs/msg/Bool", True, True, 1),
    "/diagnostics": ("diagnostic_msgs/msg/DiagnosticArray", True, False, 10),
}
SPEECH_TOPICS = {"speech": ("hri_msgs/msg/LiveSpeech", True, False, 10)}
TEXT_TOPICS = {"emotion/multimodal": ("hri_msgs/msg/Expression", True, False, 10)}


def documented(*arguments, **options):
    """Type and quality of service of the published topics, by name."""
    topics = published_topics(*arguments, **options)
    return {t.name: (t.type, t.reliable, t.transient_local, t.depth) for t in topics}


def test_topics_have_the_documented_types_and_qos():
    assert documented() == AUDIO_TOPICS


def test_topics_of_words_exist_only_where_words_are_recognised():
    assert documented(asr=True) == AUDIO_TOPICS | SPEECH_TOPICS
    assert documented(asr=True, text_model=True) == AUDIO_TOPICS | SPEECH_TOPICS | TEXT_TOPICS
    voice = {"/humans/voices/anna/expression", "/humans/voices/anna/is_speaking"}
    tracked = "/humans/voices/tracked"
    assert set(documented("anna")) == {*AUDIO_TOPICS, *voice, tracked}
    assert set(documented("anna", asr=True)) == {
        *AUDIO_TOPICS, *SPEECH_TOPICS, *voice, "/humans/voices/anna/speech", tracked,
    }  # fmt: skip


def speech(text, final, language=""):
    words = tuple(Word(word, 0.0, 1.0, 0.5 + 0.25 * i) for i, word in enumerate(text.split()))
    return Speech(words, 0, final, 0.0, 1.0, 80.0, language)


def test_words_are_incremental_until_the_turn_ends():
    assert speech_message(speech("he is", final=False), "en_GB", SOUND) == {
        "header": HEADER,
        "incremental": "he is",
        "final": "",
        "confidence": 0.625,
        "locale": "en_GB",
    }
    final = speech_message(speech("he is gone", final=True), "", SOUND)
    assert (final["incremental"], final["final"], final["locale"]) == ("", "he is gone", "")
    assert speech_message(speech("", final=True), "en", SOUND)["confidence"] == 0.0


def test_the_language_that_was_asked_for_precedes_the_recognised_one():
    spoken = speech("kto tam", final=True, language="pl")
    assert speech_message(spoken, "", SOUND)["locale"] == "pl_PL"
    assert speech_message(spoken, "pl_DE", SOUND)["locale"] == "pl_DE"


def test_a_message_of_an_older_hri_msgs_has_its_field_of_the_language():
    message = speech_message(speech("he", final=True), "en_GB", SOUND, "language")
    older = {"language" if name == "locale" else name for name in MESSAGE_TYPES[SPEECH.type]}
    assert set(message) == older
    assert message["language"] == "en-GB"


PYTHON_TYPES = {
    "string": str, "bool": bool, "byte": int, "int32": int, "uint32": int, "float32": float,
    "float64": float,
}  # fmt: skip


def check_fits(name, content):
    """Assert that a content has the fields of its type in order, with values of their types."""
    assert list(content) == list(MESSAGE_TYPES[name])
    for field, text in MESSAGE_TYPES[name].items():
        kind = FieldType.parse(text)
        for value in [content[field]] if kind.length is None else content[field]:
            if kind.is_message:
                check_fits(kind.element, value)
            else:
                assert type(value) is PYTHON_TYPES[kind.element]


def test_contents_fit_the_definitions_of_their_types():
    for trigger in ("interval", "utterance"):
        for topic, content in estimate_messages(estimate(trigger=trigger), SOUND):
            check_fits(topic.type, content)
    check_fits("std_msgs/msg/Bool", flag_message(True))
    check_fits(TRACKED_VOICES.type, tracked_message(["anonymous_speaker"], STAMP))
    check_fits("hri_msgs/msg/LiveSpeech", speech_message(speech("he", final=True), "en", SOUND))
    reports = {
        "speech emotion": Health().report(StreamStatus()),
        "speech recognition": asr_report(AsrStatus("ready")),
    }
    message = diagnostics_message("/robot/n", "h", reports, STAMP)
    check_fits("diagnostic_msgs/msg/DiagnosticArray", message)
    names = [status["name"] for status in message["status"]]
    assert names == ["robot/n: speech emotion", "robot/n: speech recognition"]


def test_voice_topics_have_the_names_of_ros4hri():
    found = {ours.name: theirs for ours, theirs in voice_topics("anna").items()}
    assert {name: topic.name for name, topic in found.items()} == {
        "emotion": "/humans/voices/anna/expression",
        "is_speaking": "/humans/voices/anna/is_speaking",
        "speech": "/humans/voices/anna/speech",
    }
    assert found["is_speaking"].transient_local
    assert (TRACKED_VOICES.name, TRACKED_VOICES.transient_local) == ("/humans/voices/tracked", True)
    with pytest.raises(InputError, match="'anna/b'; accepted are letters"):
        voice_topics("anna/b")
    with pytest.raises(InputError, match=r"'7f3ab'; accepted are letters, .* no digit first"):
        voice_topics("7f3ab")


def test_neither_ros_nor_dds_nor_torch_is_imported():
    code = "import sys, ser_stream.ros.messages\n"
    code += "assert not {'rclpy', 'cyclonedds', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
