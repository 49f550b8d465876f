"""From logits to probabilities that may be believed: temperature, floor and offset."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What turns logits into probabilities that may be believed, for one trigger.

    Attributes:
        temperature: logits are divided by it (Guo et al., ICML 2017).
        floor: with less confidence than this the estimate abstains.
        neutral: (labels,) mean log-probabilities, before the temperature, of unheard speakers'
            neutral speech; () where it is not known.
        offset: (labels,) what is added to the logits for one person's voice; () for anybody's.
    """

    temperature: float = 1.0
    floor: float = 0.0
    neutral: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """(..., labels) logits -> probabilities."""
        if self.offset:
            logits = logits + np.array(self.offset)
        return np.exp(log_softmax(logits / self.temperature))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
