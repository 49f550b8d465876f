"""The messages that an estimate is published in."""

from __future__ import annotations

import json

import pytest

from estimates import estimate
from ser_stream.emotion import EMOTIONS
from ser_stream.ros.estimate_messages import HRI_NAMES, estimate_messages
from ser_stream.ros.messages import Sound

# The constants of hri_msgs/msg/Expression.
EXPRESSIONS = """neutral angry sad happy surprised disgusted scared pleading vulnerable despaired
    guilty disappointed embarrassed horrified skeptical annoyed furious suspicious rejected bored
    tired asleep confused amazed excited""".split()

SOUND = Sound(
    start=(1_699_999_995, 234_560_005),
    end=(1_700_000_000, 5),
    frame_id="head_mic",
    source="topic audio",
    node="/robot1/ser_stream",
)
HEADER = {"stamp": {"sec": 1_700_000_000, "nanosec": 5}, "frame_id": "head_mic"}
ALWAYS = ["emotion/window", "emotion/details"]


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
    messages = estimate_messages(estimate(**changes), SOUND)
    return {topic.name: content for topic, content in messages}


def details(**changes):
    return json.loads(published(**changes)["emotion/details"]["data"])


def window(**changes):
    """The two statuses of `emotion/window`: about the window, and the scores; as dicts."""
    statuses = published(**changes)["emotion/window"]["status"]
    return [{pair["key"]: pair["value"] for pair in status["values"]} for status in statuses]


def test_an_interval_gives_an_expression_and_scores():
    scores = {"fear": 0.75, "happy": 0.25}
    found = published(expression="fear", confidence=0.75, scores=scores)
    assert list(found) == ["emotion", "emotion/scores", *ALWAYS]
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


def test_an_interval_that_abstains_has_no_expression():
    assert list(published(expression="")) == ["emotion/scores", *ALWAYS]


def test_an_utterance_has_a_topic_of_its_own():
    found = published(trigger="utterance")
    assert list(found) == ["emotion/utterance", *ALWAYS]
    assert found["emotion/utterance"]["expression"] == "happy"


def test_an_utterance_that_abstains_has_no_expression():
    assert list(published(trigger="utterance", expression="")) == ALWAYS
    assert details(trigger="utterance", expression="")["expression"] == ""


def test_an_audio_text_estimate_of_a_window_is_multimodal():
    found = published(modality="audio+text")
    assert list(found) == ["emotion/multimodal", *ALWAYS]
    assert found["emotion/multimodal"]["expression"] == "happy"
    assert list(published(modality="audio+text", expression="")) == ALWAYS


@pytest.mark.parametrize(
    ("modality", "decisive", "topics"),
    [
        ("audio", False, []),
        ("audio+text", True, ["emotion/utterance"]),
        ("audio+text", False, ["emotion/multimodal"]),
    ],
)
def test_the_decisive_estimate_of_a_turn_is_the_utterance(modality, decisive, topics):
    found = published(trigger="utterance", modality=modality, decisive=decisive)
    assert list(found) == [*topics, *ALWAYS]


def test_scores_of_labels_with_one_hri_name_are_added():
    scores = {"neutral": 0.25, "happy": 0.5, "calm": 0.25}
    results = published(scores=scores)["emotion/scores"]["results"]
    assert results == [
        {"class_id": "neutral", "score": 0.5},
        {"class_id": "happy", "score": 0.5},
    ]
    assert window(scores=scores)[1] == {"neutral": "0.5000", "happy": "0.5000"}
    assert details(scores=scores)["hri_scores"] == {"neutral": 0.5, "happy": 0.5}


def test_one_message_has_the_stamp_all_scores_and_the_windows_start_and_end():
    scores = {"fear": 0.75, "happy": 0.25}
    found = published(expression="fear", confidence=0.75, scores=scores)["emotion/window"]
    assert found["header"] == HEADER
    for status, name in zip(found["status"], ("window", "scores"), strict=True):
        assert status["name"] == f"robot1/ser_stream: {name}"
        assert (status["level"], status["message"]) == (0, "scared")
        assert status["hardware_id"] == "topic audio"
    about, each = window(expression="fear", confidence=0.75, scores=scores)
    assert about == {
        "start": "1699999995.234560005",
        "end": "1700000000.000000005",
        "turn": "1",
        "trigger": "interval",
        "modality": "audio",
        "expression": "scared",
        "confidence": "0.7500",
        "valence": "0.500",
        "arousal": "0.250",
    }
    assert each == {"scared": "0.7500", "happy": "0.2500"}


def test_a_window_whose_estimate_abstains_has_scores():
    about, scores = window(expression="")
    assert about["expression"] == ""
    assert set(scores) == {"happy", "sad"}
    assert published(expression="")["emotion/window"]["status"][0]["message"] == "unsure"


def test_details_are_the_json_with_stamps_and_the_names_of_hri_msgs():
    estimated = estimate(expression="fear", scores={"fear": 0.75, "happy": 0.25})
    found = details(expression="fear", scores={"fear": 0.75, "happy": 0.25})
    added = {
        "stamp": {"sec": 1_700_000_000, "nanosec": 5},
        "start_stamp": {"sec": 1_699_999_995, "nanosec": 234_560_005},
        "frame_id": "head_mic",
        "hri_expression": "scared",
        "hri_scores": {"scared": 0.75, "happy": 0.25},
    }
    assert found == json.loads(estimated.to_json()) | added
    assert list(found)[-len(added) :] == list(added)
    assert details(expression="")["hri_expression"] == ""
