"""Convolution blocks of Sherman, Hazan and Gannot, as in Keras, which the authors used."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS = {"elu": nn.ELU, "relu": nn.ReLU}


class SamePool(nn.Module):
    """Max pooling with TensorFlow's padding "same": ceil(size / pool) cells per axis.

    Half of the padding is in front; torch's `ceil_mode` would put all of it at the end.

    >>> SamePool((1, 4))(torch.arange(6.0).view(1, 1, 1, 6)).flatten().tolist()
    [2.0, 5.0]
    """

    def __init__(self, pool: tuple[int, int]):
        super().__init__()
        self.pool = tuple(pool)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, rows, columns) -> ceil(rows / pool[0]), ceil(columns / pool[1])."""
        rows, columns = (-size % pool for size, pool in zip(x.shape[2:], self.pool, strict=True))
        if rows or columns:
            around = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
            x = F.pad(x, around, value=-torch.inf)
        return F.max_pool2d(x, self.pool)


class TrackingBatchNorm(nn.BatchNorm2d):
    """Batch normalisation that always tracks running statistics, with Keras' defaults."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(self, channels: int):
        super().__init__(channels, eps=1e-3, momentum=0.01)


class ConvolutionBlock(nn.Module):
    """Convolution 3x3, batch normalisation, max pooling, activation and dropout.

    The paper pools after the activation. Both activations are monotonic, so pooling first gives the
    same result, and the activation is computed for a quarter or a sixteenth of the cells.
    Normalisation is decreasing where its weight is negative, so it stays in front of the pooling.
    """

    def __init__(
        self, n_in: int, n_out: int, pool: tuple[int, int], activation: str, dropout: float
    ):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.norm = TrackingBatchNorm(n_out)
        self.pool = SamePool(pool)
        self.activation = ACTIVATIONS[activation](inplace=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, n_in, rows, columns) -> (batch, n_out, rows / pool, columns / pool), ceiled."""
        return self.dropout(self.activation(self.pooled(maps)))

    def pooled(self, maps: Tensor) -> Tensor:
        """Return the pooled maps in front of the activation."""
        return self.pool(self.norm(self.conv(maps)))


class FirstBlock(ConvolutionBlock):
    """The block of one input channel, which gives the same result but normalises after pooling.

    Its maps are by far the largest, and normalising them takes half of a training step. Two facts
    avoid that. Where a channel's weight in the normalisation is negative, the maximum afterwards is
    the minimum before, so the filter's sign is inverted. And the mean and variance of the output of
    a filter w follow from those of its 3x3 input patches p: w . E[p] and w . Cov[p] w.
    """

    def __init__(
        self, n_in: int, n_out: int, pool: tuple[int, int], activation: str, dropout: float
    ):
        super().__init__(n_in, n_out, pool, activation, dropout)
        # Normalisation cancels the bias: its gradient is zero, so none is computed.
        self._bias.requires_grad_(False)

    @property
    def _bias(self) -> Tensor:
        assert self.conv.bias is not None
        return self.conv.bias

    def pooled(self, maps: Tensor) -> Tensor:
        conv, norm = self.conv, self.norm
        sign = norm.weight.detach().sign()
        filters = conv.weight * sign[:, None, None, None]
        # The bias does not change which cell is largest; it is added to the mean alone.
        cells = self.pool(F.conv2d(maps, filters, padding=1))
        if self.training:
            mean, variance = _output_moments(maps, filters)
            whole = sign * mean.detach() + self._bias
            self._track(whole, variance.detach(), maps.numel())
        else:
            mean, variance = sign * (norm.running_mean - self._bias), norm.running_var
        scale = norm.weight.abs() * (variance + norm.eps).rsqrt()
        shift = norm.bias - mean * scale
        return cells * scale[:, None, None] + shift[:, None, None]

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, n: int) -> None:
        """Update the running statistics as nn.BatchNorm2d does, with the unbiased variance."""
        norm = self.norm
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * n / (n - 1), norm.momentum)
        norm.num_batches_tracked += 1


def _output_moments(maps: Tensor, filters: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and variance (n_out,) of padded 3x3 filters' output for one channel."""
    filters = filters.flatten(1)
    with torch.no_grad():
        patches = F.unfold(maps, 3, padding=1).transpose(0, 1).flatten(1)  # (9, cells)
        centre = patches.mean(dim=1)
        patches -= centre[:, None]
        covariance = patches @ patches.mT / patches.shape[1]
    return filters @ centre, ((filters @ covariance) * filters).sum(dim=1)
