import math

import pytest
import torch
from torch import nn

from ser_stream.models.attention import (
    AttentionPooling,
    CrossAttentionLayer,
    SelfAttentionEncoder,
    sinusoidal_encoding,
)


def test_attention_pooling_is_eqs_9_and_10():
    pooling = AttentionPooling(4)
    states = torch.randn(1, 5, 4)
    energies = [math.exp((pooling.queries.weight[0] @ h).item()) for h in states[0]]
    expected = sum(e / sum(energies) * h for e, h in zip(energies, states[0], strict=True))
    torch.testing.assert_close(pooling(states)[0], expected)


def test_positional_encoding_is_eqs_3_and_4():
    encoding = sinusoidal_encoding(100, 6)
    for position in (0, 1, 99):
        for i in range(3):
            angle = position / 10_000 ** (2 * i / 6)
            pair = encoding[position, 2 * i : 2 * i + 2].tolist()
            assert pair == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-5)


def test_transformer_layers_start_with_different_weights():
    first, second = SelfAttentionEncoder(8, 2, 16, 2, 0.0, False).layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_cross_attention_to_itself_is_torchs_encoder_layer():
    cross = CrossAttentionLayer(8, 2, 16, 0.1).eval()
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    names = {
        "self_attn": "attention", "linear1": "feedforward.0", "linear2": "feedforward.3",
        "norm1": "attention_norm", "norm2": "feedforward_norm",
    }  # fmt: skip
    weights = cross.state_dict()
    for old, new in names.items():
        part = {n: weights[f"{new}.{n}"] for n in layer.get_submodule(old).state_dict()}
        layer.get_submodule(old).load_state_dict(part)
    steps = torch.randn(2, 7, 8)
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    expected = layer(steps, src_key_padding_mask=~mask)
    actual = cross(steps, steps, mask)
    torch.testing.assert_close(actual[mask], expected[mask], atol=1e-5, rtol=0)
