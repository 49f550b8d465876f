"""Attention layers that the networks share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def valid_steps(n_steps: int, lengths: Tensor) -> Tensor:
    """Return a mask (batch, n_steps), True where a step lies within its item's length."""
    return torch.arange(n_steps, device=lengths.device) < lengths[:, None]


def mean_over_time(steps: Tensor, mask: Tensor | None = None) -> Tensor:
    """(batch, steps, dimension), mask (batch, steps) -> mean of the valid steps, (batch, dim.)."""
    if mask is None:
        return steps.mean(dim=1)
    return steps.masked_fill(~mask[..., None], 0.0).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def sinusoidal_encoding(n_steps: int, dimension: int) -> Tensor:
    """Return the positional encoding (n_steps, dimension) of an even dimension.

    Vaswani et al., "Attention is all you need", 2017, section 3.5: PE(pos, 2i) is the sine and
    PE(pos, 2i + 1) the cosine of pos / 10000^(2i / dimension).

    >>> sinusoidal_encoding(2, 4)[0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    position = torch.arange(n_steps)[:, None]
    rate = torch.exp(torch.arange(0, dimension, 2) * (-math.log(10_000.0) / dimension))
    angle = position * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


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


class SelfAttentionEncoder(nn.Module):
    """Transformer encoder of torch's layers (post-norm, ReLU), as Vaswani et al.

    Args:
        positional_encoding: add `sinusoidal_encoding` to what goes in.
    """

    def __init__(
        self,
        dimension: int,
        heads: int,
        feedforward: int,
        layers: int,
        dropout: float,
        positional_encoding: bool,
    ):
        super().__init__()
        self.positional_encoding = positional_encoding
        # Not nn.TransformerEncoder: its layers are copies, which start with the same weights.
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(dimension, heads, feedforward, dropout, batch_first=True)
            for _ in range(layers)
        )

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, steps, dimension), mask (batch, steps) -> the same shape.

        No step attends to steps outside the mask; their own output is undefined.
        """
        if self.positional_encoding:
            steps = _with_positions(steps)
        padding = None if mask is None else ~mask
        for layer in self.layers:
            steps = layer(steps, src_key_padding_mask=padding)
        return steps


class CrossAttentionLayer(nn.Module):
    """`nn.TransformerEncoderLayer` with the keys and values of another sequence."""

    def __init__(self, dimension: int, heads: int, feedforward: int, dropout: float):
        super().__init__()
        self.attention = nn.MultiheadAttention(dimension, heads, dropout, batch_first=True)
        self.feedforward = nn.Sequential(
            nn.Linear(dimension, feedforward),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(feedforward, dimension),
        )
        self.attention_norm = nn.LayerNorm(dimension)
        self.feedforward_norm = nn.LayerNorm(dimension)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """Queries (batch, K, dimension), keys (batch, T, dimension) -> the queries' shape.

        Args:
            mask: (batch, T), False for keys that are not attended to.
        """
        attended, _ = self.attention(
            queries, keys, keys, None if mask is None else ~mask, need_weights=False
        )
        steps = self.attention_norm(queries + self.dropout(attended))
        return self.feedforward_norm(steps + self.dropout(self.feedforward(steps)))


class CrossAttentionEncoder(nn.Module):
    """Transformer encoder in which every layer takes keys and values from another sequence.

    It is the crossmodal transformer of Tsai et al., "Multimodal transformer for unaligned
    multimodal language sequences", ACL 2019, section 3.2, with post-norm instead of pre-norm.

    Args:
        positional_encoding: add `sinusoidal_encoding` to both sequences.
    """

    def __init__(
        self,
        dimension: int,
        heads: int,
        feedforward: int,
        layers: int,
        dropout: float,
        positional_encoding: bool,
    ):
        super().__init__()
        self.positional_encoding = positional_encoding
        self.layers = nn.ModuleList(
            CrossAttentionLayer(dimension, heads, feedforward, dropout) for _ in range(layers)
        )

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """As `CrossAttentionLayer`."""
        if self.positional_encoding:
            queries, keys = _with_positions(queries), _with_positions(keys)
        for layer in self.layers:
            queries = layer(queries, keys, mask)
        return queries


def _with_positions(steps: Tensor) -> Tensor:
    return steps + sinusoidal_encoding(*steps.shape[1:]).to(steps)


class GlobalAttention(nn.Module):
    """Attention by learned queries q, one per head: weights = softmax over the steps of q . h.

    Lee, Yoon and Jung, Interspeech 2020, eqs. 4 and 5; with one head, that of Mirsamadi, Barsoum
    and Zhang, "Automatic speech emotion recognition using recurrent neural networks with local
    attention", ICASSP 2017.
    """

    def __init__(self, dimension: int, heads: int = 1):
        super().__init__()
        self.queries = nn.Linear(dimension, heads, bias=False)

    def forward(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, steps, dimension), mask (batch, steps) -> weights (batch, heads, steps)."""
        energy = self.queries(states).transpose(-1, -2)
        if mask is not None:
            energy = energy.masked_fill(~mask[:, None], -torch.inf)
        return energy.softmax(dim=2)


def aggregate(weights: Tensor, states: Tensor) -> Tensor:
    """Sum states (batch, steps, dimension) with weights (batch, heads, steps).

    Returns:
        (batch, heads * dimension), the sums of all heads, the first head's in front.
    """
    return (weights @ states).flatten(1)


class AttentionPooling(GlobalAttention):
    """Global attention with one head that returns the weighted sum of the states."""

    def forward(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, steps, dimension), mask (batch, steps) -> (batch, dimension)."""
        return aggregate(super().forward(states, mask), states)
