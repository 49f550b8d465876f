"""What a recogniser is set to, checked against what its model can do."""

from __future__ import annotations

import math

import torch

from ser_stream.errors import InputError
from ser_stream.models.base import EmotionModel
from ser_stream.stream.windowing import WindowSettings
from ser_stream.units import Seconds


def torch_device(device: str) -> str:
    """The device by the name that torch has for it; of auto, a GPU where there is one.

    Raises:
        InputError: the device cannot be used.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and torch.cuda.is_available():
        return device  # untouched: of several processes, each takes memory on its own GPU alone
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"device {device!r}: {reason}; accepted are auto, cpu, and cuda where there is a GPU"
        ) from error
    return device


def check_range(
    name: str, value: float | None, low: float, high: float, may_be_none: bool = True
) -> None:
    """Raises InputError: the value is not from low to high, nor None where it may be."""
    if value is None and may_be_none:
        return
    if value is None or not low <= value <= high:
        raise InputError(f"{name}: found {value}; accepted are {low} to {high}")


def check_channel(channel: int | str) -> None:
    """Raises InputError: it is neither a number from 0 on nor "mix"."""
    if channel != "mix" and not (type(channel) is int and channel >= 0):
        raise InputError(f"channel: found {channel!r}; accepted are numbers from 0 on, and 'mix'")


def window_settings(
    model: EmotionModel, window_s: Seconds | None, hop_s: Seconds | None, min_speech_s: Seconds
) -> WindowSettings:
    """Window and hop in frames, checked against the steps of the model.

    Raises:
        InputError: they are not whole steps, or too long; the message names the nearest allowed.
    """
    step, overlap, frame_s = (
        model.frames_per_step,
        model.step_overlap_frames,
        model.features.frame_s,
    )
    hop_frames, window_frames = model.hop_frames, model.window_frames
    if hop_s is not None:
        hop_frames = _allowed("hop", hop_s, step, 0, model.window_frames - overlap, frame_s)
    if window_s is not None:
        window_frames = _allowed("window", window_s, step, overlap, model.window_frames, frame_s)
    return WindowSettings(model.features, window_frames, hop_frames, min_speech_s)


def _allowed(name: str, value_s: Seconds, step: int, base: int, most: int, frame_s: Seconds) -> int:
    """`value_s` in frames, where it is `base` and one or more whole steps, up to `most`."""
    frames = value_s / frame_s
    finite = min(max(frames, 0), most) if math.isfinite(frames) else most
    nearest = base + step * max(1, round((finite - base) / step))
    if not abs(frames - nearest) <= 0.01:
        neighbours = {n for n in (nearest - step, nearest, nearest + step) if base < n <= most}
        listed = ", ".join(f"{n * frame_s:g}" for n in sorted(neighbours))
        raise InputError(
            f"{name}: found {value_s:g} s; this model takes {(base + step) * frame_s:g} to "
            f"{most * frame_s:g} s in steps of {step * frame_s:g} s; nearest are {listed} s"
        )
    return nearest
