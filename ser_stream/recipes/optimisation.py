"""How a network's weights are fitted: everything the training loop asks of a recipe."""

from __future__ import annotations

import dataclasses

from ser_stream.errors import InputError

OPTIMIZERS = ("adam", "adamw")
SCHEDULES = ("constant", "one_cycle", "plateau")
MONITORS = ("wa", "ua", "weighted_f1", "loss")


@dataclasses.dataclass(frozen=True)
class Optimisation:
    """Settings of the training loop.

    Attributes:
        epochs: at most so many.
        optimizer: "adam" or "adamw"; `betas`, `weight_decay` are theirs.
        schedule: of the learning rate. "constant"; "one_cycle", up and down again over all epochs
            (Smith and Topin, 2018); or "plateau": times `plateau_factor` when `monitor` has not
            improved for `plateau_patience` epochs.
        patience: stop when `monitor` has not improved for so many epochs, and keep the weights of
            the best one. 0: train all epochs and keep the last weights.
        monitor: what is watched on the validation part: "wa", "ua", "weighted_f1" or "loss".
        pretrained_rate: the learning rate of what a network begins with ready, as a share of
            `learning_rate`; 0: it stays as it is; None: no share, but all of it.
        clip_norm: the gradient is scaled down to this norm; 0 = never.
        average: decay per step of a moving average of the weights, which then is what is judged and
            kept; 0 = none.
        mixed_precision: forward passes in bfloat16 where the device computes it; False: all in
            float32, as the papers did. What is learned is float32 in both.

    Raises:
        InputError: a value that is not accepted.
    """

    epochs: int
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    schedule: str = "constant"
    plateau_patience: int = 10
    plateau_factor: float = 0.1
    patience: int = 0
    monitor: str = "wa"
    pretrained_rate: float | None = None
    clip_norm: float = 0.0
    average: float = 0.0
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        for name, accepted in (
            ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("monitor", MONITORS),
        ):  # fmt: skip
            if getattr(self, name) not in accepted:
                raise InputError(
                    f"optimisation: {name}: found {getattr(self, name)!r}; accepted are "
                    f"{', '.join(accepted)}"
                )
        for name in ("epochs", "batch_size", "plateau_patience", "patience"):
            least = 0 if name == "patience" else 1
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(
                    f"optimisation: {name}: found {value!r}; accepted is a whole number, "
                    f"{least} or more"
                )
        if not isinstance(self.mixed_precision, bool):
            raise InputError(
                f"optimisation: mixed_precision: found {self.mixed_precision!r}; accepted are true "
                "and false"
            )
        for name, least, most in (
            ("learning_rate", 0, None), ("plateau_factor", 0, 1), ("weight_decay", None, None),
            ("label_smoothing", None, 1), ("clip_norm", None, None), ("average", None, 1),
        ):  # fmt: skip
            _check_number(name, getattr(self, name), least, most)
        if self.pretrained_rate is not None:
            _check_number("pretrained_rate", self.pretrained_rate, None, None)

    @property
    def needs_validation(self) -> bool:
        """Whether what is kept hangs on a validation part."""
        return self.patience > 0 or self.schedule == "plateau"


def _check_number(name: str, value: object, above: float | None, below: float | None) -> None:
    """`above` None: 0 is accepted too."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    right = right and not (above is not None and value <= above)
    right = right and not (below is not None and value >= below)
    if not right:
        accepted = "a number above 0" if above is not None else "a number, 0 or more"
        if below is not None:
            accepted += f", below {below}"
        raise InputError(f"optimisation: {name}: found {value!r}; accepted is {accepted}")
