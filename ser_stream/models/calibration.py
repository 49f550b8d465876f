"""Calibration: logits to probabilities that match the frequency of correct answers.

How often an answer is right depends on how long a voice has been heard: on the first turn of a
stranger, a network with speaker memory is wrong more often than its logits suggest. The divisor of
the logits therefore falls from `new_voice_temperature` to `temperature` while the voice becomes
known, by the same weight that the speaker memory gives to what it knows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta

from ser_stream.features.speaker_memory import memory_weight
from ser_stream.units import Seconds

LogProbability = Annotated[float, Meta(ge=-1000, le=0)]
Offset = Annotated[float, Meta(ge=-1000, le=1000)]
Temperature = Annotated[float, Meta(ge=0.01, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]

KNOWN_VOICE_S: Seconds = 5.0
"""A voice counts as known, for sets of labels, once the speaker memory holds this much of it."""


@dataclasses.dataclass(frozen=True)
class LabelSets:
    """Thresholds of conformal sets, which hold the true label with a given frequency.

    A label is in the set where its calibrated probability reaches the threshold (least ambiguous
    sets: Sadinle, Lei and Wasserman, JASA 114, 2019).

    Attributes:
        coverage: share of the estimates whose set holds the true label.
        new_voice, known_voice: threshold before and after `KNOWN_VOICE_S` of a voice.
    """

    coverage: Annotated[float, Meta(gt=0, lt=1)]
    new_voice: Share
    known_voice: Share

    def threshold(self, voice_known_s: Seconds | np.ndarray) -> np.ndarray:
        """Return the least probability (...) of a label in the set, after seconds (...) of a voice.

        >>> float(LabelSets(0.9, 0.05, 0.1).threshold(20.0))
        0.1
        """
        known = np.asarray(voice_known_s) >= KNOWN_VOICE_S
        return np.where(known, self.known_voice, self.new_voice)

    def chosen(self, probabilities: np.ndarray, voice_known_s: Seconds | np.ndarray) -> np.ndarray:
        """Return which labels are in the set, (..., labels) bool; the best one always is.

        Args:
            probabilities: (..., labels) calibrated.
            voice_known_s: (...) seconds of this voice in the speaker memory.
        """
        threshold = np.minimum(self.threshold(voice_known_s), probabilities.max(axis=-1))
        chosen: np.ndarray = probabilities >= threshold[..., None]
        return chosen


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Turns the logits of a model into calibrated probabilities, for one trigger.

    Attributes:
        temperature: divisor of the logits (Guo et al., "On calibration of modern neural networks",
            ICML 2017); where there is a `new_voice_temperature`, that of a voice known for long.
        floor: estimates with a confidence below it abstain.
        neutral: (labels,) mean log-probabilities at temperature 1 of neutral speech of validation
            speakers; () where they were not measured.
        offset: (labels,) added to the logits, for the voice of one person; () for any voice.
        new_voice_temperature: divisor of the logits for a voice that was never heard, not below
            `temperature`; None: the same.
        label_sets: thresholds of sets of labels; None where they were not fitted.
    """

    temperature: Temperature = 1.0
    floor: Share = 0.0
    neutral: tuple[LogProbability, ...] = ()
    offset: tuple[Offset, ...] = ()
    new_voice_temperature: Temperature | None = None
    label_sets: LabelSets | None = None

    def probabilities(
        self, logits: np.ndarray, voice_known_s: Seconds | np.ndarray = 0.0
    ) -> np.ndarray:
        """Return the calibrated probabilities (..., labels) of logits (..., labels).

        Args:
            voice_known_s: (...) seconds of this voice in the speaker memory; 0 without one.
        """
        if self.offset:
            logits = logits + np.array(self.offset)
        return np.exp(log_softmax(logits / self.temperature_after(voice_known_s)[..., None]))

    def temperature_after(self, voice_known_s: Seconds | np.ndarray) -> np.ndarray:
        """Return the divisor (...) of the logits after some seconds (...) of a voice.

        >>> float(Calibration(temperature=1.0, new_voice_temperature=3.0).temperature_after(2.0))
        2.0
        """
        known_s = np.asarray(voice_known_s, np.float64)
        new = self.temperature if self.new_voice_temperature is None else self.new_voice_temperature
        temperature: np.ndarray = new + memory_weight(known_s) * (self.temperature - new)
        return temperature

    def for_known_voice(self) -> Calibration:
        """Return the calibration for a voice that is known from the beginning."""
        sets = self.label_sets
        if sets is not None:
            sets = dataclasses.replace(sets, new_voice=sets.known_voice)
        return dataclasses.replace(self, new_voice_temperature=None, label_sets=sets)

    def label_set(
        self, labels: Sequence[str], probabilities: np.ndarray, voice_known_s: Seconds
    ) -> tuple[str, ...]:
        """Return the labels of the set, the most probable one first; () without `label_sets`.

        Args:
            labels, probabilities: (labels,) all labels, and their calibrated probabilities.
            voice_known_s: seconds of this voice in the speaker memory.
        """
        if self.label_sets is None:
            return ()
        chosen = self.label_sets.chosen(probabilities, voice_known_s)
        order = np.argsort(-probabilities, kind="stable")
        return tuple(labels[index] for index in order if chosen[index])


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the logarithms of the softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
