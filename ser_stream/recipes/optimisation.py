"""Settings of the training loop, the same for every kind of recipe."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from msgspec import Meta

Decay = Annotated[float, Meta(ge=0, lt=1)]
NotNegative = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]


@dataclasses.dataclass(frozen=True)
class Optimisation:
    """How the weights of a network are fitted.

    Attributes:
        epochs: maximum number of epochs.
        batch_size: examples per step.
        optimizer: "adam" or "adamw"; `betas` and `weight_decay` are its parameters.
        learning_rate: peak learning rate of the schedule.
        label_smoothing: probability mass that is spread evenly over all labels.
        schedule: of the learning rate. "constant"; "one_cycle": up and down again over all epochs
            (Smith and Topin, 2018); "plateau": times `plateau_factor` when `monitor` has not
            improved for `plateau_patience` epochs.
        patience: stop when `monitor` has not improved for this many epochs, and keep the weights of
            the best epoch. 0: train all epochs and keep the last weights.
        monitor: metric of the validation part: "wa", "ua", "weighted_f1" or "loss".
        pretrained_rate: learning-rate multiplier for pretrained layers. 0 freezes them; None means
            1.
        clip_norm: maximum norm of the gradient; 0 turns clipping off.
        average: decay per step of a moving average of the weights, which is then evaluated and
            kept instead of the weights themselves; 0 turns averaging off.
        mixed_precision: run forward passes in bfloat16 where the device supports it. False: float32
            throughout, as in the papers. Weights and optimiser state are float32 in both cases.
    """

    epochs: Annotated[int, Meta(ge=1, le=1_000_000)]
    batch_size: Annotated[int, Meta(ge=1, le=1_000_000)] = 32
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: Positive = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    weight_decay: NotNegative = 0.0
    label_smoothing: Decay = 0.0
    schedule: Literal["constant", "one_cycle", "plateau"] = "constant"
    plateau_patience: Annotated[int, Meta(ge=1)] = 10
    plateau_factor: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    patience: Annotated[int, Meta(ge=0)] = 0
    monitor: Literal["wa", "ua", "weighted_f1", "loss"] = "wa"
    pretrained_rate: NotNegative | None = None
    clip_norm: NotNegative = 0.0
    average: Decay = 0.0
    mixed_precision: bool = True

    @property
    def needs_validation(self) -> bool:
        """Whether training depends on metrics of a validation part."""
        return self.patience > 0 or self.schedule == "plateau"
