"""The tiny network: causal convolutions, a short bidirectional GRU, attentive statistics.

The network is our own, built for streaming. The convolutions look back in time only, so a step of
100 ms is final as soon as its last frame is there, and padding after a short window cannot reach
it. The recurrence runs over the window's 50 steps, not over the stream's past.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.attention import AttentiveStatistics, valid_steps
from ser_stream.models.options import Share, Size
from ser_stream.models.pooling import PoolingModel
from ser_stream.models.recurrent import hidden_states
from ser_stream.models.registry import register


class CausalBlock(nn.Module):
    """Causal convolution, batch normalisation, ReLU, pooling and dropout.

    Bands are pooled by their maximum, time by its mean: a maximum over time depends on where frames
    begin, so that the answer would change when the same sound comes a few milliseconds later
    (Zhang, "Making convolutional networks shift-invariant again", ICML 2019).

    Args:
        n_in, n_out: input and output channels.
        kernel: frames and bands that the convolution covers.
        stride, pool: (frames, bands) of the convolution and of the pooling.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int,
        stride: tuple[int, int],
        pool: tuple[int, int],
        dropout: float,
    ):
        super().__init__()
        self.past = kernel - stride[0]
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, padding=(0, kernel // 2), bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        # A pooling over one cell takes time, too: each kind only where it is needed.
        self.pool = nn.Sequential(
            nn.MaxPool2d((1, pool[1])) if pool[1] > 1 else nn.Identity(),
            nn.AvgPool2d((pool[0], 1)) if pool[0] > 1 else nn.Identity(),
        )
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n_in, frames, bands) -> (batch, n_out, frames / s, bands / t), rounded down.

        s, t: stride times pool in time and in bands.
        """
        past = F.pad(x, (0, 0, self.past, 0))
        return self.dropout(self.pool(F.relu(self.norm(self.conv(past)))))


@register("causal_crnn")
class CausalCrnn(PoolingModel):
    """Causal CNN front end, GRU and attentive statistics head.

    Args:
        channels: output channels of the four convolution blocks.
        encoding: dimension of a step.
        hidden: GRU units per direction.
        dropout: dropout of the head; that of the convolution blocks is a quarter of it.
        affect: whether there is an output layer for valence and arousal.
    """

    # Kernel, stride and pooling of each block, the last two as (frames, bands). Most of the time
    # is spent at full resolution, so the first blocks have strides.
    BLOCKS = (
        (5, (2, 2), (1, 1)),
        (3, (1, 2), (5, 1)),
        (3, (1, 2), (1, 1)),
        (3, (1, 1), (1, 2)),
    )

    frames_per_step = 10
    hop_frames = 50
    window_frames = 500
    # The blocks look back 3, 2 * 2, 2 * 10 and 2 * 10 frames; rounded up to whole steps.
    context_frames = 50

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        channels: tuple[Size, ...] = (32, 64, 128, 128),
        encoding: Size = 192,
        hidden: Size = 128,
        dropout: Share = 0.4,
        affect: bool = False,
    ):
        super().__init__(labels, features)
        sizes = (1, *channels)
        self.blocks = nn.Sequential(
            *(
                CausalBlock(n_in, n_out, *block, dropout / 4)
                for n_in, n_out, block in zip(sizes[:-1], sizes[1:], self.BLOCKS, strict=True)
            )
        )
        bands = features.dimension // 2 ** len(channels)
        self.encoding = nn.Sequential(nn.Linear(channels[-1] * bands, encoding), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(encoding, hidden, batch_first=True, bidirectional=True)
        self.pooling = AttentiveStatistics(2 * hidden, hidden)
        self.output = nn.Linear(4 * hidden, len(labels))
        self.affect = nn.Linear(4 * hidden, 2) if affect else None

    def encode(self, features: Tensor) -> Tensor:
        maps = self.blocks(self.normalise(features)[:, None])  # (batch, channels, steps, bands)
        return self.encoding(maps.transpose(1, 2).flatten(2))

    def embed(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> Tensor:
        """See the base, (batch, 4 * hidden). The speaker memory holds frames: no `offset`."""
        hidden = hidden_states(self.gru, self.dropout(steps), lengths)
        mask = None if lengths is None else valid_steps(steps.shape[1], lengths)
        return self.pooling(hidden, mask)
