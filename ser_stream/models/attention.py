"""Attention layers that the networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def valid_steps(n_steps: int, lengths: Tensor) -> Tensor:
    """Mask (batch, n_steps), True where a step lies within its item's length."""
    return torch.arange(n_steps, device=lengths.device) < lengths[:, None]


class AttentiveStatistics(nn.Module):
    """Attentive statistics pooling: attention-weighted mean and standard deviation over time.

    Okabe, Koshinaka and Shinoda, "Attentive statistics pooling for deep speaker embedding",
    Interspeech 2018, eqs. 3-6.
    """

    def __init__(self, dimension: int, hidden: int):
        super().__init__()
        self.energy = nn.Sequential(
            nn.Linear(dimension, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False)
        )

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, steps, dimension), mask (batch, steps) -> (batch, 2 * dimension)."""
        energy = self.energy(steps)
        if mask is not None:
            energy = energy.masked_fill(~mask[..., None], -torch.inf)
        weights = energy.softmax(dim=1)
        mean = (weights * steps).sum(dim=1)
        variance = (weights * (steps - mean[:, None]) ** 2).sum(dim=1)
        return torch.cat([mean, (variance + 1e-6).sqrt()], dim=1)


class GlobalAttention(nn.Module):
    """Attention by learned queries, each a head: weights = softmax over the steps of q . h.

    Lee, Yoon and Jung, Interspeech 2020, eqs. 4 and 5; with one head, what Mirsamadi, Barsoum and
    Zhang use in "Automatic speech emotion recognition using recurrent neural networks with local
    attention", ICASSP 2017.
    """

    def __init__(self, dimension: int, heads: int = 1):
        super().__init__()
        self.queries = nn.Linear(dimension, heads, bias=False)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(batch, steps, dimension), mask (batch, steps) -> weights (batch, heads, steps)."""
        energy = self.queries(states).mT.masked_fill(~mask[:, None], -torch.inf)
        return energy.softmax(dim=2)


def aggregate(weights: Tensor, states: Tensor) -> Tensor:
    """Weighted sums of (batch, steps, dimension) by weights (batch, heads, steps), side by side.

    Returns:
        (batch, heads * dimension), the first head's in front.
    """
    return (weights @ states).flatten(1)
