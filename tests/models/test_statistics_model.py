"""Heads of networks that compare statistics."""

import pytest
import torch

from ser_stream.models.registry import build_model
from ser_stream.models.whisper_states import FEATURES

LABELS = ("neutral", "happy", "sad")
STEPS = torch.randn(4, 6, 2048, generator=torch.Generator().manual_seed(1)).abs()
LENGTHS = torch.tensor([6, 3, 5, 6])
TARGETS = torch.tensor([0, 2, 1, 1])


def network(**options):
    torch.manual_seed(0)
    built = build_model("whisper_states", LABELS, FEATURES, {"hidden": 8, "dropout": 0, **options})
    built.statistics_mean.normal_()
    built.statistics_std.fill_(2.0)
    return built.eval()


@pytest.fixture
def three():
    return network(heads=3)


@pytest.fixture
def each(three):
    """The heads as networks of their own."""
    alone = [network() for _ in range(3)]
    for number, one in enumerate(alone):
        units = slice(8 * number, 8 * number + 8)
        weights = three.state_dict()
        for name in ("hidden.1.weight", "hidden.1.bias"):
            weights[name] = weights[name][units]
        weights["output.weight"] = weights["output.weight"][:, units]
        one.load_state_dict(weights)
    return alone


def test_logits_are_the_mean_of_the_heads(three, each):
    past = torch.full((4, 4), 0.2)
    with torch.inference_mode():
        expected = torch.stack([one.classify(STEPS, LENGTHS, past) for one in each]).mean(dim=0)
        torch.testing.assert_close(three.classify(STEPS, LENGTHS, past), expected)
        alone = torch.stack([one.score(STEPS)[0] for one in each]).mean(dim=0)
        torch.testing.assert_close(three.score(STEPS)[0], alone)


def test_each_head_is_trained_by_its_own_error(three, each):
    past = torch.full((4, 4), 0.2)
    arguments = (STEPS, LENGTHS, past, TARGETS, 0.1)
    loss = three.loss_of_steps(*arguments)
    alone = [one.loss_of_steps(*arguments) for one in each]
    torch.testing.assert_close(loss, torch.stack(alone).mean())
    assert len({round(float(one), 4) for one in alone}) == 3
    loss.backward()
    alone[1].backward()
    found = three.hidden[1].weight.grad[8:16]
    torch.testing.assert_close(found, each[1].hidden[1].weight.grad / 3)


def test_one_head_has_the_loss_of_its_logits():
    one = network()
    logits = one.classify(STEPS, LENGTHS, torch.zeros(4, 4))
    expected = torch.nn.functional.cross_entropy(logits, TARGETS)
    found = one.loss_of_steps(STEPS, LENGTHS, torch.zeros(4, 4), TARGETS, 0.0)
    torch.testing.assert_close(found, expected)
