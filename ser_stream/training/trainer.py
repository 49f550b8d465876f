"""The training loop: resumable, seeded, validated after each epoch, on one device or several.

With several processes (`torchrun`) each takes its share of every batch, and gradients are averaged;
the first process validates, writes the state, and sends the result of the validation to the others.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ser_stream.distributed import is_first, rank
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import score
from ser_stream.files import write_bytes, write_text
from ser_stream.models.base import NormalisingModel
from ser_stream.progress import format_duration, print_line, progress
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.training.devices import has_bfloat16, move
from ser_stream.training.model_folder import STATE_FILE
from ser_stream.training.optimizers import make_optimizer, make_scheduler
from ser_stream.training.prediction import EvaluationBatches, predict

NetworkT = TypeVar("NetworkT", bound=NormalisingModel)


METRICS_FILE = "metrics.jsonl"
STATE_ERRORS = (
    RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError, TypeError,
    AttributeError,
)  # fmt: skip
"""Exceptions of torch for a state that is damaged, or of another network."""


class Batches(Protocol):
    """Training batches."""

    steps: int
    """Number of batches in an epoch, on which schedules rely; an epoch may have one more."""

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Tensor]]:
        """Yield the batches of an epoch: the network's arguments, and targets.

        Targets are label indices (batch,) or probabilities (batch, labels).
        """


@contextlib.contextmanager
def announce_resume() -> Iterator[None]:
    """Print how an interrupted run goes on; the interruption is raised again."""
    try:
        yield
    except KeyboardInterrupt:
        if is_first():
            print_line("interrupted; the same command resumes after the last whole epoch")
        raise


class Objective(nn.Module):
    """A network's loss as the forward pass of a module, where torch averages gradients."""

    def __init__(self, model: NormalisingModel, label_smoothing: float):
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing

    def forward(self, inputs: tuple[Any, ...], targets: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        return self.model.loss(*inputs, targets=targets, label_smoothing=self.label_smoothing)


class Trainer(Generic[NetworkT]):
    """Trains a network with one seed, and saves its state in `folder` after each epoch.

    Without a folder nothing is written, and an interrupted run cannot be resumed.

    The result has the last epoch's weights, or their moving average, or, with early stopping, those
    of the best epoch on the validation part: see `Optimisation`.

    Attributes:
        best: number of the best epoch, and its value of the monitored metric.
    """

    def __init__(
        self,
        model: NetworkT,
        batches: Batches,
        optimisation: Optimisation,
        seed: int,
        folder: Path | None,
        device: str = "cpu",
    ):
        self.device = torch.device(device)
        # Channels last: convolutions and pooling take two thirds of the time on a CPU.
        self.model = move(model, self.device, torch.channels_last)
        self.batches = batches
        self.optimisation = optimisation
        self.seed = seed
        self.folder = folder
        self.bfloat16 = optimisation.mixed_precision and has_bfloat16(self.device)
        self.objective: nn.Module = Objective(self.model, optimisation.label_smoothing)
        if dist.is_initialized():
            self.objective = DistributedDataParallel(self.objective)
        self.average: AveragedModel | None = None
        if optimisation.average:
            average = get_ema_multi_avg_fn(optimisation.average)
            self.average = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
        self.optimizer = make_optimizer(self.model, optimisation)
        self.scheduler = make_scheduler(self.optimizer, optimisation, batches.steps)
        self.epoch = 0
        self.best: tuple[int, float] = (0, -np.inf)
        self._monitored: float = -np.inf
        self._best_weights: dict[str, Tensor] | None = None
        self._resume()

    @property
    def state_path(self) -> Path:
        """File of the state that an interrupted run resumes from."""
        assert self.folder is not None
        return self.folder / STATE_FILE

    def run(self, validation: EvaluationBatches | None) -> NetworkT:
        """Train to the end and return the resulting network, in evaluation mode.

        Args:
            validation: scored after each epoch; None: no validation, which early stopping and the
                schedule "plateau" do not allow.

        Raises:
            ValueError: early stopping or the schedule "plateau" lacks a validation part.
            InputError: training diverged: the loss is not finite. The state on disk is that of the
                epoch before.
        """
        if validation is None and self.optimisation.needs_validation:
            raise ValueError("early stopping and the schedule plateau need a validation part")
        started, first_epoch = time.monotonic(), self.epoch
        while self.epoch < self.optimisation.epochs and not self._has_stopped():
            record = self._run_epoch(validation)
            if is_first():
                if self.folder is not None:
                    self._write(self.folder / METRICS_FILE, record)
                elapsed_s = time.monotonic() - started
                print_line(self._epoch_line(record, elapsed_s / (self.epoch - first_epoch)))
        return self.result()

    def _run_epoch(self, validation: EvaluationBatches | None) -> dict[str, float]:
        """Train and validate one epoch; return its line of metrics.jsonl."""
        started = time.monotonic()
        loss = self._train_epoch(self.epoch)
        if not math.isfinite(loss):
            raise InputError(
                f"optimisation: learning_rate: found {self.optimisation.learning_rate:g}, with "
                f"which training diverged: the loss of epoch {self.epoch + 1} is {loss}; lower "
                f"it, or set clip_norm, and train into another folder than {self.folder}"
            )
        record = {"epoch": self.epoch + 1, "loss": round(loss, 4)}
        if validation is not None and is_first():
            record |= self._validate(validation)
        self._share_best()
        record["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(self._monitored)
        record["seconds"] = round(time.monotonic() - started, 1)
        self.epoch += 1
        return record

    def _epoch_line(self, record: dict[str, float], epoch_s: float) -> str:
        """Return one line about an epoch; `epoch_s` is the mean duration of an epoch so far."""
        parts = [f"loss {record['loss']:.4f}"]
        parts += [
            f"validation {name.upper()} {record[f'validation_{name}']:.1%}"
            for name in ("wa", "ua")
            if f"validation_{name}" in record
        ]
        parts.append(format_duration(record["seconds"]))
        remaining_s = (self.optimisation.epochs - self.epoch) * epoch_s
        if remaining_s:
            at_most = "at most" if self.optimisation.patience else "about"
            parts.append(f"{at_most} {format_duration(remaining_s)} remaining")
        return f"epoch {self.epoch} of {self.optimisation.epochs}: {', '.join(parts)}"

    def result(self) -> NetworkT:
        """Return a copy of the network with the resulting weights, in evaluation mode."""
        model = copy.deepcopy(self._evaluated_model).eval()
        if self._best_weights is not None:
            model.load_state_dict(self._best_weights)
        return model

    @property
    def _evaluated_model(self) -> NetworkT:
        """The network with averaged weights, or the trained network itself."""
        return self.model if self.average is None else cast(NetworkT, self.average.module)

    def _validate(self, validation: EvaluationBatches) -> dict[str, float]:
        model = self._evaluated_model.eval()
        logits = predict(model, validation)
        scores = score(model.labels, validation.targets, logits.argmax(1).numpy())
        loss = float(nn.functional.cross_entropy(logits, torch.from_numpy(validation.targets)))
        monitored = {
            "wa": scores.wa, "ua": scores.ua, "weighted_f1": scores.weighted_f1, "loss": -loss,
        }  # fmt: skip
        self._remember(model, monitored[self.optimisation.monitor])
        return {
            "validation_loss": round(loss, 4),
            "validation_wa": round(scores.wa, 4),
            "validation_ua": round(scores.ua, 4),
            "validation_weighted_f1": round(scores.weighted_f1, 4),
        }

    def _remember(self, model: NormalisingModel, monitored: float) -> None:
        """Note the monitored value, the higher the better, and the weights of the best epoch."""
        self._monitored = monitored
        if self.optimisation.patience and monitored > self.best[1]:
            self.best = (self.epoch + 1, monitored)
            self._best_weights = {k: v.clone() for k, v in model.state_dict().items()}

    def _share_best(self) -> None:
        """Send the validation of the first process to the others."""
        if not dist.is_initialized() or not self.optimisation.needs_validation:
            return
        shared: list[Any] = [self.best, self._monitored]
        dist.broadcast_object_list(shared)
        self.best, self._monitored = shared

    def _has_stopped(self) -> bool:
        patience = self.optimisation.patience
        return patience > 0 and self.epoch - self.best[0] >= patience

    def _train_epoch(self, epoch: int) -> float:
        """Train one epoch, whose randomness follows from seed and number; return the mean loss."""
        torch.manual_seed(self.seed * 1000 + epoch + 1_000_003 * rank())
        batches = self.batches.epoch(np.random.default_rng([self.seed, epoch]))
        self.objective.train()
        description = f"epoch {epoch + 1} of {self.optimisation.epochs}"
        return float(
            torch.stack([
                self._train_batch(inputs, targets)
                for inputs, targets in progress(
                    batches, description, self.batches.steps, show=is_first()
                )
            ]).mean()
        )  # fmt: skip

    def _train_batch(self, inputs: tuple[Any, ...], targets: Tensor) -> Tensor:
        """Take one step of the optimizer; return the loss."""
        inputs = tuple(None if part is None else part.to(self.device) for part in inputs)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            loss = self.objective(inputs, targets.to(self.device))
        self.optimizer.zero_grad()
        loss.backward()
        if self.optimisation.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.optimisation.clip_norm)
        self.optimizer.step()
        if isinstance(self.scheduler, OneCycleLR):
            self.scheduler.step()
        if self.average:
            self.average.update_parameters(self.model)
        return loss.detach()

    def _write(self, path: Path, record: dict[str, float]) -> None:
        """Write the metrics up to this epoch, then the state.

        The line of an epoch whose state was not written any more is replaced.
        """
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        kept = [line for line in lines if json.loads(line)["epoch"] < record["epoch"]]
        write_text(path, "".join(f"{line}\n" for line in [*kept, json.dumps(record)]))
        self._save()

    def _state(self) -> dict[str, Any]:
        parts = {
            "model": self.model, "average": self.average, "optimizer": self.optimizer,
            "scheduler": self.scheduler,
        }  # fmt: skip
        return {name: part.state_dict() for name, part in parts.items() if part is not None}

    def _save(self) -> None:
        best = {"epoch": self.epoch, "best": self.best, "best_weights": self._best_weights}
        content = io.BytesIO()
        torch.save(self._state() | best, content)
        write_bytes(self.state_path, content.getbuffer())

    def _resume(self) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.state_path.is_file():
            return
        try:
            state = torch.load(self.state_path, map_location=self.device, weights_only=True)
            for name in self._state():
                getattr(self, name).load_state_dict(state[name])
            self.epoch, self.best = state["epoch"], tuple(state["best"])
            self._best_weights = state["best_weights"]
        except STATE_ERRORS as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{self.state_path}: cannot be resumed from: {reason}; delete it to train from the "
                "first epoch on"
            ) from error
        if is_first():
            print_line(f"resuming after epoch {self.epoch}")
