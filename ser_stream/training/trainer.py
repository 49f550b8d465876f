"""The training loop: resumable, seeded, judged on data it does not train on, on one device or many.

With several processes (`torchrun`) each takes its share of every batch, and gradients are averaged;
the first one judges, writes, and tells the others when to stop.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from ser_stream.distributed import is_first, rank
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import Scores, score
from ser_stream.models.base import NormalisingModel
from ser_stream.recipes.optimisation import Optimisation


class Batches(Protocol):
    """What gives training batches."""

    steps: int
    """Batches in an epoch, or a few less: what schedules count on."""

    def epoch(self, rng: np.random.Generator) -> Iterator[tuple[tuple, Tensor]]:
        """Batches of one epoch: the network's arguments, and targets, indices or one-hot."""


class Labelled(Protocol):
    """What gives batches to be judged."""

    targets: np.ndarray

    def batches(self) -> Iterator[tuple[np.ndarray, tuple]]:
        """Indices (batch,) into `targets`, and the network's arguments.

        An item may come in several parts.
        """


class Objective(nn.Module):
    """A network's loss as a module's forward pass, which is where torch averages gradients."""

    def __init__(self, model: NormalisingModel, label_smoothing: float):
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing

    def forward(self, inputs: tuple, targets: Tensor) -> Tensor:
        return self.model.loss(*inputs, targets=targets, label_smoothing=self.label_smoothing)


class Trainer:
    """Trains one model by a seed, and remembers how far it came in `folder`.

    What is kept is the last epoch's weights, or their moving average, or, with early stopping,
    those of the epoch that was best on the validation part: see `Optimisation`.

    Attributes:
        best: number of the epoch that is kept, and its value of what is monitored.
    """

    def __init__(
        self,
        model: NormalisingModel,
        batches: Batches,
        optimisation: Optimisation,
        seed: int,
        folder: Path,
        device: str = "cpu",
    ):
        self.device = torch.device(device)
        # Channels last: convolutions and pooling take two thirds of the time on a CPU.
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.batches = batches
        self.optimisation = optimisation
        self.seed = seed
        self.folder = folder
        self.bfloat16 = optimisation.mixed_precision and has_bfloat16(self.device)
        self.objective: nn.Module = Objective(self.model, optimisation.label_smoothing)
        if dist.is_initialized():
            self.objective = DistributedDataParallel(self.objective)
        self.average = None
        if optimisation.average:
            average = get_ema_multi_avg_fn(optimisation.average)
            self.average = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
        self.optimizer = _optimizer(self.model, optimisation)
        self.scheduler = _scheduler(self.optimizer, optimisation, batches.steps)
        self.epoch = 0
        self.best = (0, -np.inf)
        self._watched = -np.inf
        self._best_weights: dict[str, Tensor] | None = None
        self._resume()

    @property
    def state_path(self) -> Path:
        return self.folder / "state.pt"

    def run(self, validation: Labelled | None) -> NormalisingModel:
        """Train to the end and return the model that is kept, ready to judge.

        Args:
            validation: scored after each epoch; None: nothing is, which early stopping and the
                schedule "plateau" do not allow.

        Raises:
            ValueError: they need a validation part.
            InputError: training diverged, the loss is no number any more. What is on disk is the
                epoch before.
        """
        if validation is None and self.optimisation.needs_validation:
            raise ValueError("early stopping and the schedule plateau need a validation part")
        while self.epoch < self.optimisation.epochs and not self._has_stopped():
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
                self.scheduler.step(self._watched)
            record["seconds"] = round(time.monotonic() - started, 1)
            self.epoch += 1
            if is_first():
                with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
                self._save()
        return self.kept_model()

    def kept_model(self) -> NormalisingModel:
        """A copy of the model with the weights that are kept."""
        model = copy.deepcopy(self.average.module if self.average else self.model).eval()
        if self._best_weights is not None:
            model.load_state_dict(self._best_weights)
        return model

    def _validate(self, validation: Labelled) -> dict[str, float]:
        model = self.average.module if self.average else self.model
        model.eval()
        logits = predict(model, validation)
        scores = score(model.labels, validation.targets, logits.argmax(1).numpy())
        loss = float(nn.functional.cross_entropy(logits, torch.from_numpy(validation.targets)))
        watched = {
            "wa": scores.wa, "ua": scores.ua, "weighted_f1": scores.weighted_f1, "loss": -loss,
        }  # fmt: skip
        self._remember(model, watched[self.optimisation.monitor])
        return {
            "validation_loss": round(loss, 4),
            "validation_wa": round(scores.wa, 4),
            "validation_ua": round(scores.ua, 4),
            "validation_weighted_f1": round(scores.weighted_f1, 4),
        }

    def _remember(self, model: NormalisingModel, watched: float) -> None:
        """Note what is watched, the higher the better, and the weights if it is the best yet."""
        self._watched = watched
        if self.optimisation.patience and watched > self.best[1]:
            self.best = (self.epoch + 1, watched)
            self._best_weights = {k: v.clone() for k, v in model.state_dict().items()}

    def _share_best(self) -> None:
        """The first process tells the others what it found."""
        if not dist.is_initialized() or not self.optimisation.needs_validation:
            return
        found = [self.best, self._watched]
        dist.broadcast_object_list(found)
        self.best, self._watched = found

    def _has_stopped(self) -> bool:
        patience = self.optimisation.patience
        return patience > 0 and self.epoch - self.best[0] >= patience

    def _train_epoch(self, epoch: int) -> float:
        """One pass; returns the mean loss. An epoch's randomness follows from seed and number."""
        torch.manual_seed(self.seed * 1000 + epoch + 1_000_003 * rank())
        rng = np.random.default_rng([self.seed, epoch])
        optimisation = self.optimisation
        self.objective.train()
        losses = []
        progress = tqdm(
            self.batches.epoch(rng), total=self.batches.steps, leave=False,
            desc=f"epoch {epoch + 1}/{optimisation.epochs}", disable=None if is_first() else True,
        )  # fmt: skip
        for inputs, targets in progress:
            inputs = tuple(None if part is None else part.to(self.device) for part in inputs)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
                loss = self.objective(inputs, targets.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            if optimisation.clip_norm:
                nn.utils.clip_grad_norm_(self.model.parameters(), optimisation.clip_norm)
            self.optimizer.step()
            if isinstance(self.scheduler, OneCycleLR):
                self.scheduler.step()
            if self.average:
                self.average.update_parameters(self.model)
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    def _state(self) -> dict[str, Any]:
        parts = {
            "model": self.model, "average": self.average, "optimizer": self.optimizer,
            "scheduler": self.scheduler,
        }  # fmt: skip
        return {name: part.state_dict() for name, part in parts.items() if part is not None}

    def _save(self) -> None:
        kept = {"epoch": self.epoch, "best": self.best, "best_weights": self._best_weights}
        unfinished = self.state_path.with_suffix(".tmp")
        torch.save(self._state() | kept, unfinished)
        unfinished.replace(self.state_path)  # atomic: a stop never leaves half a state

    def _resume(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.state_path.is_file():
            return
        state = torch.load(self.state_path, map_location=self.device, weights_only=True)
        for name in self._state():
            getattr(self, name).load_state_dict(state[name])
        self.epoch, self.best = state["epoch"], tuple(state["best"])
        self._best_weights = state["best_weights"]


def _optimizer(model: nn.Module, settings: Optimisation) -> torch.optim.Optimizer:
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    pretrained = getattr(model, "pretrained_encoder", None)
    groups = [{"params": list(model.parameters())}]
    if pretrained is not None and settings.pretrained_rate is not None:
        pretrained.requires_grad_(settings.pretrained_rate > 0)
        ready = list(pretrained.parameters())
        known = {id(parameter) for parameter in ready}
        groups = [{"params": [p for p in model.parameters() if id(p) not in known]}]
        if settings.pretrained_rate:
            rate = settings.pretrained_rate * settings.learning_rate
            groups.append({"params": ready, "lr": rate})
    return kind(
        groups, lr=settings.learning_rate, betas=settings.betas, weight_decay=settings.weight_decay
    )


def _scheduler(
    optimizer: torch.optim.Optimizer, settings: Optimisation, steps: int
) -> OneCycleLR | ReduceLROnPlateau | None:
    if settings.schedule == "one_cycle":
        # Shares of corpora are rounded: an epoch may have one batch more.
        total = settings.epochs * (steps + 1)
        rates = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, rates, total_steps=total, pct_start=0.15)
    if settings.schedule == "plateau":
        # What is watched may be negative, where a relative threshold would ask for less.
        return ReduceLROnPlateau(
            optimizer, "max", settings.plateau_factor, settings.plateau_patience,
            threshold_mode="abs",
        )  # fmt: skip
    return None


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 makes a step two to three times faster. Emulated, it is 7 times slower."""
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


def predict(model: NormalisingModel, data: Labelled) -> Tensor:
    """Logits (items, labels) of a model in evaluation mode: of several parts, their mean."""
    device = next(model.parameters()).device
    logits = torch.zeros(len(data.targets), len(model.labels))
    parts = torch.zeros(len(data.targets), 1)
    with torch.inference_mode():
        for members, inputs in data.batches():
            inputs = tuple(None if part is None else part.to(device) for part in inputs)
            members = torch.as_tensor(members)
            logits.index_add_(0, members, model(*inputs).float().cpu())
            parts.index_add_(0, members, torch.ones(len(members), 1))
    return logits / parts


def evaluate(model: NormalisingModel, data: Labelled) -> Scores:
    """Compare a model's answers with the targets."""
    return score(model.labels, data.targets, predict(model, data).argmax(1).numpy())
