"""The training loop."""

import pytest
import torch

from ser_stream.recipes.optimisation import Optimisation
from ser_stream.training import trainer


class Layer(torch.nn.Module):
    """A linear layer that records the type its forward pass is computed in."""

    labels = ("sad", "happy")

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def loss(self, items, targets, label_smoothing):
        output = self.layer(items)
        self.dtype = output.dtype
        return (output.float() - targets).square().mean()


class OneBatch:
    steps = 1

    def epoch(self, rng):
        yield (torch.ones(4, 2),), torch.ones(4, 1)


@pytest.mark.parametrize(
    ("settings", "dtype"),
    [({}, torch.bfloat16), ({"mixed_precision": False}, torch.float32)],
)
def test_bfloat16_can_be_switched_off_where_the_device_has_it(
    settings, dtype, monkeypatch, tmp_path
):
    monkeypatch.setattr(trainer, "has_bfloat16", lambda device: True)
    optimisation = Optimisation(epochs=1, **settings)
    trained = trainer.Trainer(Layer(), OneBatch(), optimisation, seed=0, folder=tmp_path)
    trained.run(None)
    assert trained.model.dtype == dtype
    assert trained.model.layer.weight.dtype == torch.float32
