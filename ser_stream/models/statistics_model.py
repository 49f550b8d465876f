"""The base class of networks that compare a window's statistics with those of earlier turns.

The mean and standard deviation of a pretrained encoder's states over a window depend on the speaker
and on the manner of speaking. The speaker stays the same from turn to turn: the mean of earlier
turns, which the speaker memory holds, is subtracted, and the manner of speaking remains::

    steps           means of the encoder's states, and of their squares, over a few frames
    statistics      mean and standard deviation over the window's steps
    head            - offset of the speaker memory -> hidden layer -> labels
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.attention import valid_steps
from ser_stream.models.pooling import PoolingModel

STATISTICS_BATCHES = 60
"""Batches used to estimate the feature statistics."""


class StatisticsModel(PoolingModel):
    """Statistics over the window, and two linear layers; a subclass brings the encoder.

    Args:
        states: size of the encoder's states.
        hidden: units of each head between the statistics and the output layer.
        dropout: dropout of these units; that of the statistics is half of it.
        affect: whether there is an output layer for valence and arousal.
        heads: pairs of linear layers, each trained as a network of its own. The logits are the mean
            of theirs; together they are one pair of larger layers.
    """

    statistics_mean: Tensor
    """Mean of the statistics (2 * states,) over the training set: the prior of the speaker
    memory."""
    statistics_std: Tensor
    """Their standard deviation (2 * states,)."""

    hop_frames = 50
    window_frames = 500
    frames_per_step = 10
    context_frames = None
    remembers_statistics = True
    former_names: Mapping[str, str] = MappingProxyType(
        {"usual": "statistics_mean", "spread": "statistics_std"}
    )

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        states: int,
        hidden: int,
        dropout: float,
        affect: bool,
        heads: int = 1,
    ):
        super().__init__(labels, features)
        self.heads = heads
        self.register_buffer("statistics_mean", torch.zeros(2 * states))
        self.register_buffer("statistics_std", torch.ones(2 * states))
        self.hidden = nn.Sequential(
            nn.Dropout(dropout / 2), nn.Linear(2 * states, heads * hidden), nn.ReLU()
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(heads * hidden, len(labels))
        self.affect = nn.Linear(heads * hidden, 2) if affect else None
        if heads > 1 and not self.output.weight.is_meta:  # that of each head, as if it were alone
            with torch.no_grad():
                self.output.weight *= heads**0.5

    def fit_statistics(self, turns: Iterator[tuple[Tensor, Tensor]]) -> None:
        """Estimate the statistics' mean and deviation from `STATISTICS_BATCHES` batches at most."""
        # One batch is not enough: it holds a few speakers in as many rooms.
        with torch.no_grad():
            found = [self.statistics(*turn) for turn in itertools.islice(turns, STATISTICS_BATCHES)]
        self.statistics_mean = torch.cat(found).mean(dim=0)
        self.statistics_std = torch.cat(found).std(dim=0) + 1e-4

    @property
    def prior_statistics(self) -> Tensor:
        return self.statistics_mean

    def encode(self, features: Tensor) -> Tensor:
        return self.encode_chunk(features, self.initial_state(len(features)))[0]

    def step_statistics(self, states: Tensor) -> Tensor:
        """Return steps: the means of states and of their squares over each step.

        Args:
            states: (batch, steps, states per step, size).
        """
        return torch.cat([states.mean(dim=2), (states**2).mean(dim=2)], dim=2)

    def statistics(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the mean and standard deviation of the states over the steps, (batch, n)."""
        if lengths is None:
            means = steps.mean(dim=1)
        else:
            valid = valid_steps(steps.shape[1], lengths)[..., None]
            means = (steps * valid).sum(dim=1) / valid.sum(dim=1)
        mean, square = means.chunk(2, dim=1)
        return torch.cat([mean, (F.relu(square - mean**2) + 1e-6).sqrt()], dim=1)

    def embed(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> Tensor:
        return self._hidden(self.statistics(steps, lengths), offset)

    def _normalised(self, statistics: Tensor, offset: Tensor | None) -> Tensor:
        if offset is not None:
            statistics = statistics - offset
        return (statistics - self.statistics_mean) / self.statistics_std

    def _hidden(self, statistics: Tensor, offset: Tensor | None) -> Tensor:
        hidden: Tensor = self.hidden(self._normalised(statistics, offset))
        return hidden / self.heads  # so that the output layer returns the mean of the heads

    def forward(
        self, features: Tensor, lengths: Tensor | None = None, past: Tensor | None = None
    ) -> Tensor:
        """See the base; `past` as in `classify`."""
        return self.classify(self.encode(features), self.step_lengths(lengths), past)

    def classify(
        self, steps: Tensor, lengths: Tensor | None = None, past: Tensor | None = None
    ) -> Tensor:
        """See the base.

        Args:
            past: (batch, batch) weights of the batch's items in each item's speaker memory; see
                `ser_stream.data.conversations`. None for an empty memory.
        """
        statistics, offset = self._statistics_and_offset(steps, lengths, past)
        return self.output(self.dropout(self._hidden(statistics, offset)))

    def loss(self, *inputs: Any, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        features, lengths, past = (*inputs, None, None)[:3]
        steps, lengths = self.encode(features), self.step_lengths(lengths)
        return self.loss_of_steps(steps, lengths, past, targets, label_smoothing)

    def loss_of_steps(
        self,
        steps: Tensor,
        lengths: Tensor | None,
        past: Tensor | None,
        targets: Tensor,
        label_smoothing: float,
    ) -> Tensor:
        """Return the mean of the heads' losses.

        Args:
            steps, lengths, past: see `classify`.
            targets, label_smoothing: see `loss`.
        """
        normalised = self._normalised(*self._statistics_and_offset(steps, lengths, past))
        input_dropout, linear = self.hidden[0], cast(nn.Linear, self.hidden[1])
        losses = []
        for weight, bias, output in zip(
            linear.weight.chunk(self.heads),
            linear.bias.chunk(self.heads),
            self.output.weight.chunk(self.heads, dim=1),
            strict=True,
        ):
            hidden = F.relu(F.linear(input_dropout(normalised), weight, bias))
            logits = F.linear(self.dropout(hidden), output, self.output.bias).float()
            losses.append(F.cross_entropy(logits, targets, label_smoothing=label_smoothing))
        return torch.stack(losses).mean()

    def _statistics_and_offset(
        self, steps: Tensor, lengths: Tensor | None, past: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        statistics = self.statistics(steps, lengths)
        offset = None if past is None else past @ (statistics - self.statistics_mean)
        return statistics, offset
