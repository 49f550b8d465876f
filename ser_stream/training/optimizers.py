"""Optimizer and learning-rate schedule of a recipe's `Optimisation` settings."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from ser_stream.recipes.optimisation import Optimisation


def make_optimizer(model: nn.Module, settings: Optimisation) -> torch.optim.Optimizer:
    """Return an optimizer; pretrained layers get their own learning rate, or are frozen."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    pretrained = getattr(model, "pretrained_encoder", None)
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if pretrained is not None and settings.pretrained_rate is not None:
        pretrained.requires_grad_(settings.pretrained_rate > 0)
        loaded = list(pretrained.parameters())
        known = {id(parameter) for parameter in loaded}
        groups = [{"params": [p for p in model.parameters() if id(p) not in known]}]
        if settings.pretrained_rate:
            rate = settings.pretrained_rate * settings.learning_rate
            groups.append({"params": loaded, "lr": rate})
    return kind(
        groups, lr=settings.learning_rate, betas=settings.betas, weight_decay=settings.weight_decay
    )


def make_scheduler(
    optimizer: torch.optim.Optimizer, settings: Optimisation, steps: int
) -> OneCycleLR | ReduceLROnPlateau | None:
    """Return a learning-rate schedule; None for a constant rate.

    Args:
        steps: number of batches in an epoch.
    """
    if settings.schedule == "one_cycle":
        # Shares of corpora are rounded: an epoch may have one batch more.
        total = settings.epochs * (steps + 1)
        rates = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, rates, total_steps=total, pct_start=0.15)
    if settings.schedule == "plateau":
        # The monitored value may be negative, where a relative threshold would ask for less.
        return ReduceLROnPlateau(
            optimizer, "max", settings.plateau_factor, settings.plateau_patience,
            threshold_mode="abs",
        )  # fmt: skip
    return None
