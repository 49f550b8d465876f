"""Emotion labels, the mappings between label sets, valence and arousal, and the estimate itself.

This module is the one place where labels are named. It needs numpy only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ser_stream.errors import InputError, shown
from ser_stream.text import json_line
from ser_stream.units import Decibels, Seconds

EMOTIONS = (
    "neutral", "calm", "happy", "excited", "sad", "angry", "frustrated", "fear", "disgust",
    "surprise",
)  # fmt: skip
"""Every label a model of this package may carry."""

BASIC_EMOTIONS = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
"""The seven classes of the default model: Ekman's six and neutral."""

ALIASES = {
    "anger": "angry", "ang": "angry", "disgusted": "disgust", "dis": "disgust", "exc": "excited",
    "excitement": "excited", "fearful": "fear", "fea": "fear", "scared": "fear",
    "fru": "frustrated", "frustration": "frustrated", "hap": "happy", "happiness": "happy",
    "joy": "happy", "neu": "neutral", "sadness": "sad", "sur": "surprise", "surprised": "surprise",
}  # fmt: skip
"""Spellings found in corpora and papers -> the label used here."""

UNMAPPED_LABELS = (
    "<unk>", "bored", "boredom", "contempt", "oth", "other", "others", "unk", "unknown",
)  # fmt: skip
"""Labels of third-party models that no emotion here corresponds to; their scores are dropped."""

CIRCUMPLEX = {
    "neutral": (0.00, 0.00),
    "calm": (0.68, -0.46),  # "relaxed"
    "happy": (0.81, 0.51),
    "excited": (0.62, 0.75),
    "sad": (-0.63, -0.27),
    "angry": (-0.51, 0.59),
    "frustrated": (-0.64, 0.52),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
    "surprise": (0.40, 0.67),
}
"""Label -> (valence, arousal) in [-1, 1]: Russell and Mehrabian, "Evidence for a three-factor
theory of emotions", Journal of Research in Personality 11, 1977, Table 1 (pleasure and arousal)."""

INTERVAL, UTTERANCE = "interval", "utterance"
"""Triggers: an estimate of a window while someone speaks, and of a whole turn when it ends."""

AUDIO, AUDIO_TEXT = "audio", "audio+text"
"""Modalities: what an estimate is based on."""

NO_EXPRESSION = ""
"""The expression of an estimate that abstains."""

SAME, ONE_NEUTRAL, DIFFERENT = "same", "one neutral", "different"
"""How the emotion of the voice and that of the words relate, see `EmotionEstimate.agreement`."""

UNSURE, SHORT = "unsure", "short"
"""Reasons to abstain: too little confidence, and too little speech."""


def canonical_label(label: str) -> str:
    """Return the name that this package uses for an emotion label.

    >>> canonical_label("Fearful")
    'fear'

    Raises:
        InputError: the label is unknown.
    """
    name = label.strip().lower()
    name = ALIASES.get(name, name)
    if name not in EMOTIONS:
        raise InputError(
            f"emotion label: found {shown(label)}; accepted are {', '.join(EMOTIONS)} "
            f"and the spellings {', '.join(sorted(ALIASES))}"
        )
    return name


def merge_label(label: str, labels: Sequence[str]) -> str | None:
    """Map a known label onto a smaller label set; None where that set has no fitting label.

    calm counts as neutral, excited as happy and frustrated as angry, each only where the set lacks
    the finer label.

    >>> merge_label("calm", BASIC_EMOTIONS)
    'neutral'
    """
    if label in labels:
        return label
    coarse = {"calm": "neutral", "excited": "happy", "frustrated": "angry"}.get(label)
    return coarse if coarse in labels else None


def agreement_of(voice: str, words: str) -> str:
    """Return how the emotion of the voice and that of the words relate, `SAME` and so on.

    Labels are compared as `BASIC_EMOTIONS`: calm counts as neutral, see `merge_label`.

    >>> agreement_of("excited", "happy"), agreement_of("sad", "neutral")
    ('same', 'one neutral')
    >>> agreement_of("angry", "happy")
    'different'
    """
    basic = {merge_label(label, BASIC_EMOTIONS) for label in (voice, words)}
    if len(basic) == 1:
        return SAME
    return ONE_NEUTRAL if "neutral" in basic else DIFFERENT


def valence_arousal(scores: Mapping[str, float]) -> tuple[float, float]:
    """Return the expected valence and arousal, each in [-1, 1], of label probabilities.

    >>> valence_arousal({"happy": 1.0})
    (0.81, 0.51)
    """
    valence = sum(p * CIRCUMPLEX[label][0] for label, p in scores.items())
    arousal = sum(p * CIRCUMPLEX[label][1] for label, p in scores.items())
    return valence, arousal


@dataclasses.dataclass(frozen=True)
class EmotionEstimate:
    """The emotion of one window, or of one whole turn.

    Attributes:
        turn: number of the turn in its stream, from 1.
        start_s, end_s: the time span of the window or turn on the stream's clock: a recording's
            own time; for a microphone, seconds since it was opened.
        trigger: "interval" (every hop while someone speaks) or "utterance" (when a turn ends).
        modality: "audio" or "audio+text".
        expression: the label with the highest score, or "" when the model abstains.
        confidence: that label's calibrated probability, also of an estimate that abstains.
        valence, arousal: in [-1, 1].
        scores: label -> calibrated probability; they sum to 1.
        speech_ratio: share of the time span that is speech, in [0, 1].
        level_dbfs: root mean square level, 0 dBFS = full scale; -120 for digital silence.
        clipped: whether there are samples at full scale: the microphone's gain is too high.
        model: name of the model; "default+can-english" where two were combined.
        latency_ms: milliseconds from the capture of the last sample to this estimate.
        words: where speech recognition runs, the words of a whole turn, and those of the window
            where the modality is "audio+text". Dicts of text, start_s, end_s and probability; of a
            network with cross attention (CAN) also text_attention and audio_attention, the word's
            weight as the mean over the network's heads. Weights of each kind sum to 1.
        voice_known_s: seconds of this voice that a model with speaker memory had heard before the
            turn, up to 20; 0 for a voice that is new, and for other models. The confidence is
            calibrated for it.
        label_set: where sets of labels are asked for, the labels that together hold the true one in
            nine of ten cases, the most probable first; of an estimate by sound. In the JSON where
            it is not empty.
        reason: why the estimate abstains: "unsure", the confidence is below the floor; "short", the
            turn, with the short turns just before it, holds too little speech; else "".
        decisive: whether this is the one estimate that represents its turn: the estimate by sound
            and words if it was in time and does not abstain. Not in the JSON.
        late: whether the words came after an estimate of the turn had been published without them:
            this one follows it, for the words. In the JSON where it is true.
        asr_error: why speech recognition, which is to run, gave no words for this estimate; "" for
            no problem. In the JSON where there is one.
        voice_expression, words_expression: where the modality is "audio+text" and the network has a
            classifier of words alone (CAN): the label with the highest score by sound alone, and
            that by words alone, also where one of them would abstain; else "". In the JSON where
            they are not empty, as is `agreement`.
        agreement: how these two relate: "same"; "one neutral", where one is neutral or calm and the
            other is not; "different", for example happy words in an angry voice.
    """

    turn: int
    start_s: Seconds
    end_s: Seconds
    trigger: str
    modality: str
    expression: str
    confidence: float
    valence: float
    arousal: float
    scores: dict[str, float]
    speech_ratio: float
    level_dbfs: Decibels
    clipped: bool
    model: str
    latency_ms: float
    words: tuple[dict[str, Any], ...] = ()
    voice_known_s: Seconds = 0.0
    label_set: tuple[str, ...] = ()
    reason: str = ""
    decisive: bool = True
    late: bool = False
    asr_error: str = ""
    voice_expression: str = ""
    words_expression: str = ""
    agreement: str = ""

    @property
    def abstains(self) -> bool:
        """Whether no emotion is named; `reason` says why."""
        return self.expression == NO_EXPRESSION

    def to_json(self) -> str:
        """Return one line of JSON: the attributes in the order above, numbers rounded."""
        fields = dataclasses.asdict(self)
        del fields["decisive"]
        for name in _JSON_WHERE_GIVEN:
            if not fields[name]:
                del fields[name]
        for name, digits in _JSON_DIGITS.items():
            fields[name] = round(fields[name], digits)
        fields["scores"] = {label: round(p, 4) for label, p in self.scores.items()}
        fields["words"] = [rounded(word) for word in self.words]
        return json_line(fields)


def rounded(word: Mapping[str, Any]) -> dict[str, Any]:
    """Return a word's dict with its numbers rounded for reading."""
    return {
        name: round(value, _WORD_DIGITS[name]) if name in _WORD_DIGITS else value
        for name, value in word.items()
    }


_JSON_WHERE_GIVEN = (
    "label_set", "late", "asr_error", "voice_expression", "words_expression", "agreement",
)  # fmt: skip
"""Attributes that the JSON has only where they are not empty or false."""

_WORD_DIGITS = {
    "start_s": 3, "end_s": 3, "probability": 3, "text_attention": 4, "audio_attention": 4,
}  # fmt: skip

_JSON_DIGITS = {
    "start_s": 3, "end_s": 3, "confidence": 4, "valence": 3, "arousal": 3, "speech_ratio": 3,
    "level_dbfs": 1, "latency_ms": 2, "voice_known_s": 1,
}  # fmt: skip
