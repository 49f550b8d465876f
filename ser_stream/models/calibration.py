"""Calibration: logits to probabilities that match the frequency of correct answers."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from msgspec import Meta

LogProbability = Annotated[float, Meta(ge=-1000, le=0)]
Offset = Annotated[float, Meta(ge=-1000, le=1000)]


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Turns the logits of a model into calibrated probabilities, for one trigger.

    Attributes:
        temperature: divisor of the logits (Guo et al., "On calibration of modern neural networks",
            ICML 2017).
        floor: estimates with a confidence below it abstain.
        neutral: (labels,) mean log-probabilities at temperature 1 of neutral speech of validation
            speakers; () where they were not measured.
        offset: (labels,) added to the logits, for the voice of one person; () for any voice.
    """

    temperature: Annotated[float, Meta(ge=0.01, le=100)] = 1.0
    floor: Annotated[float, Meta(ge=0, le=1)] = 0.0
    neutral: tuple[LogProbability, ...] = ()
    offset: tuple[Offset, ...] = ()

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities (..., labels) of logits (..., labels)."""
        if self.offset:
            logits = logits + np.array(self.offset)
        return np.exp(log_softmax(logits / self.temperature))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the logarithms of the softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
