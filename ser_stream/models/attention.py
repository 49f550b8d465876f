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
