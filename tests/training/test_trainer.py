"""The training loop."""

import errno
import json

import pytest
import torch

from ending import killed_at, run_apart, temporaries, with_largest_file
from ser_stream.errors import InputError
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


EPOCHS = 3


class Noise:
    """Batches that differ from epoch to epoch."""

    steps = 2

    def epoch(self, rng):
        for _ in range(self.steps):
            yield (torch.from_numpy(rng.normal(size=(4, 2))).float(),), torch.ones(4, 1)


def trained_in(folder):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    settings = Optimisation(epochs=EPOCHS, optimizer="adamw", average=0.9)
    return trainer.Trainer(Layer(), Noise(), settings, seed=1, folder=folder).run(None)


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def undisturbed(tmp_path):
    return trained_in(tmp_path / "undisturbed").layer.weight


def test_a_run_that_is_killed_at_any_write_resumes(tmp_path, undisturbed):
    """The result is that of a run without interruption, and no epoch is in the metrics twice."""
    folder, number = tmp_path / "run", 0
    while killed_at(number, folder, lambda: trained_in(folder)):
        number += 1 + number % 3  # the next process gets a little further
    assert number > 8
    assert torch.equal(trained_in(folder).layer.weight, undisturbed)
    assert [line["epoch"] for line in metrics(folder)] == list(range(1, EPOCHS + 1))
    assert temporaries(folder) == []


def test_a_run_on_a_full_disk_keeps_its_state_and_resumes(tmp_path, undisturbed):
    folder = tmp_path / "run"
    reached = []
    for n_bytes in (10, 100, 1000):  # of the metrics' lines; of the state
        _, error = run_apart(with_largest_file(n_bytes, lambda: trained_in(folder)))
        assert f"[Errno {errno.EFBIG}] File too large; nothing there was changed" in error
        assert str(folder) in error and temporaries(folder) == []
        reached.append((folder / "metrics.jsonl").is_file())
    assert reached == [False, True, True] or reached == [False, False, True]
    assert torch.equal(trained_in(folder).layer.weight, undisturbed)
    assert [line["epoch"] for line in metrics(folder)] == list(range(1, EPOCHS + 1))


@pytest.mark.parametrize("content", [b"", b"PK damaged", b"\x80\x02}q\x00."])
def test_a_damaged_state_is_an_error_of_one_line(tmp_path, content):
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(
        InputError, match=r"state.pt: cannot be resumed from: .*; delete it"
    ) as error:
        trained_in(tmp_path)
    assert "\n" not in str(error.value)


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch, undisturbed):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    assert torch.equal(trained_in(None).layer.weight, undisturbed)
    assert set(tmp_path.rglob("*")) == before
