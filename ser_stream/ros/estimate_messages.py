"""The messages that publish an estimate.

::

    for topic, content in estimate_messages(estimate, sound):
        transport.publish(topic, content)
"""

from __future__ import annotations

import json

from ser_stream.emotion import AUDIO_TEXT, INTERVAL, UNSURE, UTTERANCE, EmotionEstimate
from ser_stream.ros.messages import (
    DETAILS,
    EMOTION,
    MULTIMODAL,
    SCORES,
    UTTERANCE_EMOTION,
    WINDOW,
    Content,
    Report,
    Sound,
    Topic,
    statuses,
    time_content,
)
from ser_stream.ros.stamps import Stamp, to_ns

HRI_NAMES = {
    "neutral": "neutral", "calm": "neutral", "happy": "happy", "excited": "excited", "sad": "sad",
    "angry": "angry", "frustrated": "annoyed", "fear": "scared", "disgust": "disgusted",
    "surprise": "surprised",
}  # fmt: skip
"""Emotion label -> constant of hri_msgs/msg/Expression."""


def estimate_messages(estimate: EmotionEstimate, sound: Sound) -> list[tuple[Topic, Content]]:
    """Return the messages that publish one estimate, each with its topic.

    Each estimate is on `emotion/window` and `emotion/details`, and also on:

    | estimate | topics |
    |---|---|
    | interval, audio | `emotion`, `emotion/scores` |
    | interval, audio+text | `emotion/multimodal` |
    | utterance, decisive | `emotion/utterance` |
    | utterance, not decisive, audio | |
    | utterance, not decisive, audio+text | `emotion/multimodal` |

    An estimate that abstains gives no Expression, because Expression has no value for "unsure" and
    an invented one would be mistaken for an emotion. A turn therefore gives at most one message on
    `emotion/utterance`; one whose estimate abstains is on `emotion/window` and `emotion/details`
    only.
    """
    messages: list[tuple[Topic, Content]] = []
    topic = _expression_topic(estimate)
    if topic is not None and not estimate.abstains:
        messages.append((topic, _expression(estimate, sound)))
    if topic == EMOTION:
        messages.append((SCORES, _classification(estimate, sound)))
    messages.append((WINDOW, _window(estimate, sound)))
    messages.append((DETAILS, {"data": details_json(estimate, sound)}))
    return messages


def details_json(estimate: EmotionEstimate, sound: Sound) -> str:
    """Return the JSON of an estimate, and what relates it to the other topics."""
    fields = json.loads(estimate.to_json())
    fields |= {
        "stamp": time_content(sound.end),
        "start_stamp": time_content(sound.start),
        "frame_id": sound.frame_id,
        "hri_expression": _hri_name(estimate.expression),
        "hri_scores": {name: round(score, 4) for name, score in _hri_scores(estimate).items()},
    }
    return json.dumps(fields)


def _expression_topic(estimate: EmotionEstimate) -> Topic | None:
    if estimate.trigger == UTTERANCE and estimate.decisive:
        return UTTERANCE_EMOTION
    if estimate.modality == AUDIO_TEXT:
        return MULTIMODAL
    return EMOTION if estimate.trigger == INTERVAL else None


def _hri_name(expression: str) -> str:
    return HRI_NAMES.get(expression, "")


def _expression(estimate: EmotionEstimate, sound: Sound) -> Content:
    return {
        "header": sound.header,
        "expression": _hri_name(estimate.expression),
        "valence": estimate.valence,
        "arousal": estimate.arousal,
        "confidence": estimate.confidence,
    }


def _hri_scores(estimate: EmotionEstimate) -> dict[str, float]:
    """All classes; the scores of labels that share an hri_msgs name (neutral, calm) are added."""
    scores: dict[str, float] = {}
    for label, score in estimate.scores.items():
        scores[HRI_NAMES[label]] = scores.get(HRI_NAMES[label], 0.0) + score
    return scores


def _classification(estimate: EmotionEstimate, sound: Sound) -> Content:
    scores = _hri_scores(estimate)
    results = [{"class_id": name, "score": score} for name, score in scores.items()]
    return {"header": sound.header, "results": results}


def _window(estimate: EmotionEstimate, sound: Sound) -> Content:
    """One status about the window or turn, and one whose values are the scores of all classes."""
    expression = _hri_name(estimate.expression)
    window = {
        "start": _decimal(sound.start),
        "end": _decimal(sound.end),
        "turn": str(estimate.turn),
        "trigger": estimate.trigger,
        "modality": estimate.modality,
        "expression": expression,
        "confidence": f"{estimate.confidence:.4f}",
        "valence": f"{estimate.valence:.3f}",
        "arousal": f"{estimate.arousal:.3f}",
    }
    scores = {name: f"{score:.4f}" for name, score in _hri_scores(estimate).items()}
    message = expression or estimate.reason or UNSURE
    reports: dict[str, Report] = {"window": (0, message, window), "scores": (0, message, scores)}
    return {
        "header": sound.header,
        "status": statuses(sound.node, sound.source, reports),
    }


def _decimal(stamp: Stamp) -> str:
    """A stamp in seconds, with all its digits.

    >>> _decimal((1, 5))
    '1.000000005'
    >>> _decimal((-1, 500_000_000))
    '-0.500000000'
    """
    time_ns = to_ns(stamp)
    sec, nanosec = divmod(abs(time_ns), 1_000_000_000)
    return f"{'-' if time_ns < 0 else ''}{sec}.{nanosec:09}"
