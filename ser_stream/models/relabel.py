"""The same network for other labels."""

from __future__ import annotations

import torch

from ser_stream.models.base import EmotionModel
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import build_model


def with_labels(
    network: EmotionModel, info: ModelInfo, labels: tuple[str, ...], bias: float | None = None
) -> EmotionModel:
    """A copy of the network that has an output for each of `labels`.

    Outputs for labels that it has keep their weights, those for others begin with the mean of all.

    Args:
        info: the network's.
        bias: of the added outputs; None: the mean of the others', as their weights are.
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
