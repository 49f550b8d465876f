"""Checks of a model's description that concern several fields together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ser_stream.emotion import INTERVAL, UTTERANCE, canonical_label
from ser_stream.errors import InputError, shown
from ser_stream.features.samples import SampleConfig
from ser_stream.models.options import Buckets
from ser_stream.units import Seconds
from ser_stream.validation import convert_value

if TYPE_CHECKING:
    from ser_stream.models.info import ModelInfo

TRIGGERS = (INTERVAL, UTTERANCE)
"""Triggers that every model has a calibration for."""
MIN_HOP_S: Seconds = 0.02
MAX_WINDOW_S: Seconds = 60.0
"""Limits of a network's framing."""


def checked(info: ModelInfo, where: str) -> ModelInfo:
    """Return the description with canonical labels, after checking the sizes of its lists.

    Raises:
        InputError: a label is unknown or there twice, a trigger is unknown or missing, or a list
            has another number of values than there are labels or features.
    """
    try:
        labels = tuple(canonical_label(label) for label in info.labels)
    except InputError as error:
        raise InputError(f"{where}: labels: {error}") from error
    if not labels or len(set(labels)) < len(labels):
        raise InputError(
            f"{where}: labels: found {', '.join(labels) or '[]'}; accepted are different emotions"
        )
    if set(info.calibration) != set(TRIGGERS):
        raise InputError(
            f"{where}: calibration: found {shown(list(info.calibration))}; accepted "
            f"are {' and '.join(TRIGGERS)}"
        )
    n_features = 0 if isinstance(info.features, SampleConfig) else info.features.dimension
    for name, values in (("mean", info.mean), ("std", info.std)):
        if len(values) != n_features:
            raise InputError(
                f"{where}: {name}: found {len(values)} values; accepted are {n_features}, one per "
                "feature"
            )
    for trigger, calibration in info.calibration.items():
        for name, values in (("neutral", calibration.neutral), ("offset", calibration.offset)):
            if len(values) not in (0, len(labels)):
                raise InputError(
                    f"{where}: calibration.{trigger}.{name}: found {len(values)} values; accepted "
                    f"are {len(labels)}, one per label, or none"
                )
        new, known = calibration.new_voice_temperature, calibration.temperature
        if new is not None and new < known:
            raise InputError(
                f"{where}: calibration.{trigger}.new_voice_temperature: found {new:g}; accepted "
                f"are numbers from its temperature, {known:g}, on, and null"
            )
    _check_options(info, where)
    _check_framing(info, where)
    return dataclasses.replace(info, labels=labels)


def _check_options(info: ModelInfo, where: str) -> None:
    """Check the options that are used without the network's class, which needs torch.

    Raises:
        InputError: one of them is not accepted.
    """
    kinds: dict[str, Any] = {"vocabulary": tuple[str, ...], "ngram_buckets": Buckets}
    for name, kind in kinds.items():
        if name in info.options:
            convert_value(info.options[name], kind, where, f"options.{name}")


def _check_framing(info: ModelInfo, where: str) -> None:
    """Check that hops and windows are whole steps of an accepted length.

    Raises:
        InputError: they are not.
    """
    framing = None if info.onnx is None else info.onnx.framing
    if framing is None:
        return
    window_s = framing.window_frames * info.features.frame_s
    hop_s = framing.hop_frames * info.features.frame_s
    whole = framing.hop_frames % framing.frames_per_step == 0 and (
        framing.steps_in(framing.window_frames) * framing.frames_per_step
        == framing.window_frames - framing.step_overlap_frames
    )
    if not whole or not MIN_HOP_S <= hop_s <= window_s <= MAX_WINDOW_S:
        raise InputError(
            f"{where}: onnx.framing: found a hop of {hop_s:g} s and a window of {window_s:g} s, "
            f"in steps of {framing.frames_per_step} frames; accepted are whole steps, and "
            f"{MIN_HOP_S:g} s <= hop <= window <= {MAX_WINDOW_S:g} s"
        )
