"""Predictions of a network for batches of evaluation data, and their scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ser_stream.evaluation.metrics import Scores, score
from ser_stream.models.base import NormalisingModel


class EvaluationBatches(Protocol):
    """Batches for evaluation."""

    targets: np.ndarray
    """(items,) indices of labels."""

    def batches(self) -> Iterator[tuple[np.ndarray, tuple[Any, ...]]]:
        """Yield indices (batch,) into `targets`, and the network's arguments.

        An item may occur several times, once for each of its parts.
        """


def predict(model: NormalisingModel, data: EvaluationBatches) -> Tensor:
    """Return logits (items, labels) of a network in evaluation mode; the mean of several parts."""
    device = next(model.parameters()).device
    logits = torch.zeros(len(data.targets), len(model.labels))
    parts = torch.zeros(len(data.targets), 1)
    with torch.inference_mode():
        for indices, inputs in data.batches():
            inputs = tuple(None if part is None else part.to(device) for part in inputs)
            members = torch.as_tensor(indices)
            logits.index_add_(0, members, model(*inputs).float().cpu())
            parts.index_add_(0, members, torch.ones(len(members), 1))
    return logits / parts


def evaluate(model: NormalisingModel, data: EvaluationBatches) -> Scores:
    """Score a network's predictions against the targets."""
    return score(model.labels, data.targets, predict(model, data).argmax(1).numpy())
