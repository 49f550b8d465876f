import math

import numpy as np
import pytest
import torch
from torch import nn

from scored import Encoder
from ser_stream.errors import InputError
from ser_stream.features.log_mel import JALAL
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.papers.moma import ContextualAttention, Moma
from ser_stream.models.registry import build_model

LABELS = ("neutral", "happy", "sad", "angry")
SMALL = {"hidden": 6, "context": 5}

any_blocks = pytest.mark.parametrize("blocks", [0, 1, 3])


def small(**changes):
    torch.manual_seed(0)
    model = build_model("moma", LABELS, JALAL, {**SMALL, **changes})
    model.set_normalisation(torch.full((23,), -40.0), torch.full((23,), 12.0))
    return model


def turn(n_frames, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(-40, 12, (n_frames, 23)).astype(np.float32))


def logits_of(model, frames, lengths=None):
    with torch.inference_mode():
        return model(frames, lengths)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_parameter_count_is_that_computed_by_hand():
    """The paper gives none, but every size.

    BLSTM: 2 * 4 * 512 * (23 + 512 + 2) = 2,199,552 and 2 * 4 * 512 * (1024 + 512 + 2) = 6,299,648.
    A block: 2 * (1024 * 128 + 128) + 128 = 262,528. Projection: 1024 * 1024 + 1024 = 1,049,600.
    Classifier: 1024 * 4 + 4 = 4,100. One gamma per block of layer 2.
    """
    encoder, ends = 2_199_552 + 6_299_648, 1_049_600 + 4_100
    for blocks in (1, 3, 5):
        model = Moma(LABELS, JALAL, blocks=blocks)
        assert count(model) == encoder + 262_528 * (1 + blocks) + blocks + ends
    assert count(Moma(LABELS, JALAL)) == 10_603_015
    assert count(Moma(LABELS, JALAL, blocks=0)) == encoder + ends


def test_an_attention_block_is_eqs_4_and_5():
    """E = tanh(W_h y) * tanh(W_m m), m the mean of all y; weights = softmax of W_e E over time."""
    torch.manual_seed(0)
    block = ContextualAttention(4, 3)
    frames = torch.randn(1, 6, 4)
    mean = sum(frames[0]) / 6
    energies = []
    for y in frames[0]:
        e = torch.tanh(block.frame(y)) * torch.tanh(block.mean(mean))
        energies.append(math.exp((e @ block.energy.weight[0]).item()))
    expected = torch.tensor(energies) / sum(energies)
    torch.testing.assert_close(block(frames)[0], expected)


def test_an_attention_block_weighs_against_the_mean_of_valid_frames():
    torch.manual_seed(0)
    block = ContextualAttention(4, 3)
    frames = torch.randn(2, 6, 4)
    frames[1, 2:] = 1e6
    weights = block(frames, torch.arange(6) < torch.tensor([[6], [2]]))
    torch.testing.assert_close(weights[0], block(frames[:1])[0])
    torch.testing.assert_close(weights[1, :2], block(frames[1:, :2])[0])
    assert (weights[1, 2:] == 0).all()


@torch.inference_mode()
def test_the_network_is_eqs_1_to_9():
    """Frame by frame: a residual of layer 1, then three views mixed by gamma, then FC."""
    model = small().eval()
    model.gamma.data = torch.tensor([0.5, -1.0, 2.0])
    frames = turn(40)[None]
    encoded = model.blstm(model.normalise(frames))[0]
    layer1 = model.layer1(encoded)[0]
    after = torch.stack([y + a * y for a, y in zip(layer1, encoded[0], strict=True)])[None]
    views = [block(after)[0] for block in model.layer2]
    layer2 = 0.5 * views[0] - 1.0 * views[1] + 2.0 * views[2]
    context = sum(a * y for a, y in zip(layer2, after[0], strict=True))
    expected = model.output(model.projection(context))
    torch.testing.assert_close(model(frames)[0], expected, atol=1e-5, rtol=0)
    drawn = tuple(model.attention_weights(frames).values())
    torch.testing.assert_close(drawn, (layer1[None], layer2[None]), atol=1e-6, rtol=0)


def test_blocks_and_their_gammas_start_with_different_values():
    model = small()
    weights = [block.frame.weight for block in model.layer2]
    assert not torch.equal(weights[0], weights[1]) and not torch.equal(weights[1], weights[2])
    assert len(set(model.gamma.tolist())) == 3 and ((model.gamma >= 0) & (model.gamma < 1)).all()


def test_no_blocks_is_the_mean_over_time():
    model = small(blocks=0).eval()
    frames = turn(30)[None]
    with torch.inference_mode():
        mean = model.blstm(model.normalise(frames))[0].mean(dim=1)
        torch.testing.assert_close(model(frames), model.output(model.projection(mean)))


@any_blocks
def test_cached_and_whole_window_logits_agree(blocks):
    model = small(blocks=blocks, window_frames=200).eval()
    frames = turn(420)
    encoder = Encoder(model, frames.numpy(), model.window_steps)
    for n_frames in (1, 50, 100, 150, 200, 213, 250, 300, 420):
        # A frame is a step: the window is its own frames, whatever the turn was before.
        whole = logits_of(model, frames[None, max(0, n_frames - 200) : n_frames])[0]
        np.testing.assert_allclose(encoder.logits(n_frames), whole, atol=1e-5)


@any_blocks
def test_a_short_turn_has_the_same_logits_in_a_batch_and_alone(blocks):
    model = small(blocks=blocks).eval()
    frames = torch.stack([turn(120, 1), turn(120, 2), turn(120, 3)])
    lengths = torch.tensor([70, 120, 1])
    for row, n in zip(frames, lengths, strict=True):
        row[n:] = 1e6
    alone = [logits_of(model, row[None, :n]) for row, n in zip(frames, lengths, strict=True)]
    together = logits_of(model, frames, lengths)
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_attention_weights_sum_up_over_valid_frames():
    model = small().eval()
    with torch.inference_mode():
        layer1, layer2 = model.attention_weights(
            torch.stack([turn(80, 1), turn(80, 2)]), torch.tensor([80, 30])
        ).values()
    torch.testing.assert_close(layer1.sum(dim=1), torch.ones(2))
    torch.testing.assert_close(layer2.sum(dim=1), model.gamma.detach().sum().expand(2))
    assert (layer1[1, 30:] == 0).all() and (layer2[1, 30:] == 0).all()


@any_blocks
def test_every_parameter_gets_a_gradient(blocks):
    model = small(blocks=blocks).train()
    frames = torch.stack([turn(60, i) for i in range(4)])
    model(frames, torch.tensor([60, 60, 40, 20])).logsumexp(1).sum().backward()
    assert [n for n, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []


@any_blocks
def test_overfits_one_batch(blocks):
    model = small(blocks=blocks, hidden=16).train()
    windows, targets = torch.stack([turn(30, i) for i in range(6)]), torch.arange(6) % 4
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(windows), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model(windows).argmax(1).tolist() == targets.tolist()


def test_a_loaded_network_has_the_logits_of_the_saved_one(tmp_path):
    model, options = small(blocks=2).eval(), {**SMALL, "blocks": 2}
    info = ModelInfo("m", "moma", LABELS, JALAL, (-40.0,) * 23, (12.0,) * 23, options)
    save_model(tmp_path, model, info)
    frames = turn(90)[None]
    torch.testing.assert_close(logits_of(load_model(tmp_path)[0], frames), logits_of(model, frames))


def test_a_negative_number_of_blocks_is_refused():
    with pytest.raises(InputError, match="found -1; accepted is a whole number, 0 to 64"):
        small(blocks=-1)


def test_without_attention_there_are_no_weights_to_draw():
    assert small(blocks=0).attention_weights(turn(5)[None]) == {}
