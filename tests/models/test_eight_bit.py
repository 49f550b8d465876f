"""Weights rounded to eight bits."""

import torch

from ser_stream.models.eight_bit import from_eight_bit, to_eight_bit


def test_eight_bits_are_off_by_less_than_half_a_step():
    weights = {"matrix": torch.randn(5, 3, 2), "bias": torch.randn(5), "zero": torch.zeros(2, 2)}
    back = from_eight_bit(to_eight_bit(weights))
    assert set(back) == set(weights)
    assert torch.equal(back["bias"], weights["bias"])
    assert torch.equal(back["zero"], weights["zero"])
    step = weights["matrix"].flatten(1).abs().amax(dim=1) / 127
    assert torch.all((back["matrix"] - weights["matrix"]).abs() <= 0.501 * step[:, None, None])
