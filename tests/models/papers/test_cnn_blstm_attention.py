import copy
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.errors import InputError
from ser_stream.features.log_mel import SHERMAN, LogMelConfig
from ser_stream.models.papers.cnn_blstm_attention import CnnBlstmAttention
from ser_stream.models.papers.convolution_blocks import SamePool
from ser_stream.models.recurrent import hidden_states

IEMOCAP_LABELS = ("neutral", "happy", "sad", "angry")
DESCRIPTORS = SimpleNamespace(dimension=46)
"""Stands for the settings of the 46 descriptors: of those the network reads their number only."""


def ravdess_variant(features=SHERMAN, **options):
    torch.manual_seed(0)
    return CnnBlstmAttention(BASIC_EMOTIONS, features, **options)


def iemocap_variant(**options):
    torch.manual_seed(0)
    whole = {"chunk_frames": 157, "chunk_hop": 157, "window_chunks": 1}
    return CnnBlstmAttention(IEMOCAP_LABELS, DESCRIPTORS, **whole, **options)


def small_variant(**options):
    """A quarter of the bands: the same steps of 128 in a quarter of the time."""
    return ravdess_variant(LogMelConfig(n_mels=32), **options)


def count_as_keras(model):
    """Parameters without the output layer: what trains, and batch normalisation's statistics.

    Keras trains the first bias too, which normalisation takes out.
    """
    trained = sum(
        p.numel() for name, p in model.named_parameters()
        if p.requires_grad or name == "blocks.0.conv.bias"
    )  # fmt: skip
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    statistics = sum(norm.running_mean.numel() + norm.running_var.numel() for norm in norms)
    return trained + statistics - sum(p.numel() for p in model.output.parameters())


def test_parameter_counts_are_the_papers():
    assert count_as_keras(ravdess_variant()) == 1_180_352
    assert count_as_keras(iemocap_variant()) == 1_442_496


def test_the_second_lstm_bias_stays_zero():
    model = small_variant().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.randn(2, 192, 32)).square().sum().backward()
    optimizer.step()
    second = [p for name, p in model.blstm.named_parameters() if "bias_hh" in name]
    assert [p.abs().max().item() for p in second] == [0.0, 0.0]


def test_a_chunk_becomes_one_vector():
    """2x2 and three 4x4 pools: 128 -> 64 -> 16 -> 4 -> 1, 157 -> 79 -> 20 -> 5 -> 2, 46 -> 1."""
    assert ravdess_variant().eval().encode(torch.zeros(1, 128, 128)).shape == (1, 1, 128)
    assert iemocap_variant().eval().encode(torch.zeros(1, 157, 46)).shape == (1, 1, 256)


def test_papers_text_keeps_the_ravdess_count_and_loses_the_iemocap_count():
    text = {"activation": "relu", "first_pool": (4, 4)}
    assert count_as_keras(ravdess_variant(**text)) == 1_180_352
    assert count_as_keras(iemocap_variant(**text)) == 1_180_352


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 4, 5])
def test_any_number_of_convolution_blocks(n_blocks):
    model = small_variant(filters=(64, 64, 128, 128, 128)[:n_blocks]).eval()
    assert model(torch.randn(1, 192, 32)).shape == (1, 7)


@pytest.mark.parametrize(
    ("size", "pool", "expected"),
    [(5, 2, [1, 3, 4]), (6, 4, [2, 5]), (5, 4, [2, 4]), (2, 4, [1]), (8, 4, [3, 7])],
)
def test_same_pooling_pads_as_tensorflow(size, pool, expected):
    """Of the padding p that is missing, p // 2 goes in front, the rest behind."""
    rising = torch.arange(float(size)).view(1, 1, size, 1)
    assert SamePool((pool, 1))(rising).flatten().tolist() == expected
    assert SamePool((1, pool))(rising.mT).flatten().tolist() == expected


@pytest.mark.parametrize(
    ("filters", "ravdess", "iemocap"),
    [
        ((64, 64), 16_384, 7_680),
        ((64, 64, 128), 2_048, 1_280),
        ((64, 64, 128, 128), 128, 256),
        ((64, 64, 128, 128, 128), 128, 128),
    ],
)
def test_steps_of_table_three(filters, ravdess, iemocap):
    """128 -> 64, 16, 4, 1, 1; 157 x 46 -> 79 x 23, 20 x 6, 5 x 2, 2 x 1, 1 x 1."""
    assert ravdess_variant(filters=filters).dimension == ravdess
    assert iemocap_variant(filters=filters).dimension == iemocap


@pytest.mark.parametrize("activation", ["elu", "relu"])
@pytest.mark.parametrize("first_pool", [(2, 2), (4, 4)])
def test_pooling_first_is_pooling_after_the_activation(activation, first_pool):
    """Each block of the paper is convolution, normalisation, activation, pooling."""
    model = small_variant(activation=activation, first_pool=first_pool, dropout=0.0).train()
    for block in model.blocks:
        nn.init.normal_(block.norm.weight)  # negative ones too: pooling may not come before these
        nn.init.normal_(block.conv.bias)
        nn.init.normal_(block.norm.bias)
    naive = nn.Sequential()
    for block in copy.deepcopy(model.blocks):
        naive.extend([block.conv, block.norm, type(block.activation)(), block.pool])
    chunks = torch.randn(4, 1, 128, 32)
    gradients, maps = [], []
    for network in (model.blocks, naive):
        maps.append(network(chunks))
        maps[-1].square().sum().backward()
        # In training, normalisation takes the convolutions' biases out.
        gradients.append([p.grad for n, p in network.named_parameters() if p.dim() > 1])
    # The same numbers up to the last bit, in which torch's ELU need not rise.
    torch.testing.assert_close(maps[0], maps[1], atol=1e-4, rtol=1e-4)
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3 * float(theirs.abs().max()), rtol=0)
    statistics = [dict(network.named_buffers()).values() for network in (model.blocks, naive)]
    for ours, theirs in zip(*statistics, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    model.eval(), naive.eval()
    torch.testing.assert_close(model.blocks(chunks), naive(chunks), atol=1e-4, rtol=1e-4)


def test_without_attention_the_last_states_give_the_answer():
    model = small_variant(attention=False, activity_penalty=0.5).train()
    assert model.output.in_features == 512
    assert count_as_keras(model) == count_as_keras(small_variant()) - 131_328
    steps = torch.randn(2, 4, model.dimension)
    logits, penalised = model._head(steps, torch.tensor([4, 2]))
    _, (first, _) = model.blstm(steps[:1])
    _, (second, _) = model.blstm(steps[1:, :2])
    last = torch.stack([first.flatten(), second.flatten()])  # forward, then backward
    torch.testing.assert_close(logits, model.output(last))
    torch.testing.assert_close(penalised, last)


def test_without_convolutions_the_blstm_sees_the_frames():
    frames = {"filters": (), "chunk_frames": 1, "chunk_hop": 1, "window_chunks": 626}
    model = ravdess_variant(**frames).eval()
    assert (model.dimension, model.window_frames, model.window_steps) == (128, 626, 626)
    model.set_normalisation(torch.full((128,), -40.0), torch.full((128,), 12.0))
    clip = torch.randn(2, 626, 128)
    torch.testing.assert_close(model.encode(clip), (clip + 40.0) / 12.0)
    assert model(clip).shape == (2, 7)


def test_without_convolutions_a_step_may_be_a_chunk_laid_flat():
    model = small_variant(filters=()).eval()
    clip = torch.randn(1, 192, 32)
    torch.testing.assert_close(model.encode(clip)[0, 1], clip[0, 64:].flatten())


def test_faithful_map_gives_eight_steps_and_drops_fifty_frames():
    model = ravdess_variant()
    assert (model.window_frames, model.window_steps, model.hop_frames) == (576, 8, 64)
    assert model.steps_in(626) == 8
    assert [model.steps_in(n) for n in (0, 127, 128, 191, 192)] == [0, 0, 1, 1, 2]
    assert iemocap_variant().steps_in(157) == 1


def test_encoding_hop_by_hop_is_encoding_the_whole_turn():
    model = small_variant().eval()
    model.set_normalisation(torch.full((32,), -40.0), torch.full((32,), 12.0))
    turn = 12 * torch.randn(2, 8 * 64 + 30, 32) - 40
    with torch.inference_mode():
        whole = model.encode(turn)
        hops = []
        for end in range(64, turn.shape[1] + 1, 64):
            start = max(0, end - model.hop_frames - model.context_frames)
            hops.append(model.encode(turn[:, start:end])[:, -1:])
    assert [hop.shape[1] for hop in hops] == [0] + 7 * [1]  # the first chunk needs two hops
    torch.testing.assert_close(torch.cat(hops, dim=1), whole, atol=1e-5, rtol=0)


def test_a_short_turn_has_the_same_logits_in_a_batch_and_alone():
    model = small_variant().eval()
    steps = torch.randn(3, 8, model.dimension)
    lengths = torch.tensor([3, 8, 1])
    for row, n in zip(steps, lengths, strict=True):
        row[n:] = 1e6
    together = model.classify(steps, lengths)
    alone = [model.classify(row[None, :n]) for row, n in zip(steps, lengths, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_the_level_of_padding_has_no_influence_in_training():
    windows = torch.randn(2, 576, 32)
    losses = []
    for level in (0.0, 1e6):
        windows[1, 200:] = level
        model = small_variant().train()
        torch.manual_seed(0)  # dropout
        losses.append(model.loss(windows, torch.tensor([576, 200]), targets=torch.tensor([0, 1])))
    assert losses[0] == losses[1]


def test_forward_takes_lengths_in_frames():
    model = small_variant().eval()
    windows = torch.randn(2, 576, 32)
    together = model(windows, torch.tensor([576, 200]))
    torch.testing.assert_close(together[1:], model(windows[1:, :200]), atol=1e-5, rtol=0)


def test_attention_weights_sum_to_one_over_valid_steps():
    attention = ravdess_variant().attention
    states = torch.randn(2, 8, 512).tanh()
    mask = torch.arange(8) < torch.tensor([[8], [3]])
    weights = attention.weights(states, mask)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
    assert (weights[1, 3:] == 0).all() and (weights[1, :3] > 0).all()
    assert (attention.weights(states[:, :1]) == 1).all()  # IEMOCAP's only step


def test_a_steps_weight_is_spread_over_its_chunk():
    model = small_variant().eval()
    windows, lengths = torch.randn(2, 256, 32), torch.tensor([256, 200])  # 3 and 2 steps
    weights = model.attention_weights(windows, lengths)["attention"]
    states = hidden_states(model.blstm, model.encode(windows), torch.tensor([3, 2]))
    first, second, third = model.attention.weights(states[:1])[0] / 128
    torch.testing.assert_close(weights[0, :64], first.expand(64))
    torch.testing.assert_close(weights[0, 64:128], (first + second).expand(64))
    torch.testing.assert_close(weights[0, 192:], third.expand(64))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
    assert (weights[1, 192:] == 0).all()
    assert small_variant(attention=False).attention_weights(windows) == {}


def test_attention_is_the_codes():
    """Energy is v . tanh(W h) / sqrt(256), the context the sum of weight * h."""
    attention = ravdess_variant().attention
    states = torch.randn(1, 5, 512).tanh()
    w, v = attention.hidden.weight.detach(), attention.energy.weight[0].detach()
    energies = [float(torch.tanh(w @ h) @ v) / math.sqrt(256) for h in states[0]]
    exponentials = [math.exp(e) for e in energies]
    context = sum(e / sum(exponentials) * h for e, h in zip(exponentials, states[0], strict=True))
    torch.testing.assert_close(attention(states)[0], context, atol=1e-5, rtol=0)
    assert 0.99 < w.std() < 1.01 and attention.hidden.bias is attention.energy.bias is None


@pytest.mark.parametrize("options", [{}, {"attention": False}, {"filters": ()}])
def test_every_trained_parameter_gets_a_gradient(options):
    # Fixed statistics: with the batch's own, batch normalisation takes each convolution's bias out.
    model = small_variant(**options).eval()
    model(torch.randn(4, 256, 32)).logsumexp(1).sum().backward()
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert [name for name, p in trained.items() if not p.grad.abs().sum() > 0] == []


def test_overfits_one_batch():
    model = small_variant(dropout=0.0).train()
    windows, targets = torch.randn(8, 192, 32), torch.arange(8) % 7
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(20):
        loss = model.loss(windows, targets=targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model(windows).argmax(1).tolist() == targets.tolist()


def test_activity_penalty_is_l1_of_the_blstm_output():
    windows, targets = torch.randn(2, 320, 32), torch.tensor([0, 1])
    lengths = torch.tensor([320, 192])  # 4 and 2 steps
    losses = []
    for weight in (0.5, 0.0):
        torch.manual_seed(0)
        model = small_variant(activity_penalty=weight, dropout=0.0).eval()
        losses.append(model.loss(windows, lengths, targets=targets))
    steps = model.encode(windows)
    first, second = model.blstm(steps[:1])[0], model.blstm(steps[1:, :2])[0]
    expected = 0.5 * (first.abs().sum() + second.abs().sum()) / 2
    torch.testing.assert_close(losses[0] - losses[1], expected, atol=1e-4, rtol=1e-4)


def test_unknown_activation_is_an_error():
    with pytest.raises(InputError, match="found 'gelu'; accepted are elu, relu"):
        ravdess_variant(activation="gelu")
