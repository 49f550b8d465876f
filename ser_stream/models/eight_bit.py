"""Weights in eight bits: a quarter of the bytes on disk. Networks still compute with floats.

Each row of a matrix and each filter of a convolution has its own scale, symmetric around zero, as
in Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
inference", CVPR 2018. Vectors (biases, normalisation) are small and stay floats.
"""

from __future__ import annotations

import torch
from torch import Tensor

SCALE = ".scale"
"""Suffix of the name of a tensor that holds the scales of another one."""


def to_eight_bit(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with int8 tensors and their scales in place of matrices of floats."""
    packed = {}
    for name, tensor in weights.items():
        if tensor.dim() < 2 or not tensor.is_floating_point():
            packed[name] = tensor
            continue
        rows = tensor.flatten(1)
        scale = rows.abs().amax(dim=1).clamp(min=1e-12) / 127
        packed[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(tensor)
        packed[name + SCALE] = scale
    return packed


def from_eight_bit(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as floats; inverse of `to_eight_bit`, for any weights."""
    weights = {}
    for name, tensor in packed.items():
        if name.endswith(SCALE):
            continue
        scale = packed.get(name + SCALE)
        if scale is not None:
            tensor = tensor * scale.view(-1, *[1] * (tensor.dim() - 1))
        weights[name] = tensor
    return weights
