"""Copies of a trained network with other labels."""

from __future__ import annotations

import torch

from ser_stream.models.base import EmotionModel
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import build_model


def with_labels(
    network: EmotionModel, info: ModelInfo, labels: tuple[str, ...], bias: float | None = None
) -> EmotionModel:
    """Return a copy of the network that has one output for each of `labels`.

    Outputs of labels that the network has keep their weights; added outputs start with the mean of
    all weights.

    Args:
        info: description of the network.
        labels: labels of the copy.
        bias: bias of the added outputs; None for the mean of all biases.
    """
    other = build_model(info.architecture, labels, info.features, info.options)
    weights = network.state_dict()
    weights = {name: weights[name] for name in other.state_dict()}
    for name in ("output.weight", "output.bias"):
        rows = dict(zip(network.labels, weights[name], strict=True))
        added = weights[name].mean(dim=0)
        if bias is not None and name == "output.bias":
            added = torch.tensor(bias)
        weights[name] = torch.stack([rows.get(label, added) for label in labels])
    other.load_state_dict(weights)
    other.set_normalisation(network.mean, network.std)
    other.has_speaker_memory = network.has_speaker_memory
    return other.eval()
