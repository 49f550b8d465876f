import pytest
import torch

from ser_stream.recipes.optimisation import Optimisation
from ser_stream.training.optimizers import make_scheduler


def test_the_plateau_schedule_monitors_the_loss():
    """The scheduler is given the negative loss, which rises when the loss falls."""
    settings = Optimisation(
        epochs=9, schedule="plateau", monitor="loss", patience=3, plateau_patience=2,
        plateau_factor=0.1, learning_rate=1e-3,
    )  # fmt: skip
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = make_scheduler(optimizer, settings, 10)
    rates = []
    for loss in (2.0, 1.5, *6 * [1.4]):
        scheduler.step(-loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([*5 * [1e-3], *3 * [1e-4]])
