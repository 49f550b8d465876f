"""Topics, types and contents of the messages that are published in ROS 2."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from estimates import estimate
from ser_stream.asr.worker import AsrStatus
from ser_stream.emotion import EMOTIONS
from ser_stream.errors import InputError
from ser_stream.ros.health import Health, asr_report
from ser_stream.ros.messages import (
    HRI_NAMES,
    MESSAGE_TYPES,
    TOPICS,
    TRACKED_VOICES,
    diagnostics_message,
    estimate_messages,
    language_field,
    speaking_message,
    speech_message,
    tracked_message,
    voice_topics,
)
from ser_stream.ros.type_hash import FieldType
from ser_stream.stream.status import StreamStatus
from ser_stream.words import Speech, Word

# The constants of hri_msgs/msg/Expression.
EXPRESSIONS = """neutral angry sad happy surprised disgusted scared pleading vulnerable despaired
    guilty disappointed embarrassed horrified skeptical annoyed furious suspicious rejected bored
    tired asleep confused amazed excited""".split()

STAMP = (1_700_000_000, 5)
HEADER = {"stamp": {"sec": 1_700_000_000, "nanosec": 5}, "frame_id": ""}


def test_topics_have_the_documented_types_and_qos():
    found = {t.name: (t.type, t.reliable, t.transient_local, t.depth) for t in TOPICS}
    assert found == {
        "emotion": ("hri_msgs/msg/Expression", True, False, 10),
        "emotion/utterance": ("hri_msgs/msg/Expression", True, False, 10),
        "emotion/scores": ("vision_msgs/msg/Classification", True, False, 10),
        "emotion/multimodal": ("hri_msgs/msg/Expression", True, False, 10),
        "emotion/details": ("std_msgs/msg/String", True, False, 10),
        "is_speaking": ("std_msgs/msg/Bool", True, True, 1),
        "speech": ("hri_msgs/msg/LiveSpeech", True, False, 10),
        "/diagnostics": ("diagnostic_msgs/msg/DiagnosticArray", True, False, 10),
    }


def test_every_label_has_a_constant_of_hri_msgs():
    assert set(HRI_NAMES) == set(EMOTIONS)
    assert set(HRI_NAMES.values()) <= set(EXPRESSIONS)
    renamed = {label: name for label, name in HRI_NAMES.items() if label != name}
    assert renamed == {
        "fear": "scared",
        "disgust": "disgusted",
        "surprise": "surprised",
        "calm": "neutral",
        "frustrated": "annoyed",
    }


def published(**changes):
    """Contents that are published for an estimate, by topic name."""
    messages = estimate_messages(estimate(**changes), STAMP)
    return {topic.name: content for topic, content in messages}


def test_an_interval_gives_an_expression_scores_and_details():
    scores = {"fear": 0.75, "happy": 0.25}
    found = published(expression="fear", confidence=0.75, scores=scores)
    assert list(found) == ["emotion", "emotion/scores", "emotion/details"]
    assert found["emotion"] == {
        "header": HEADER,
        "expression": "scared",
        "valence": 0.5,
        "arousal": 0.25,
        "confidence": 0.75,
    }
    assert found["emotion/scores"] == {
        "header": HEADER,
        "results": [{"class_id": "scared", "score": 0.75}, {"class_id": "happy", "score": 0.25}],
    }
    assert json.loads(found["emotion/details"]["data"])["scores"] == scores


def test_an_interval_that_abstains_has_no_expression():
    assert list(published(expression="")) == ["emotion/scores", "emotion/details"]


def test_an_utterance_has_a_topic_of_its_own():
    found = published(trigger="utterance")
    assert list(found) == ["emotion/utterance", "emotion/details"]
    assert found["emotion/utterance"]["expression"] == "happy"


def test_an_utterance_that_abstains_is_in_the_details_only():
    found = published(trigger="utterance", expression="")
    assert list(found) == ["emotion/details"]
    assert json.loads(found["emotion/details"]["data"])["expression"] == ""


def test_an_audio_text_estimate_of_a_window_is_multimodal():
    found = published(modality="audio+text")
    assert list(found) == ["emotion/multimodal", "emotion/details"]
    assert found["emotion/multimodal"]["expression"] == "happy"
    assert list(published(modality="audio+text", expression="")) == ["emotion/details"]


@pytest.mark.parametrize(
    ("modality", "decisive", "topics"),
    [
        ("audio", False, ["emotion/details"]),
        ("audio+text", True, ["emotion/utterance", "emotion/details"]),
        ("audio+text", False, ["emotion/multimodal", "emotion/details"]),
    ],
)
def test_the_decisive_estimate_of_a_turn_is_the_utterance(modality, decisive, topics):
    assert list(published(trigger="utterance", modality=modality, decisive=decisive)) == topics


def speech(text, final):
    words = tuple(Word(word, 0.0, 1.0, 0.5 + 0.25 * i) for i, word in enumerate(text.split()))
    return Speech(words, 0, final, 0.0, 1.0, 80.0)


def test_words_are_incremental_until_the_turn_ends():
    assert speech_message(speech("he is", final=False), "en", STAMP) == {
        "header": HEADER,
        "incremental": "he is",
        "final": "",
        "confidence": 0.625,
        "locale": "en",
    }
    final = speech_message(speech("he is gone", final=True), "", STAMP)
    assert (final["incremental"], final["final"], final["locale"]) == ("", "he is gone", "")
    assert speech_message(speech("", final=True), "en", STAMP)["confidence"] == 0.0


def test_the_language_field_is_that_of_the_installed_definition():
    fields = MESSAGE_TYPES["hri_msgs/msg/LiveSpeech"]
    assert language_field(fields) == "locale"
    older = {"language" if name == "locale" else name: kind for name, kind in fields.items()}
    assert language_field(older) == "language"
    message = speech_message(speech("he", final=True), "en", STAMP, language_field(older))
    assert list(message) == list(older)


def test_scores_of_labels_with_one_hri_name_are_added():
    scores = {"neutral": 0.25, "happy": 0.5, "calm": 0.25}
    results = published(scores=scores)["emotion/scores"]["results"]
    assert results == [
        {"class_id": "neutral", "score": 0.5},
        {"class_id": "happy", "score": 0.5},
    ]


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
        for topic, content in estimate_messages(estimate(trigger=trigger), STAMP):
            check_fits(topic.type, content)
    check_fits("std_msgs/msg/Bool", speaking_message(True))
    check_fits(TRACKED_VOICES.type, tracked_message(["anonymous_speaker"], STAMP))
    check_fits("hri_msgs/msg/LiveSpeech", speech_message(speech("he", final=True), "en", STAMP))
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
